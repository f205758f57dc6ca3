"""Listening: one listener, many sessions.

Law: a listener takes at most ``max_connections``; what comes above that is closed at once. One
session's fault is never another's.
"""

import asyncio
import logging
from typing import Final

from custody.gateway.registry import Registry
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.session import SessionHost, error_place
from custody.model.errors import CustodyError
from custody.model.record import Gap

CHECK_INTERVAL_S: Final = 1.0

_log: Final = logging.getLogger("custody.listener")


class Listener:
    """One bound listener. ``port`` is the one that was picked if port 0."""

    def __init__(
        self,
        spec: ListenerSpec,
        services: SessionServices,
        registry: Registry,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.spec: Final = spec
        self._services: Final = services
        self._registry: Final = registry
        self._tasks: Final = tasks
        self._server: asyncio.Server | None = None
        self.open = 0

    async def bind(self, host: str, port: int) -> tuple[str, int]:
        """Raises ``CustodyError`` ``listen.failed``."""
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._accept, host, port, backlog=512
            )
        except OSError as error:
            raise CustodyError(
                "listen.failed",
                f"[listen.{self.spec.name}] cannot listen on {host}:{port}: {error.strerror}.",
                "Choose another address, or stop what listens there.",
            ) from error
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    def close(self) -> None:
        """Take no new connections; open ones go on."""
        if self._server is not None:
            self._server.close()

    def _accept(self) -> asyncio.Protocol:
        if self.open >= self.spec.max_connections:
            _log.warning("%s: connection refused, %d are open", self.spec.name, self.open)
            return _Full()
        session = SessionHost(self._services, self._registry, self.spec)
        self.open += 1
        self._tasks.create_task(self._host(session))
        return session.client

    async def _host(self, session: SessionHost) -> None:
        try:
            await session.run()
        except Exception as error:  # noqa: BLE001 - one session's fault is never another's
            _log.error("%s: its end failed with %s", session.id, error_place(error))
        finally:
            self.open -= 1


class _Full(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def note_unrecorded(services: SessionServices, now: float) -> None:
    """Record how many refused logins got no record of their own, where that is due."""
    count = services.strangers.unrecorded_count(now)
    if not count:
        return
    try:
        services.gate.note_without_session(
            Gap("refused logins beyond the rate that is recorded", count)
        )
    except CustodyError as error:
        _log.error("%d refused logins are not recorded yet: %s", count, error.code)
    else:
        services.strangers.count_recorded(count, now)
        _log.warning("%d refused logins got no record of their own", count)


async def watch(registry: Registry, services: SessionServices) -> None:
    """Ends sessions whose ticket, loop or idle time is over, and keeps the count of strangers on
    the record. Runs until it is cancelled.
    """
    while True:
        await asyncio.sleep(CHECK_INTERVAL_S)
        note_unrecorded(services, asyncio.get_running_loop().time())
        for session in registry.all():
            try:
                session.end_if_over()
            except Exception as error:  # noqa: BLE001 - the others are still to be checked
                _log.error("%s: its check failed with %s", session.id, error_place(error))
