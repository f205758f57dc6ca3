"""The faces between the rooms, each as small as it can be.

Law: a room implements a face and imports no other room; the gateway calls faces only; the app
alone knows which class stands behind which face.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import msgspec

from custody.model.command import Command, Refusal, Verdict
from custody.model.errors import LogFailureError
from custody.model.event import CommandsReceived, Event, LoginReceived, Send
from custody.model.identity import Admission, Credential, Loop, NotAdmitted, Session
from custody.model.record import Receipt, Record
from custody.model.secret import Secret
from custody.model.words import Side, TargetName


class UpstreamLogin(msgspec.Struct, frozen=True):
    """What the gateway needs to log in to a target."""

    user: str
    database: str
    secret: Secret
    parameters: tuple[tuple[str, str], ...] = ()
    tls: str = "prefer"
    """``off``, ``prefer``, ``require`` or ``verify-full``; the host checks certificates."""
    replication: bool = False
    client_key: bytes = b""
    """The gateway's own cancel key for the client: 4 bytes of id and the rest secret, random."""
    notice: str = ""
    """Shown to the client once it is logged in; empty for none."""


class Codec(Protocol):
    """One connection's protocol, both sides; no I/O, no clock. Only ``WireError`` is raised.

    After ``admit`` the codec speaks to the server: the host connects, sends what ``admit`` and
    ``start_server`` return, and feeds what comes back to ``receive(Side.SERVER, …)``.
    """

    def receive(self, side: Side, data: bytes) -> None:
        """Take bytes in. ``b""`` means end of file. Buffers at most ``buffered(side)`` bytes."""
        ...

    def next_event(self, side: Side) -> Event | None:
        """The next event of that side, or ``None``: it needs more bytes, or an answer."""
        ...

    def consult(self, recall: Callable[[Hashable], object | None]) -> None:
        """Where answers may be found without waiting; what is not found there is an ``Inquiry``.

        An answer is used for as long as ``recall`` gives that same object.
        """
        ...

    def answer(self, question: Hashable, answer: object) -> None:
        """The answer to an ``Inquiry``."""
        ...

    def secured(self) -> None:
        """The client is in TLS now: it may be asked for its secret."""
        ...

    def admit(self, login: LoginReceived, upstream: UpstreamLogin) -> Sequence[Send]:
        """Accept the login: the first bytes for the server (an SSLRequest or the startup)."""
        ...

    def start_server(self, *, tls: bool, channel_binding: bytes | None) -> Sequence[Send]:
        """After ``TlsAnswered``: go on with the login, in TLS or in clear text.

        ``channel_binding`` is the server certificate's ``tls-server-end-point`` data (RFC 5929).
        """
        ...

    def allow(self, message: CommandsReceived) -> None:
        """The message will be forwarded: expect its answers."""
        ...

    def refuse(
        self, what: LoginReceived | CommandsReceived | None, refusal: Refusal
    ) -> Sequence[Send]:
        """Refuse a login or a message in the protocol's own words.

        ``None`` refuses the connection itself, at any moment (a kill, an idle time-out, a target
        that went away). A ``Send`` to the server is the injected failing message: it is recorded
        before it is sent, and its reply is consumed.
        """
        ...

    @property
    def client_key(self) -> bytes:
        """The cancel key as the client was told, and as ``CancelReceived`` will bring it."""
        ...

    def cancel(self) -> bytes:
        """The bytes that, on a connection of their own, cancel what the server is running."""
        ...

    def buffered(self, side: Side) -> int:
        """Bytes held back for that side, for the host's back-pressure."""
        ...


class Inquirer(Protocol):
    """A connection of the gateway's own to a target, for look-ups; read-only. No I/O, no clock."""

    def begin(self, upstream: UpstreamLogin) -> bytes:
        """The first bytes for the server."""
        ...

    def start(self, *, tls: bool, channel_binding: bytes | None) -> bytes:
        """After the server answered the request for TLS (``tls_answer`` is then set)."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Take bytes in; what to send back, often nothing. Raises ``WireError``."""
        ...

    @property
    def tls_answer(self) -> bool | None: ...

    @property
    def ready(self) -> bool:
        """Logged in, and no question is open."""
        ...

    def ask(self, question: Hashable) -> bytes:
        """The bytes that ask the server."""
        ...

    def take_answer(self) -> object:
        """The answer to the last question, once ``ready`` again."""
        ...


class Advisor(Protocol):
    """Answers a codec's inquiries."""

    def recall(self, question: Hashable) -> object | None:
        """The answer if it is known already; never waits."""
        ...

    async def find(self, question: Hashable) -> object | None:
        """Find out. Never raises for what the question itself holds, and never waits for ever:
        what cannot be found is an answer too: ``None``, and who asked then takes the worst.
        """
        ...

    def forget(self) -> None:
        """The target may have changed: trust nothing that was found before now."""
        ...


class Policy(Protocol):
    @property
    def digest(self) -> bytes: ...

    def admits(self, loop: Loop, target: TargetName, now: int) -> bool:
        """Whether any grant lets this loop open a session to this target at ``now`` (ms)."""
        ...

    def admits_replication(self, loop: Loop, target: TargetName, now: int) -> bool:
        """Whether a grant that names replication holds. Its stream is then recorded as opaque."""
        ...

    def decide(self, session: Session, command: Command, now: int) -> Verdict:
        """Total: an error while deciding is a denial that names the rule."""
        ...


class Masker(Protocol):
    @property
    def digest(self) -> bytes: ...

    def mask(self, record: Record) -> Record:
        """Pure, total, idempotent. What cannot be masked is redacted."""
        ...


Durable = Callable[[Receipt | LogFailureError], None]


class EvidenceLog(Protocol):
    def append(self, record: Record, durable: Durable | None = None) -> Receipt:
        """Number, link and seal a masked record and queue it for the next sync.

        ``durable`` is called exactly once, in the order of appends, from the event loop: with the
        receipt once the record is on disk, or with the failure. Raises ``LogFailureError`` at
        once where nothing can be taken in (full disk, broken log); ``durable`` is then not called.
        """
        ...

    @property
    def accepting(self) -> bool:
        """False where new commands must be refused (reserve reached, disk failed)."""
        ...


class Vault(Protocol):
    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        """The target's credential, for this loop. Raises ``CustodyError``: it names the reference,
        no value.
        """
        ...


class TicketAuthenticator(Protocol):
    """Recognises tickets."""

    def recognise(self, secret: Secret, now: int) -> Admission | str:
        """The admission, or why not: ``ticket.unknown``, ``ticket.expired``, ``ticket.revoked``.

        Takes the same time for each refusal.
        """
        ...

    def alive(self, admission: Admission, now: int) -> bool:
        """Whether the ticket and its loop still hold; asked again while sessions run."""
        ...


class TokenAuthenticator(Protocol):
    """Admits whoever brings a provider's token where a ticket would be given."""

    async def admit(self, token: Secret, client: str, now: int) -> Admission | NotAdmitted:
        """The admission, or why not; the same token gives the same loop until that ends. Whoever
        asks records a refusal. May wait for the token's issuer; raises nothing but cancellation.
        """
        ...
