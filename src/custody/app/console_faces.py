"""What the console's listener is given, and what it gives back.

Law: values and interfaces. The site is built from ``ConsoleParts`` and nothing else, and `serve` is
handed it as a ``ConsoleFactory``: no import from here leads up.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from custody.access import Exchange, LoopService, ReachableTarget, SignIn
from custody.model.identity import Admission, Spent
from custody.model.interfaces import TicketAuthenticator


class ProviderInfo(msgspec.Struct, frozen=True):
    """A provider, as a client needs to know it."""

    name: str
    kind: str
    """``oidc``, ``saml`` or ``workload``."""
    issuer: str
    audience: tuple[str, ...] = ()
    client_id: str = ""
    flows: tuple[str, ...] = ()


class ListenerInfo(msgspec.Struct, frozen=True):
    """Where standard clients connect to. ``target`` where the listener has one target only."""

    protocol: str
    host: str
    port: int
    target: str | None = None
    own_certificate: bool = False
    """Not one of the local authority's: its clients know whom they trust, or the system does."""


class GatewayInfo(msgspec.Struct, frozen=True):
    """What anybody may know of this gateway."""

    name: str
    version: str
    ca: str
    """The local authority's certificate, PEM; empty where there is none."""
    providers: tuple[ProviderInfo, ...]
    listeners: tuple[ListenerInfo, ...]
    local: bool
    """Whether operators' tickets are taken."""


class LoopUsage(msgspec.Struct, frozen=True):
    """What a loop may reach, and what it has used up."""

    reachable: tuple[ReachableTarget, ...]
    spent: Spent


class ConsoleParts(msgspec.Struct, frozen=True):
    """``socket`` is bound; ``url`` is how browsers reach it, without a slash at its end. ``tls`` is
    ``None`` only where cleartext on loopback is configured; its certificate may be replaced while
    it is used.
    """

    socket: socket.socket
    url: str
    tls: ssl.SSLContext | None
    max_connections: int
    gateway_info: Callable[[], GatewayInfo]
    sign_in: SignIn
    exchange: Exchange
    loops: LoopService
    ticket_authenticator: TicketAuthenticator
    use: Callable[[Admission], Awaitable[LoopUsage]]
    clock: Callable[[], int]
    """Unix milliseconds."""


class Console(Protocol):
    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Take connections. Requests run in ``tasks``."""
        ...

    async def close(self) -> None:
        """Take no more; those that are being answered get a moment to end."""
        ...


ConsoleFactory = Callable[[ConsoleParts], Console]
