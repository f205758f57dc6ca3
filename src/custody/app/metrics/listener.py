"""The listener for metrics and health: ``/metrics``, ``/healthz``, ``/readyz``.

Law: its death, its hang and its flood never touch the gate: connections and their time are bounded,
nothing but the three paths is answered, and what fails here ends here. ``/healthz`` is ``ok`` as
long as the event loop turns; ``/readyz`` is one word: ``ready``, or why not.
"""

import asyncio
import hmac
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

import h11

from custody.model.errors import CustodyError
from custody.model.secret import Secret

REQUEST_S: Final = 10.0
"""From the connection to the end of its answer, the TLS handshake apart."""
CONNECTIONS_AT_MOST: Final = 32
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
    ) -> None:
        self._place: Final = place
        self._tls: Final = tls
        self._token: Final = token
        self._exposition: Final = exposition
        self._exposition_type: Final = exposition_type
        self._ready: Final = ready
        self._announce: Final = announce
        self._server: asyncio.Server | None = None
        self._open = 0
        self._gathering: Final = asyncio.Lock()

    async def start(self) -> None:
        """Raises ``listen.failed``."""
        host, port = self._place
        try:
            self._server = await asyncio.start_server(
                self._serve, host, port, ssl=self._tls, limit=HEAD_BYTES
            )
        except OSError as error:
            raise CustodyError(
                "listen.failed",
                f"[listen.metrics] cannot listen on {host}:{port}: {error.strerror}.",
                "Choose another address, or stop what listens there.",
            ) from error
        bound = self._server.sockets[0].getsockname()
        self._announce(f"listening metrics {bound[0]}:{bound[1]}")

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= CONNECTIONS_AT_MOST:
            writer.transport.abort()
            return
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_S):
                await self._converse(reader, writer)
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # too slow, gone, or no HTTP
        except Exception as error:  # noqa: BLE001 - what fails here ends here
            _log.error("a request for metrics failed with %s", type(error).__name__)
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection, which then ends."""
        spoken = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
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
        async with self._gathering:  # one at a time: many who ask cost no more than one
            return _Answer(200, await asyncio.to_thread(self._exposition), self._exposition_type)

    async def _health(self) -> _Answer:
        return _Answer(200, b"ok\n")

    async def _readiness(self) -> _Answer:
        word = self._ready()
        return _Answer(200 if word == "ready" else 503, f"{word}\n".encode())
