"""What the evidence log stores.

Law: a record's body is complete in memory and masked before it reaches the log. The fields that
only steer masking (``marks``, ``columns``, ``relations``, ``proven``, ``readable``, ``unread`` …)
are emptied by masking; a body that still has marks has not been masked, and the log refuses it.
"""

from typing import NewType

import msgspec

from custody.model.command import Argument, Column, Command, Relation
from custody.model.gateway_records import (
    AdminAct,
    AnchorAccepted,
    ClockJump,
    ConfigLoaded,
    EvidenceRead,
    Heartbeat,
    KeysEscrowed,
    LogClose,
    LogOpen,
    Recovery,
)
from custody.model.identity import Identity, Loop
from custody.model.words import Decision, Ended, Exceeded, LoopId, Method, Outcome, SessionId

Milliseconds = NewType("Milliseconds", int)
"""Since the Unix epoch, gateway clock."""


class LoopStart(msgspec.Struct, frozen=True, tag="loop.start"):
    loop: Loop
    ticket: str


class LoopEnd(msgspec.Struct, frozen=True, tag="loop.end"):
    reason: str


class SessionStart(msgspec.Struct, frozen=True, tag="session.start"):
    target: str
    protocol: str
    subject: str
    issuer: str
    groups: tuple[str, ...]
    client: str
    user: str
    database: str
    application: str
    tls: str
    """Version and cipher towards the client, or empty for clear text."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Start-up parameters that are not named above."""


class SessionEnd(msgspec.Struct, frozen=True, tag="session.end"):
    reason: str
    commands: int
    refused: int
    bytes_up: int
    bytes_down: int


class SessionCarry(msgspec.Struct, frozen=True, tag="session.carry"):
    """An open session at a year's end: its counter and last leaf hash in the old log."""

    n: int
    leaf: str


class LoginRefused(msgspec.Struct, frozen=True, tag="login.refused"):
    reason: str
    """One of a closed set, such as ``ticket.unknown``, ``ticket.expired``, ``grant.missing``."""
    target: str
    protocol: str
    client: str
    user: str = ""
    application: str = ""
    subject: str = ""


class LoginAccepted(msgspec.Struct, frozen=True, tag="login.accepted"):
    """Somebody proved who they are, and the gateway remembers it."""

    login: str
    """The login's id; empty where the proof went into a loop at once."""
    identity: Identity
    method: Method
    provider: str
    client: str
    expires: int
    facts: tuple[tuple[str, str], ...] = ()


class LoginEnd(msgspec.Struct, frozen=True, tag="login.end"):
    login: str
    reason: str
    """Of a closed set: ``logout``, ``expired``, ``revoked``, ``provider.logout``,
    ``provider.refused``."""


class BudgetExceeded(msgspec.Struct, frozen=True, tag="budget.exceeded"):
    """A loop has used up what it may; what follows is ``then``."""

    quantity: str
    limit: int
    used: int
    then: Exceeded


class CredentialLeased(msgspec.Struct, frozen=True, tag="credential.leased"):
    """A target's credential was taken out for a loop. Nothing of the secret is here."""

    target: str
    source: str
    user: str
    lease: str = ""
    expires: int | None = None


class CredentialReturned(msgspec.Struct, frozen=True, tag="credential.returned"):
    target: str
    lease: str
    revoked: bool
    """Whether the store confirmed that it opens nothing any more."""


class CommandSeen(msgspec.Struct, frozen=True, tag="command"):
    """A command and its verdict, durable before the command moves."""

    command: Command
    decision: Decision
    rule: str
    reason: str
    policy: str
    """Hexadecimal digest of the policy that decided."""
    target: str
    stage: str = "execute"
    """``execute``; ``parse`` where it was refused before any values were bound; ``bind`` where long
    bind values were announced and are about to be streamed."""


class Injected(msgspec.Struct, frozen=True, tag="injected"):
    """The one fixed failing message that makes a server abort a transaction."""

    command: int | None
    """The refused command's ``n``; ``None`` where it could not be recorded, and was refused so."""
    message: str


class ErrorReport(msgspec.Struct, frozen=True):
    """A server's error or notice, by field."""

    severity: str
    code: str
    message: str
    detail: str = ""
    hint: str = ""
    context: str = ""
    schema: str = ""
    relation: str = ""
    column: str = ""
    constraint: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    """Other fields, by their protocol letter or name."""


class OutputColumn(msgspec.Struct, frozen=True):
    """A result column. ``origin`` is set only where it is proven to be that column, unchanged."""

    name: str
    type: str
    origin: Column | None = None


