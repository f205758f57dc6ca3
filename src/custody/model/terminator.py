"""The face of a protocol that ends at the gateway, or whose library owns the sockets (SSH, HTTP).

Law: such a protocol never sees a policy, a log or a vault. It is given a ``Port``; what it forwards
it forwards behind ``permit``, and every kill, budget and time-out reaches it through ``ended``.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from custody.model.command import Command
from custody.model.event import LoginRequest
from custody.model.identity import Credential, Session
from custody.model.record import Body, Response
from custody.model.refusal import Refusal
from custody.model.secret import Secret
from custody.model.words import TargetName


class BoundSocket(Protocol):
    """A bound socket that does not block; nothing of the model knows more of it."""

    def detach(self) -> int:
        """Its descriptor, which the caller owns from here on."""
        ...


class TargetAddress(msgspec.Struct, frozen=True):
    """Where the session's target is. Its credential comes from ``PortSession.lease``."""

    name: TargetName
    host: str
    port: int
    user: str
    own: msgspec.Struct
    """The keys that the protocol declares for ``[[target]]``."""
    credential_key: str
    """The key of its credential: ``password``, or one of the protocol's own; empty: none."""


class PortSession(Protocol):
    """One client connection, as the gateway knows it. Raises ``RefusedError``, whose refusal is on
    the record and is the client's to be told; after ``close`` it refuses everything.
    """

    async def admit(self, secret: Secret, login: LoginRequest) -> Session:
        """Who it is, and whether it may use that target. Once. The session's first record is on
        disk when this returns.
        """
        ...

    @property
    def target(self) -> TargetAddress:
        """After ``admit``."""
        ...

    async def lease(self) -> Credential:
        """The target's credential, after ``admit``."""
        ...

    async def permit(self, command: Command) -> int:
        """The command's number, once its record is durable and, where a rule asks, somebody said
        yes: only then may it be forwarded. While it waits, ``tell`` of ``Port.connect`` is called.
        Cancelling it withdraws it.
        """
        ...

    async def respond(self, response: Response) -> None:
        """Record a command's answer, before its last byte reaches the client: queued when this
        returns, or durable where the gateway's responses are strict.
        """
        ...

    async def record(self, body: Body) -> None:
        """Record anything else of the session; durable when this returns."""
        ...

    def moved(self, *, up: int, down: int) -> None:
        """So many bytes went to the target, and to the client: counted, and no idle time."""
        ...

    def close(self, reason: str) -> None:
        """The connection is over; its commands without an answer are recorded as such. Again: does
        nothing.
        """
        ...


class Port(Protocol):
    """What one listener of such a protocol is given."""

    def connect(
        self,
        client: tuple[str, int],
        *,
        tls: str,
        ended: Callable[[Refusal], None],
        tell: Callable[[str], None],
    ) -> PortSession:
        """A client connected. ``ended`` is called once if the gateway ends the session: the client
        is to be told why and its connection closed. ``tell`` brings words for the client while a
        command of it waits. Raises ``RefusedError`` where the listener has as many as it takes.
        """
        ...

    def when_stopped(self, act: Callable[[], None]) -> None:
        """``act`` is called once, when the listener is to take no more connections; those that are
        open go on.
        """
        ...


class Terminator(Protocol):
    """A protocol's server."""

    async def serve(self, listener: BoundSocket, port: Port) -> None:
        """Take connections of a bound socket until the port stops, and return once those that are
        open have ended; cancelled, it closes them. One client's fault is never another's.
        """
        ...
