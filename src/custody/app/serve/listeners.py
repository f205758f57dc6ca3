"""The listeners of agents' clients, from their binding to the last session.

Law: each is announced once it is bound. They close together, and then open sessions have ten
seconds to end by themselves.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from custody.app.composition import (
    ListenerPlan,
    TokenAuthenticators,
    make_listener_plans,
)
from custody.app.console_faces import GatewayInfo
from custody.app.gateway_metadata import BoundAddress, gateway_info
from custody.config.tables import Config
from custody.config.values import Address
from custody.gateway import Listener, Registry, SessionServices, make_listener
from custody.model.errors import CustodyError
from custody.model.refusal import Refusal, RefusalCode
from custody.operations.certificates.local_ca import load_certificate

DRAIN_S: Final = 10.0
RENEWAL_INTERVAL_S: Final = 3600.0

_SHUTDOWN: Final = Refusal(
    RefusalCode.LOOP_OVER, "custody: the gateway is shutting down", fatal=True
)

_log: Final = logging.getLogger("custody.serve")

Announce = Callable[[str], None]


class _Bound(NamedTuple):
    listener: Listener
    address: BoundAddress


class Listeners:
    """``bearers`` gives who takes the tokens of the issuer of a name; ``tasks`` owns sessions."""

    def __init__(
        self,
        config: Config,
        sessions: SessionServices,
        registry: Registry,
        *,
        bearers: TokenAuthenticators,
        tasks: asyncio.TaskGroup,
        announce: Announce,
    ) -> None:
        self._config = config
        self._sessions: Final = sessions
        self._registry: Final = registry
        self._bearers: Final = bearers
        self._tasks: Final = tasks
        self._announce: Final = announce
        self._open: Final[dict[str, _Bound]] = {}
        self._plans: Sequence[ListenerPlan] = ()
        self._facts: GatewayInfo | None = None

    def facts(self) -> GatewayInfo:
        """What anybody may know of the gateway. Raises ``admin.starting`` until all are open."""
        if self._facts is None:
            raise CustodyError(
                "admin.starting", "The gateway's listeners are not open yet.", "Try again."
            )
        return self._facts

    @property
    def open(self) -> bool:
        """Whether all are."""
        return self._facts is not None

    async def start(self) -> None:
        """Raises ``listen.failed``, ``tls.*``."""
        self._plans = list(make_listener_plans(self._config, self._bearers))
        self._tasks.create_task(self._renew_certificates())
        try:
            for plan in self._plans:
                await self._bind(plan)
            self._facts = gateway_info(self._config, [each.address for each in self._open.values()])
        except BaseException:
            self._close()
            raise

    async def stop(self) -> None:
        """Let open sessions end by themselves for a while; then end them."""
        self._close()
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._registry.wait_until_empty()
        except TimeoutError:
            _log.warning("%d sessions did not end by themselves", len(self._registry))
        for session in self._registry.all():
            session.kill("shutdown", _SHUTDOWN)
        still = any(bound.listener.open for bound in self._open.values())
        await asyncio.sleep(0.1 if still else 0)

    def replacement(self, config: Config) -> Callable[[], None]:
        """What gives connections to come the settings of another configuration, whose addresses
        are the same. It raises nothing. Raises ``tls.*``.
        """
        plans = list(make_listener_plans(config, self._bearers))
        bound = {
            plan.spec.name: _Bound(
                (before := self._open[plan.spec.name]).listener,
                replace(before.address, listener=plan.listener),
            )
            for plan in plans
        }
        facts = gateway_info(config, [each.address for each in bound.values()])

        def show() -> None:
            for plan in plans:
                bound[plan.spec.name].listener.replace_spec(plan.spec)
            self._open.update(bound)
            self._config, self._plans, self._facts = config, plans, facts

        return show

    async def _bind(self, plan: ListenerPlan) -> None:
        listener = make_listener(plan.spec, self._sessions, self._registry, self._tasks)
        host, port = await listener.bind(plan.host, plan.port)
        self._announce(f"listening {plan.spec.name} {host}:{port}")
        configured = Address(plan.host, plan.port)
        address = BoundAddress(plan.listener, configured, port, plan.spec.target)
        self._open[plan.spec.name] = _Bound(listener, address)

    def _close(self) -> None:
        for bound in self._open.values():
            bound.listener.close()

    async def _renew_certificates(self) -> None:
        """Connections to come get certificates that were renewed, by us or by the operator."""
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_S)
            for plan in self._plans:
                try:
                    if plan.spec.tls is not None:
                        load_certificate(plan.spec.tls, self._config, plan.listener)
                except CustodyError as error:
                    _log.error("%s: %s", error.code, error.fault)
