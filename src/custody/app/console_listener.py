"""The console's listener: its socket, its certificate, and the parts that the site is made from.

Law: wiring only. The socket is bound before any provider is made, since a provider must know the
address that browsers come back to; connections are taken only once everything behind it is there.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

from custody.access import Exchange, PendingLogins, SignIn
from custody.app.access_services import AccessServices
from custody.app.composition import load_certificate
from custody.app.console_faces import Console, ConsoleFactory, ConsoleParts, GatewayInfo, LoopUsage
from custody.app.providers import Providers
from custody.config.logins import ConsoleCleartext, ConsoleConfig
from custody.config.tables import Config
from custody.gateway.budget.meter import Meter
from custody.identity.oidc import Flow
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Spent
from custody.model.interfaces import TicketAuthenticator

RENEWAL_INTERVAL_S: Final = 3600.0

_log: Final = logging.getLogger("custody.serve")

Announce = Callable[[str], None]


class ConsoleDependencies(NamedTuple):
    """What the console is built from: providers, access services, exchange, meter."""

    providers: Providers
    authority: AccessServices
    exchange: Exchange
    ticket_authenticator: TicketAuthenticator
    meter: Meter
    clock: Callable[[], int]


class ConsoleSocket:
    """The listener from its binding to its end; nothing, where none is configured."""

    def __init__(self, config: Config, make: ConsoleFactory | None) -> None:
        """Bound, but not listening yet. Raises ``listen.failed``, ``tls.*``."""
        self._config: Final = config
        self._make: Final = make
        self._tls: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._console: Console | None = None
        self.url = ""
        """How browsers and tools reach it; empty where there is none."""
        if config.console is not None and make is not None:
            self._tls = _context(config, config.console)
            self._socket = _bound(config.console)
            self.url = config.console.public_url(self._socket.getsockname()[1])

    async def open(
        self,
        behind: ConsoleDependencies,
        facts: GatewayInfo,
        tasks: asyncio.TaskGroup,
        announce: Announce,
    ) -> None:
        """Take connections from now on."""
        if self._socket is None or self._make is None or self._config.console is None:
            return
        parts = _parts(self._config, self._socket, self.url, self._tls, behind, facts)
        self._console = self._make(parts)
        await self._console.start(tasks)
        if self._tls is not None:
            tasks.create_task(self._renew(self._tls, self._config.console))
        host, port = self._socket.getsockname()[:2]
        announce(f"listening console {host}:{port}")

    async def close(self) -> None:
        if self._console is not None:
            await self._console.close()

    async def _renew(self, tls: ssl.SSLContext, console: ConsoleConfig) -> None:
        """Connections to come get a certificate that was renewed, by us or by the operator."""
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_S)
            try:
                load_certificate(tls, self._config, console)
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
    if console.cleartext is ConsoleCleartext.LOOPBACK:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, config, console)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _parts(  # noqa: PLR0917 - what a binding needs
    config: Config,
    door: socket.socket,
    url: str,
    tls: ssl.SSLContext | None,
    behind: ConsoleDependencies,
    facts: GatewayInfo,
) -> ConsoleParts:
    meter, terms, clock = behind.meter, behind.authority.terms, behind.clock

    async def use(admission: Admission) -> LoopUsage:
        loop = admission.loop
        tally = meter.tally(loop.id)
        spent = Spent() if tally is None else tally.spent
        return LoopUsage(terms.reachable(loop, clock()), spent)

    return ConsoleParts(
        socket=door,
        url=url,
        tls=tls,
        max_connections=config.console.max_connections if config.console is not None else 0,
        gateway_info=lambda: facts,
        sign_in=_signing_in(config, url, behind),
        exchange=behind.exchange,
        loops=behind.authority.loops,
        ticket_authenticator=behind.ticket_authenticator,
        use=use,
        clock=clock,
    )


def _signing_in(config: Config, url: str, behind: ConsoleDependencies) -> SignIn:
    def with_flow(flow: Flow) -> list[str]:
        return [each.name for each in config.oidc if flow in each.flows]

    oidc = behind.providers.oidc
    return SignIn(
        PendingLogins(clock=behind.clock, entropy=os.urandom),
        url=url,
        code={name: oidc[name] for name in with_flow(Flow.CODE)},
        device={name: oidc[name] for name in with_flow(Flow.DEVICE)},
        saml=behind.providers.saml,
        logins=behind.authority.logins,
        exchange=behind.exchange,
        use=behind.authority.logins.use_once,
    )