class Response(msgspec.Struct, frozen=True, tag="response"):
    """What came back for a command.

    ``rows`` counts all rows, ``captured`` holds the first of them as text (``None``: SQL NULL)
    within the capture bound; ``bytes`` counts all result bytes on the wire. ``truncated`` says
    that rows, or parts of values, were left out of ``captured``.
    """

    command: int | None
    """The command's ``n``; ``None`` where no command was open (an error in a Parse, say)."""
    outcome: Outcome
    tag: str
    """The server's completion tag, such as ``UPDATE 3``."""
    rows: int
    bytes: int
    duration_us: int
    """From the command's forwarding to its final frame, microseconds; 0 where refused."""
    columns: tuple[OutputColumn, ...] = ()
    captured: tuple[tuple[str | None, ...], ...] = ()
    truncated: bool = False
    error: ErrorReport | None = None
    notices: tuple[ErrorReport, ...] = ()
    notices_dropped: int = 0
    digest: str = ""
    """Of the whole unmasked content, where it was streamed (COPY data). In memory: SHA-256, hex.
    The log replaces it by HMAC-SHA256 under the day's content key before anything is stored."""
    relations: tuple[Relation, ...] = ()
    resolved: bool = True
    arguments: tuple[Argument, ...] = ()
    """For output parameters of a function call; empty otherwise."""
    unread: tuple[tuple[int, int, int], ...] = ()
    """Row, column and length of the captured cells that could not be decoded (hexadecimal)."""
    derived: tuple[tuple[Column, ...] | None, ...] = ()
    """Of each result column, the columns that it is worked out from and nothing else, where that is
    certain: none for a count."""
    open: bool = False
    """How its transaction ends is not said yet: a ``transaction`` record follows."""
    wrote: bool | msgspec.UnsetType = msgspec.UNSET
    """``rows`` are of a command that writes: for what counts them. It is not kept."""


class TransactionEnded(msgspec.Struct, frozen=True, tag="transaction"):
    """How a transaction ended that held more than one command, by the server's own word; or a part
    of one that was rolled back to a savepoint, before the record of the whole.
    """

    first: int
    """Its commands are those with an ``n`` from here …"""
    last: int
    """… to here."""
    ended: Ended


class Notification(msgspec.Struct, frozen=True, tag="notification"):
    """Data that a server sent of its own accord (NOTIFY), as much as came at once."""

    count: int
    """Of all that came; ``captured`` holds the first of them, within a bound."""
    bytes: int
    captured: tuple[tuple[str, str], ...] = ()
    """Channel and payload."""
    truncated: bool = False


class ResponseUnknown(msgspec.Struct, frozen=True, tag="response.unknown"):
    """Written on recovery for a command that has no response: it is never sent again."""

    command: int


class Stream(msgspec.Struct, frozen=True, tag="stream"):
    """Data that moved outside rows: COPY data towards the server, long bind values.

    ``digest`` as in ``Response``. ``captured`` is text within the capture bound.
    """

    command: int | None
    direction: str
    """``up`` (towards the target) or ``down``."""
    kind: str
    """``copy``, ``bind``, ``replication``."""
    bytes: int
    announced: int | None = None
    columns: tuple[OutputColumn, ...] = ()
    captured: tuple[tuple[str | None, ...], ...] = ()
    truncated: bool = False
    digest: str = ""
    relations: tuple[Relation, ...] = ()
    resolved: bool = True
    unread: tuple[tuple[int, int, int], ...] = ()
    """As in ``Response``."""


class Opaque(msgspec.Struct, frozen=True, tag="opaque"):
    """Something that moved or was seen and is not understood."""

    what: str
    bytes: int


class Gap(msgspec.Struct, frozen=True, tag="gap"):
    """Evidence that is known to be missing, and why."""

    what: str
    count: int


Body = (
    LogOpen
    | LogClose
    | LoopStart
    | LoopEnd
    | SessionStart
    | SessionEnd
    | SessionCarry
    | LoginRefused
    | LoginAccepted
    | LoginEnd
    | BudgetExceeded
    | CredentialLeased
    | CredentialReturned
    | CommandSeen
    | Injected
    | Response
    | TransactionEnded
    | Notification
    | ResponseUnknown
    | Stream
    | Opaque
    | Gap
    | ConfigLoaded
    | KeysEscrowed
    | AdminAct
    | EvidenceRead
    | AnchorAccepted
    | ClockJump
    | Recovery
    | Heartbeat
)


class Record(msgspec.Struct, frozen=True):
    """One event on its way to the log. The log gives it its index, ``n`` and links."""

    time: Milliseconds
    body: Body
    loop: LoopId | None = None
    session: SessionId | None = None


class Receipt(msgspec.Struct, frozen=True):
    """Where a record stands. ``index`` counts in this year's log, ``n`` in its session."""

    index: int
    n: int
    """0 and up within the session; -1 for a record that belongs to none."""


class StoredRecord(msgspec.Struct, frozen=True):
    """A record as it is read back."""

    log: str
    """The log's origin, ``NAME/YEAR``."""
    index: int
    n: int
    time: Milliseconds
    loop: LoopId | None
    session: SessionId | None
    body: Body
