"""Who acts, in which loop, over which connection."""

import msgspec

from custody.model.words import IdentityKind, LoopId, SessionId, TargetName, TicketId


class Identity(msgspec.Struct, frozen=True):
    """Who, as the identity provider (or the operator, ``issuer = "local"``) vouched for it."""

    subject: str
    issuer: str
    groups: tuple[str, ...]
    kind: IdentityKind = IdentityKind.AGENT


class Loop(msgspec.Struct, frozen=True):
    """One run of an agent. Times are milliseconds since the Unix epoch, gateway clock."""

    id: LoopId
    identity: Identity
    started: int
    expires: int
    purpose: str = ""
    on_behalf_of: str = ""
    parent: LoopId | None = None


class Admission(msgspec.Struct, frozen=True):
    """A ticket that was recognised, with the loop that it is bound to."""

    ticket: TicketId
    loop: Loop


class Ticket(msgspec.Struct, frozen=True):
    """A ticket as it is kept: what it opens, never the secret that opens it.

    ``digest`` is the SHA-256 of the secret's 32 random bytes. ``revoked`` is when the ticket was
    withdrawn, ``ended`` when its loop was; ``None`` while they hold.
    """

    id: TicketId
    loop: Loop
    digest: bytes
    created: int
    expires: int
    revoked: int | None = None
    ended: int | None = None


class Session(msgspec.Struct, frozen=True):
    """One client connection to one target inside a loop, as a policy sees it."""

    id: SessionId
    loop: Loop
    target: TargetName
    protocol: str
    client: str
    """Address and port of the peer, as text."""
    user: str
    """What the client called itself; a claim, never an identity."""
    database: str
    """The database (or the protocol's like of it) inside the target."""
    application: str
    started: int
