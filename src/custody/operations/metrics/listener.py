"""The listener for metrics and health: ``/metrics``, ``/healthz``, ``/readyz``.

Law: its death, its hang and its flood never touch the gate: connections and their time are bounded,
nothing but the three paths is answered, and what fails here ends here. ``/healthz`` is ``ok`` as
long as the event loop turns; ``/readyz`` is one word: ``ready``, or why not.
"""

import asyncio
import hmac
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import h11

from custody.model.errors import CustodyError
from custody.model.secret import Secret

REQUEST_S: Final = 10.0
"""From the connection to the end of its answer."""
HEAD_S: Final = 3.0
"""To the TLS handshake's end, and again to a whole request: silence holds no place for long."""
GATHER_S: Final = 5.0
CONNECTIONS_AT_MOST: Final = 32
BACKLOG: Final = 64
NO_FILES_S: Final = 0.2
HEAD_BYTES: Final = 16_384
_BLOCK: Final = 65_536
_TEXT: Final = "text/plain; charset=utf-8"
_UNAUTHORIZED: Final = 401

_log: Final = logging.getLogger("custody.metrics")


class _Answer(NamedTuple):
    status: int
    body: bytes
    kind: str = _TEXT


class MetricsListener:
    """A service. ``exposition`` may take its time, in a thread; ``ready`` gives the one word.

    ``token``: what whoever asks must bring (RFC 6750 §2.1); ``None``: nothing.
    """

    def __init__(
        self,
        place: tuple[str, int],
        *,
        tls: ssl.SSLContext | None,
        token: Secret | None,
        exposition: Callable[[], bytes],
        exposition_type: str,
        ready: Callable[[], str],
        announce: Callable[[str], None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._place: Final = place
        self._tls: Final = tls
        self._token: Final = token
        self._exposition: Final = exposition
        self._exposition_type: Final = exposition_type
        self._ready: Final = ready
        self._announce: Final = announce
        self._tasks: Final = tasks
        self._socket: socket.socket | None = None
        self._open = 0
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        """Its own: figures that hang on a disk must not take a thread that others need."""
        self._gathering: asyncio.Future[bytes] | None = None

    async def start(self) -> None:
        """Raises ``listen.failed``."""
        host, port = self._place
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise CustodyError(
                "listen.failed",
                f"[listen.metrics] cannot listen on {host}:{port}: {error.strerror}.",
                "Choose another address, or stop what listens there.",
            ) from error
        self._socket.setblocking(False)
        self._tasks.create_task(self._accept(self._socket))
        bound = self._socket.getsockname()
        self._announce(f"listening metrics {bound[0]}:{bound[1]}")

    async def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, listener: socket.socket) -> None:
        """Connections are counted before their first byte and their handshake."""
        event_loop = asyncio.get_running_loop()
        while listener.fileno() >= 0:
            try:
                connection, _ = await event_loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(NO_FILES_S)
                continue
            if self._open >= CONNECTIONS_AT_MOST:
                connection.close()
                continue
            self._open += 1
            self._tasks.create_task(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        transport: asyncio.BaseTransport | None = None
        try:
            async with asyncio.timeout(REQUEST_S):
                reader = asyncio.StreamReader(HEAD_BYTES)
                protocol = asyncio.StreamReaderProtocol(reader)
                event_loop = asyncio.get_running_loop()
                async with asyncio.timeout(HEAD_S):
                    transport, _ = await event_loop.connect_accepted_socket(
                        lambda: protocol, connection, ssl=self._tls
                    )
                writer = asyncio.StreamWriter(transport, protocol, reader, event_loop)
                await self._converse(reader, writer)
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # too slow, gone, or no HTTP
        except Exception as error:  # noqa: BLE001 - what fails here ends here
            _log.error("a request for metrics failed with %s", type(error).__name__)
        finally:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
            else:
                connection.close()
            self._open -= 1

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection, which then ends."""
        spoken = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        async with asyncio.timeout(HEAD_S):
            while (event := spoken.next_event()) is h11.NEED_DATA:
                spoken.receive_data(await reader.read(_BLOCK))
        if not isinstance(event, h11.Request):
            return
        answer = await self._answer(event)
        head = [
            ("content-type", answer.kind), ("content-length", str(len(answer.body))),
            ("connection", "close"), ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ]  # fmt: skip
        if answer.status == _UNAUTHORIZED:  # RFC 6750 §3
            head.append(("www-authenticate", "Bearer"))
        said = spoken.send(h11.Response(status_code=answer.status, headers=head)) or b""
        if event.method != b"HEAD":
            said += spoken.send(h11.Data(data=answer.body)) or b""
        writer.write(said)
        await writer.drain()

    async def _answer(self, asked: h11.Request) -> _Answer:
        paths: dict[bytes, Callable[[], Awaitable[_Answer]]] = {
            b"/metrics": self._metrics,
            b"/healthz": self._health,
            b"/readyz": self._readiness,
        }
        act = paths.get(asked.target.partition(b"?")[0])
        if act is None:
            return _Answer(404, b"unknown\n")
        if asked.method not in {b"GET", b"HEAD"}:
            return _Answer(405, b"GET\n")
        if not self._lets_in(asked):
            return _Answer(_UNAUTHORIZED, b"unauthorized\n")
        return await act()

    def _lets_in(self, asked: h11.Request) -> bool:
        if self._token is None:
            return True
        brought = [value for name, value in asked.headers if name == b"authorization"]
        wanted = b"Bearer " + self._token.reveal().encode()
        return len(brought) == 1 and hmac.compare_digest(brought[0], wanted)

    async def _metrics(self) -> _Answer:
        # One at a time: many who ask cost no more than one, and one that hangs no more than itself.
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.get_running_loop().run_in_executor(
                self._thread, self._exposition
            )
        try:
            async with asyncio.timeout(GATHER_S):
                gathered = await asyncio.shield(self._gathering)
        except TimeoutError:
            return _Answer(503, b"busy\n")
        return _Answer(200, gathered, self._exposition_type)

    async def _health(self) -> _Answer:
        return _Answer(200, b"ok\n")

    async def _readiness(self) -> _Answer:
        word = self._ready()
        return _Answer(200 if word == "ready" else 503, f"{word}\n".encode())
