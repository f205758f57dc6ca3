"""The bound socket: who may connect, TLS, and the end.

Law: connections are counted before their first byte and their TLS handshake, for all and for each
address, so that nobody's flood keeps others out up to the bound of all. uvicorn serves them; its
own server, which would take the process's signals, is not used.
"""

import asyncio
import errno
import logging
import socket
from typing import Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from custody.app.console_faces import ConsoleParts
from custody.recording.refusal_rate import network
from custody.web.connection import HEADER_BYTES, IDLE_S, ConsoleConnection
from custody.web.guard import Guard
from custody.web.openapi import words
from custody.web.site import make_site

HANDSHAKE_S: Final = 10.0
SHUTDOWN_S: Final = 2.0
ADDRESS_AT_MOST: Final = 64
"""Connections of one address; fewer where all together are few."""
NO_FILES_S: Final = 0.2
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log: Final = logging.getLogger("custody.web")


class ConsoleListener:
    """``custody.app.console_faces.Console``."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts: Final = parts
        self._state: Final = ServerState()
        site = make_site(parts)
        known = words(site).union(provider.name for provider in parts.gateway_info().providers)
        self._config: Final = Config(
            Guard(site, parts.url, known),
            http=ConsoleConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(IDLE_S),
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
        # What uvicorn has to say is about single strangers' bytes, with tracebacks; the guard
        # reports what fails, without.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._config.load()
        self._open: Final[dict[str, int]] = {}
        self._accepting: asyncio.Task[None] | None = None

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        self._parts.socket.setblocking(False)
        self._parts.socket.listen(512)
        self._accepting = tasks.create_task(self._accept(tasks))

    async def close(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
        self._parts.socket.close()
        running = set(self._state.tasks)
        if running:
            _, late = await asyncio.wait(running, timeout=SHUTDOWN_S)
            for task in late:
                task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def _accept(self, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(self._parts.socket)
            except OSError as error:
                if self._parts.socket.fileno() < 0:
                    return
                if error.errno in _NO_ROOM:
                    _log.error("no connection can be taken: %s", error.strerror)
                    await asyncio.sleep(NO_FILES_S)
                continue
            place = network(str(address[0]))
            if self._full(place):
                peer.close()
                continue
            self._open[place] = self._open.get(place, 0) + 1
            tasks.create_task(self._welcome(peer, place))

    def _full(self, place: str) -> bool:
        most = self._parts.max_connections
        mine = self._open.get(place, 0)
        return sum(self._open.values()) >= most or mine >= min(ADDRESS_AT_MOST, most)

    async def _welcome(self, peer: socket.socket, place: str) -> None:
        """The handshake; from then on the connection lives by itself and ends by its clock."""
        loop = asyncio.get_running_loop()
        made: list[ConsoleConnection] = []

        def make() -> ConsoleConnection:
            made.append(
                ConsoleConnection(self._config, self._state, loop, lambda: self._left(place))
            )
            return made[0]

        tls = self._parts.tls
        bounds = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": IDLE_S}
        try:
            await loop.connect_accepted_socket(make, peer, ssl=tls, **(bounds if tls else {}))
        except (OSError, TimeoutError) as error:
            _log.debug("a handshake failed: %s", type(error).__name__)
            if not made or made[0].transport is None:
                self._left(place)
                peer.close()

    def _left(self, place: str) -> None:
        left = self._open.get(place, 1) - 1
        if left:
            self._open[place] = left
        else:
            self._open.pop(place, None)
