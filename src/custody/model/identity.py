"""Who acts, in which loop, over which connection."""

from typing import Final

import msgspec

from custody.model.secret import Secret
from custody.model.words import (
    Effect,
    Exceeded,
    IdentityKind,
    LoginId,
    LoopId,
    Method,
    SessionId,
    TargetName,
    TicketId,
)


class Identity(msgspec.Struct, frozen=True):
    """Who, as the identity provider (or the operator, ``issuer = "local"``) vouched for it."""

    subject: str
    issuer: str
    groups: tuple[str, ...]
    kind: IdentityKind = IdentityKind.AGENT


class Proof(msgspec.Struct, frozen=True):
    """What a provider proved of somebody, every check passed. Times are Unix milliseconds."""

    identity: Identity
    method: Method
    provider: str
    """The provider's name in the configuration."""
    issued: int
    expires: int
    """When the proof itself lapses; what is made from it may live longer only where configured."""
    facts: tuple[tuple[str, str], ...] = ()
    """What the provider vouched for beside the identity: repository, commit, job …"""
    session: str = ""
    """The provider's own name of the login (OIDC ``sid``, SAML ``SessionIndex``)."""
    use: str = ""
    """What must not be used twice (``jti``, assertion id); empty where repeats are meant."""


class RememberedLogin(msgspec.Struct, frozen=True):
    """A proof that the gateway remembers; starts loops until it ends. ``digest`` as in a ticket."""

    id: LoginId
    proof: Proof
    digest: bytes
    started: int
    expires: int
    client: str = ""
    """The address that it was made from."""
    ended: int | None = None


class Scope(msgspec.Struct, frozen=True):
    """What a loop was narrowed to when it was started; ``None`` narrows nothing."""

    targets: tuple[TargetName, ...] | None = None
    effects: frozenset[Effect] | None = None


class Budget(msgspec.Struct, frozen=True):
    """What a loop may use up; ``None``: no limit. ``bytes`` are result bytes, as responses count
    them; ``writes`` are commands with any effect but ``read``; ``denials`` are refused commands.
    """

    commands: int | None = None
    rows: int | None = None
    bytes: int | None = None
    writes: int | None = None
    denials: int | None = None
    then: Exceeded = Exceeded.END


class Spent(msgspec.Struct, frozen=True):
    """What a loop has used up, its children included."""

    commands: int = 0
    rows: int = 0
    bytes: int = 0
    writes: int = 0
    denials: int = 0


class Tally(msgspec.Struct, frozen=True):
    """Where a loop stands. ``forgiven`` is what it had used when an operator last let it go on;
    ``paused`` is the quantity for which it waits to be let on, or empty.
    """

    spent: Spent = Spent()
    forgiven: Spent = Spent()
    paused: str = ""


class Loop(msgspec.Struct, frozen=True):
    """One run of an agent. Times are milliseconds since the Unix epoch, gateway clock."""

    id: LoopId
    identity: Identity
    """Who acts."""
    started: int
    expires: int
    purpose: str = ""
    on_behalf_of: str = ""
    """For whom it acts, as text; proven only where ``principal`` is set."""
    parent: LoopId | None = None
    principal: Identity | None = None
    """For whom it acts, proven. A command must be within the grants of both."""
    facts: tuple[tuple[str, str], ...] = ()
    """What a workload token proved beside the identity: repository, commit, job …"""
    client: str = ""
    """The host that the loop runs on, as its starter said; a claim."""
    scope: Scope | None = None
    budget: Budget | None = None
    """Narrower than the grants' own, where the loop was started so."""
    login: LoginId | None = None


class Admission(msgspec.Struct, frozen=True):
    """A ticket that was recognised, with the loop that it is bound to."""

    ticket: TicketId
    loop: Loop


class NotAdmitted(msgspec.Struct, frozen=True):
    """Who brought a token and is not let in: the code of why, and who that is, where it proved."""

    reason: str
    subject: str = ""


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


class Credential(msgspec.Struct, frozen=True):
    """What opens a target, leased from a vault."""

    secret: Secret
    user: str = ""
    """Whom it belongs to; empty for the target's configured user."""
    source: str = ""
    """The reference that it came from, without a value."""
    lease: str = ""
    """The store's own name of it, where it was made for this loop alone."""
    expires: int | None = None


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


GATEWAY: Final = Loop(
    LoopId("gateway"), Identity("gateway", "custody", (), IdentityKind.SERVICE), 0, 1 << 62
)
"""The gateway's own acts at a target; no loop of anybody's."""
