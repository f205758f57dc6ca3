"""The console's listener: its socket, its certificate, and the parts that the site is made from.

Law: wiring only. The socket is bound before any provider is made, since a provider must know the
address that browsers come back to; connections are taken only once everything behind it is there.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from custody.access import Exchange, PendingLogins, SignIn
from custody.app.console_faces import Console, ConsoleFactory, ConsoleParts, GatewayInfo, LoopUsage
from custody.app.gateway import Gateway, clock
from custody.app.provider_set import Providers
from custody.config.logins import ConsoleConfig
from custody.config.tables import Config
from custody.config.values import Cleartext
from custody.identity.oidc import Flow
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Spent
from custody.operations.certificates.local_ca import load_certificate

if TYPE_CHECKING:
    from custody.identity.oidc import OidcProvider

RENEWAL_INTERVAL_S: Final = 3600.0

_log: Final = logging.getLogger("custody.serve")

Announce = Callable[[str], None]


class ConsoleDependencies(NamedTuple):
    """What the console is built from: providers, access services, exchange, meter."""

    gateway: Gateway
    providers: Providers
    exchange: Exchange
    facts: Callable[[], GatewayInfo]
    """What anybody may know of the gateway, once its listeners are open."""


class ConsoleSocket:
    """Bound, but not listening yet. Raises ``listen.failed``, ``tls.*``."""

    def __init__(self, config: Config, console: ConsoleConfig) -> None:
        self.config: Final = console
        self.tls: Final = _context(config, console)
        """``None`` where it speaks in clear text on loopback."""
        self.socket: Final = _bound(console)
        self.url: Final = console.public_url(self.socket.getsockname()[1])
        """How browsers and tools reach it."""

    def close(self) -> None:
        self.socket.close()


class ConsoleService:
    """The listener from its first connection to its last."""

    def __init__(
        self,
        config: Config,
        door: ConsoleSocket,
        behind: ConsoleDependencies,
        *,
        make: ConsoleFactory,
        tasks: asyncio.TaskGroup,
        announce: Announce,
    ) -> None:
        self._config: Final = config
        self._door: Final = door
        self._make: Final = make
        self._behind: Final = behind
        self._tasks: Final = tasks
        self._announce: Final = announce
        self._console: Console | None = None
        self._sign_in: SignIn | None = None

    async def start(self) -> None:
        """Take connections from now on."""
        self._sign_in = _signing_in(self._config, self._door.url, self._behind)
        self._console = self._make(_parts(self._door, self._behind, self._sign_in))
        await self._console.start(self._tasks)
        if self._door.tls is not None:
            self._tasks.create_task(self._renew(self._door.tls))
        host, port = self._door.socket.getsockname()[:2]
        self._announce(f"listening console {host}:{port}")

    @property
    def url(self) -> str:
        return self._door.url

    def replacement(self, config: Config, providers: Providers) -> Callable[[], None]:
        """What lets people log in with other providers; it raises nothing."""
        code = _with_flow(Flow.CODE, config, providers)
        device = _with_flow(Flow.DEVICE, config, providers)

        def show() -> None:
            if self._sign_in is not None:
                self._sign_in.replace_providers(code=code, device=device, saml=providers.saml)

        return show

    async def stop(self) -> None:
        if self._console is not None:
            await self._console.close()

    async def _renew(self, tls: ssl.SSLContext) -> None:
        """Connections to come get a certificate that was renewed, by us or by the operator."""
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_S)
            try:
                load_certificate(tls, self._config, self._door.config)
            except CustodyError as error:
                _log.error("%s: %s", error.code, error.fault)


def _bound(console: ConsoleConfig) -> socket.socket:
    here = console.address
    family = socket.AF_INET6 if ":" in here.host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((here.host, here.port))
    except OSError as error:
        door.close()
        raise CustodyError(
            "listen.failed",
            f"[listen.console] cannot listen on {here.host}:{here.port}: {error.strerror}.",
            "Choose another address, or stop what listens there.",
        ) from error
    return door


def _context(config: Config, console: ConsoleConfig) -> ssl.SSLContext | None:
    """``None`` where it speaks in clear text on loopback."""
    if console.cleartext is Cleartext.LOOPBACK:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, config, console)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _parts(door: ConsoleSocket, behind: ConsoleDependencies, sign_in: SignIn) -> ConsoleParts:
    gateway = behind.gateway
    meter, terms = gateway.meter, gateway.access.terms

    async def use(admission: Admission) -> LoopUsage:
        loop = admission.loop
        tally = meter.tally(loop.id)
        spent = Spent() if tally is None else tally.spent
        return LoopUsage(terms.reachable(loop, clock()), spent)

    return ConsoleParts(
        socket=door.socket,
        url=door.url,
        tls=door.tls,
        max_connections=door.config.max_connections,
        gateway_info=behind.facts,
        sign_in=sign_in,
        exchange=behind.exchange,
        loops=gateway.access.loops,
        ticket_authenticator=gateway.ticket_authenticator,
        use=use,
        clock=clock,
    )


def _signing_in(config: Config, url: str, behind: ConsoleDependencies) -> SignIn:
    return SignIn(
        PendingLogins(clock=clock, entropy=os.urandom),
        url=url,
        code=_with_flow(Flow.CODE, config, behind.providers),
        device=_with_flow(Flow.DEVICE, config, behind.providers),
        saml=behind.providers.saml,
        logins=behind.gateway.access.logins,
        exchange=behind.exchange,
        use=behind.gateway.access.logins.use_once,
    )


def _with_flow(flow: Flow, config: Config, providers: Providers) -> Mapping[str, "OidcProvider"]:
    return {each.name: providers.oidc[each.name] for each in config.oidc if flow in each.flows}
