"""The faces of a protocol that is relayed byte for byte.

Law: nothing behind a face here does I/O or reads a clock; of what a peer sends only ``WireError``
comes. The host does all that moves, in the order of the events.
"""

from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from custody.model.event import CommandsReceived, Event, LoginReceived, Send
from custody.model.refusal import Refusal
from custody.model.secret import Secret
from custody.model.words import Side


class Codec(Protocol):
    """One connection's protocol, both sides."""

    def receive(self, side: Side, data: bytes) -> None:
        """Take bytes in. ``b""`` means end of file. Buffers at most ``buffered(side)`` bytes."""
        ...

    def next_event(self, side: Side) -> Event | None:
        """The next event of that side, or ``None``: it needs more bytes, or an answer. While a
        message of commands waits for ``allow`` or ``refuse``, its side gives ``None``.
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

    def notify(self, text: str) -> Sequence[Send]:
        """Tell the client something while it waits; empty where nothing may stand there now."""
        ...

    def buffered(self, side: Side) -> int:
        """Bytes held back for that side, for the host's back-pressure."""
        ...


class UpstreamLogin(msgspec.Struct, frozen=True):
    """What the gateway needs to log in to a target."""

    user: str
    database: str
    secret: Secret
    parameters: tuple[tuple[str, str], ...] = ()
    tls: str = "prefer"
    """``off``, ``prefer``, ``require`` or ``verify-full``; the host checks certificates."""
    stream: str = ""
    """The opaque stream that a grant names, as in ``LoginRequest``."""
    client_key: bytes = b""
    """The gateway's own cancel key for the client: 4 bytes of id and the rest secret, random."""
    notice: str = ""
    """Shown to the client once it is logged in; empty for none."""


class ServerLogin(Protocol):
    """The choreography of two logins on one wire: the client's at the gateway, the gateway's at
    the target. The host connects, sends what ``admit`` and ``start_server`` return, and feeds what
    comes back to ``Codec.receive(Side.SERVER, …)``.
    """

    def secured(self) -> None:
        """The client is in TLS now: it may be asked for its secret."""
        ...

    def admit(self, login: LoginReceived, upstream: UpstreamLogin) -> Sequence[Send]:
        """Accept the login: the first bytes for the server."""
        ...

    def start_server(self, *, tls: bool, channel_binding: bytes | None) -> Sequence[Send]:
        """After ``TlsAnswered``: go on with the login, in TLS or in clear text.

        ``channel_binding`` is the server certificate's ``tls-server-end-point`` data (RFC 5929).
        """
        ...

    @property
    def client_key(self) -> bytes:
        """The cancel key as the client was told, and as ``CancelReceived`` will bring it."""
        ...

    def cancel(self) -> bytes:
        """The bytes that, on a connection of their own, cancel what the server is running; empty
        where there is nothing to cancel with.
        """
        ...


class Consultant(Protocol):
    """A codec that must know things about the target before it can go on: it gives an ``Inquiry``,
    and waits for ``answer``.
    """

    def consult(self, recall: Callable[[Hashable], object | None]) -> None:
        """Where answers may be found without waiting; what is not found there is an ``Inquiry``.

        An answer is used for as long as ``recall`` gives that same object.
        """
        ...

    def answer(self, question: Hashable, answer: object) -> None:
        """The answer to an ``Inquiry``."""
        ...


class Room(Enum):
    """What becomes of a wish for memory."""

    TAKEN = "taken"
    LATER = "later"
    """Others of the share will leave: the host asks for the next event again."""
    NEVER = "never"
    """It waited long enough, or is more than there can be."""


class MemoryShare(Protocol):
    """What a session may take of the memory that its loop, and all loops, share. In bytes."""

    def take(self, size: int) -> Room:
        """For a message that will be held whole, before its first byte is kept."""
        ...

    def give(self, size: int) -> None:
        """Back, of what was taken: the codec where the message ends with it, the host where it was
        given as ``CommandsReceived.taken``.
        """
        ...

    def keep(self, size: int) -> bool:
        """Whether the session may keep so much in all between its messages (what is prepared)."""
        ...


class MemoryUser(Protocol):
    """A codec that holds long messages whole."""

    def draw_on(self, share: MemoryShare) -> None:
        """Before the first message of commands."""
        ...


class CodecFaces(msgspec.Struct, frozen=True):
    """One connection's protocol, by what each stage of a session needs of it. Often one object."""

    codec: Codec
    login: ServerLogin
    consultant: Consultant | None = None
    """``None``: it gives no ``Inquiry``."""
    memory: MemoryUser | None = None
    """``None``: it holds nothing long."""


class SeveralQuestions(msgspec.Struct, frozen=True):
    """Questions that do not depend on each other's answers. The answer is a tuple of theirs, in
    that order; a host that gives something else is asked each by itself.
    """

    each: tuple[Hashable, ...]


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
        """The bytes that ask the server. Once logged in, also while others are open."""
        ...

    @property
    def answered(self) -> bool:
        """Whether there is an answer to take."""
        ...

    def take_answer(self) -> object:
        """The answer to the oldest question whose answer was not taken yet."""
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

    def forget(self, *, settled: bool) -> None:
        """The target may have changed: trust nothing that was found before now. ``settled``: what
        ``unsettle`` spoke of has happened, or never will.
        """
        ...

    def unsettle(self) -> None:
        """A session may change the target, and others cannot see when: keep nothing that is found
        from now on, until that is ``settled``. Again: does nothing.
        """
        ...
