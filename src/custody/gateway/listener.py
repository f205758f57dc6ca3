"""Listening: one listener, many sessions.

Law: a listener takes at most ``max_connections``; what comes above that is closed at once. One
session's fault is never another's.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final, Protocol, assert_never

from custody.gateway.registry import Registry
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.session import SessionHost, error_place
from custody.gateway.terminated_session import ListenerPort
from custody.model.codec import CodecFaces
from custody.model.errors import CustodyError
from custody.model.protocol import RelayedWire, TerminatedWire
from custody.model.record import Gap
from custody.model.terminator import Terminator

CHECK_INTERVAL_S: Final = 1.0
BACKLOG: Final = 512

_log: Final = logging.getLogger("custody.listener")


class Listener(Protocol):
    """One bound listener."""

    @property
    def open(self) -> int:
        """Connections that are not closed."""
        ...

    async def bind(self, host: str, port: int) -> tuple[str, int]:
        """The address, picked where ``port`` is 0. Raises ``CustodyError`` ``listen.failed``."""
        ...

    def replace_spec(self, spec: ListenerSpec) -> None:
        """For connections from now on; those that are open keep theirs."""
        ...

    def close(self) -> None:
        """Take no new connections; open ones go on."""
        ...


def make_listener(
    spec: ListenerSpec, services: SessionServices, registry: Registry, tasks: asyncio.TaskGroup
) -> Listener:
    match spec.wire:
        case RelayedWire(faces=faces):
            return RelayListener(spec, faces, services, registry, tasks)
        case TerminatedWire(terminator=terminator):
            port = ListenerPort(services, registry, spec)
            return TerminatorListener(spec, terminator, port, tasks)
        case _:
            assert_never(spec.wire)


class RelayListener:
    """Of a wire that the gateway relays."""

    def __init__(
        self,
        spec: ListenerSpec,
        faces: Callable[[bool], CodecFaces],
        services: SessionServices,
        registry: Registry,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._spec = spec
        self._faces = faces
        self._services: Final = services
        self._registry: Final = registry
        self._tasks: Final = tasks
        self._server: asyncio.Server | None = None
        self.open = 0

    async def bind(self, host: str, port: int) -> tuple[str, int]:
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._accept, host, port, backlog=BACKLOG
            )
        except OSError as error:
            raise _failed(self._spec, host, port, error) from error
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def replace_spec(self, spec: ListenerSpec) -> None:
        if isinstance(spec.wire, RelayedWire):
            self._spec, self._faces = spec, spec.wire.faces

    def _accept(self) -> asyncio.Protocol:
        if self.open >= self._spec.max_connections:
            _log.warning("%s: connection refused, %d are open", self._spec.name, self.open)
            return _Full()
        session = SessionHost(self._services, self._registry, self._spec, self._faces)
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


class TerminatorListener:
    """Of a wire whose protocol owns the sockets."""

    def __init__(
        self,
        spec: ListenerSpec,
        terminator: Terminator,
        port: ListenerPort,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._spec = spec
        self._terminator: Final = terminator
        self._port: Final = port
        self._tasks: Final = tasks

    @property
    def open(self) -> int:
        return self._port.open

    async def bind(self, host: str, port: int) -> tuple[str, int]:
        try:
            listener = await asyncio.to_thread(
                socket.create_server, (host, port), family=_family(host), backlog=BACKLOG
            )
        except OSError as error:
            raise _failed(self._spec, host, port, error) from error
        listener.setblocking(False)
        bound = listener.getsockname()
        self._tasks.create_task(self._serve(listener))
        return str(bound[0]), int(bound[1])

    def close(self) -> None:
        self._port.stop()

    def replace_spec(self, spec: ListenerSpec) -> None:
        """The protocol itself goes on with the options that it was made with."""
        self._spec = spec
        self._port.replace_spec(spec)

    async def _serve(self, listener: socket.socket) -> None:
        try:
            await self._terminator.serve(listener, self._port)
            if not self._port.stopped:
                _log.error("%s: it ended by itself", self._spec.name)
        except Exception as error:  # noqa: BLE001 - one listener's fault is never another's
            _log.error("%s: it ended with %s", self._spec.name, error_place(error))
        finally:
            listener.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _failed(spec: ListenerSpec, host: str, port: int, error: OSError) -> CustodyError:
    return CustodyError(
        "listen.failed",
        f"[listen.{spec.name}] cannot listen on {host}:{port}: {error.strerror}.",
        "Choose another address, or stop what listens there.",
    )


class _Full(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def note_unrecorded(services: SessionServices, now: float) -> None:
    """Record how many refused logins got no record of their own, where that is due."""
    count = services.refusal_rate.unrecorded_count(now)
    if not count:
        return
    try:
        services.gate.note_without_session(
            Gap("refused logins beyond the rate that is recorded", count)
        )
    except CustodyError as error:
        _log.error("%d refused logins are not recorded yet: %s", count, error.code)
    else:
        services.refusal_rate.count_recorded(count, now)
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
