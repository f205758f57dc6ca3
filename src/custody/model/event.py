"""The events that a codec gives its host.

Law: an event is complete in itself and is given once. Bytes that an event holds are slices of
what was received; the host forwards them as they are, in the order of the events.
"""

from collections.abc import Hashable

import msgspec

from custody.model.command import Command, Wire
from custody.model.record import Body, Notification, Response, Stream
from custody.model.refusal import Refusal
from custody.model.secret import Secret
from custody.model.words import Ended, Side


class Send(msgspec.Struct, frozen=True):
    """Bytes of the gateway's own (a login, an error, an injected message) for one side."""

    to: Side
    data: bytes


class TlsRequested(msgspec.Struct, frozen=True):
    """A side asks for TLS. The host writes ``accept`` and starts TLS, or writes ``decline``.

    ``buffered`` counts bytes that came behind the request in clear text; if it is not 0 the host
    must end the session (the CVE-2021-23214 class).
    """

    accept: bytes
    decline: bytes
    buffered: int = 0


class TlsAnswered(msgspec.Struct, frozen=True):
    """The server answered the gateway's own request for TLS. ``buffered`` as above."""

    accepted: bool
    buffered: int = 0


class LoginRequest(msgspec.Struct, frozen=True):
    """What a client asked for. All of it is claims."""

    target: str
    """Empty where the client named none."""
    database: str
    """The database inside the target; empty for the target's own."""
    user: str
    application: str
    parameters: tuple[tuple[str, str], ...]
    """Start-up parameters to pass on, in order, without user and database."""
    stream: str = ""
    """An opaque stream instead of commands, by the name that a grant gives it (``replication``)."""


class LoginReceived(msgspec.Struct, frozen=True):
    """A complete login. The host answers with ``codec.admit`` or ``codec.refuse``."""

    login: LoginRequest
    secret: Secret


class SessionReady(msgspec.Struct, frozen=True):
    """Both logins are done; from here on commands flow. ``sends`` complete the client's login."""

    sends: tuple[Send, ...]


class LoginFailed(msgspec.Struct, frozen=True):
    """The target refused the gateway's login, or cannot be spoken to."""

    reason: str
    """Closed set: ``target.password``, ``target.tls``, ``target.protocol``, ``target.error``."""
    refusal: Refusal


class CancelReceived(msgspec.Struct, frozen=True):
    """A cancel request that names one of the gateway's own session keys. The connection is over."""

    key: bytes


class Inquiry(msgspec.Struct, frozen=True):
    """The codec must know something before it can go on. The host finds out, then calls
    ``codec.answer(question, answer)``; until then ``next_event`` for that side gives ``None``.
    """

    question: Hashable


class CatalogueStale(msgspec.Struct, frozen=True):
    """What was learnt from the target's catalogue may be true no more: the host forgets it."""

    settled: bool = False
    """Nothing that this session has done is still to take effect: as before ``unsettles``."""


class CommandsReceived(msgspec.Struct, frozen=True):
    """One message that holds one or more commands; all are judged, then it moves whole or not.

    The host calls ``codec.allow(event)`` or ``codec.refuse(event, refusal)`` before it asks for
    the next event, and writes ``wire`` upstream only once the commands' records are durable.
    ``stage`` as in ``CommandSeen``: at ``parse`` nothing is recorded unless it is refused.
    """

    commands: tuple[Command, ...]
    wire: Wire
    stage: str = "execute"
    token: int = 0
    """The codec's own mark for this message; it comes back in ``ResponseReceived``."""
    unsettles: bool = False
    """It may change the target's catalogue, and its transaction decides when: what is learnt from
    here on is not to be kept, until a ``CatalogueStale`` that is ``settled``.
    """
    unreadable: Refusal | None = None
    """The message could not be read: what its sender is told, in the protocol's own words, where no
    grant allows what nobody can read.
    """
    taken: int = 0
    """Bytes of memory that were taken for it; the host gives them back once it left or was refused.
    """


class Forward(msgspec.Struct, frozen=True):
    """Bytes to forward as they are, behind all that was given before them for that side."""

    to: Side
    wire: Wire


class RecordFirst(msgspec.Struct, frozen=True):
    """Bytes that may move only after ``body`` is durable (announced long data, opaque streams)."""

    to: Side
    body: Body
    wire: Wire
    token: int = 0


class ResponseReceived(msgspec.Struct, frozen=True):
    """A command's answer is complete. The host queues its record, then forwards ``wire``.

    ``index`` says which of the message's commands it answers; ``token`` is that message's.
    ``response.command`` and ``duration_us`` are the host's to fill in. A ``None`` token is an
    answer to no command.
    """

    response: Response
    wire: Wire
    token: int | None
    index: int = 0


class TransactionOver(msgspec.Struct, frozen=True):
    """The transaction of the answers that were ``open`` has ended, or what was done in it since a
    savepoint: behind its first ``since`` answers.
    """

    ended: Ended
    since: int = 0


class Notified(msgspec.Struct, frozen=True):
    """Data of the server's own accord came, which belongs to no command; it is on its way to the
    client. ``notification``: what is kept of it.
    """

    notification: Notification


class StreamEnded(msgspec.Struct, frozen=True):
    """Data from the client came to its end; the host queues the record, then forwards ``wire``."""

    stream: Stream
    wire: Wire
    token: int | None
    index: int = 0


class SideEnded(msgspec.Struct, frozen=True):
    """A side said goodbye in its protocol. ``wire`` is to be forwarded first."""

    reason: str
    wire: Wire = ()


Event = (
    TlsRequested
    | TlsAnswered
    | LoginReceived
    | SessionReady
    | LoginFailed
    | CancelReceived
    | Inquiry
    | CatalogueStale
    | CommandsReceived
    | Forward
    | RecordFirst
    | ResponseReceived
    | TransactionOver
    | Notified
    | StreamEnded
    | SideEnded
    | Send
)
