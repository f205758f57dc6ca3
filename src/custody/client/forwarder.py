"""Loopback listeners for drivers that cannot be given TLS or another address.

Law: bytes go on as they came, both ways; towards the gateway they go in TLS whose certificate is
checked. A client still needs the ticket: nothing is added on the way.
"""

import asyncio
import contextlib
import queue
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from custody.client.environment import client_setups
from custody.model.client_environment import ClientSetup, Route
from custody.model.errors import CustodyError

PIECE: Final = 64 * 1024
OPENING_TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 10.0
CONNECTIONS_AT_MOST: Final = 512
_OPENINGS_AT_MOST: Final = 4
_LISTENING_S: Final = 5.0


class Forwarder:
    """One target's listener on this host."""

    def __init__(self, route: Route, setup: ClientSetup, trust: ssl.SSLContext) -> None:
        self._route: Final = route
        self._outfitter: Final = setup
        self._trust: Final = trust
        self._server: asyncio.Server | None = None
        self._open: Final[set[asyncio.StreamWriter]] = set()

    async def start(self) -> int:
        """Listen on a port that is free; which one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=PIECE)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if len(self._open) <= CONNECTIONS_AT_MOST:
                await self._forward(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # either side went away, or the gateway was not there: so goes the other
        finally:
            self._open.discard(writer)
            await _closed(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(OPENING_TIMEOUT_S):
            first = await self._decline(reader, writer)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            there, back = await asyncio.open_connection(
                self._route.host,
                self._route.port,
                ssl=self._trust,
                server_hostname=self._route.host,
            )
        try:
            back.write(first)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pipe(reader, back))
                tasks.create_task(_pipe(there, writer))
        except* (OSError, ssl.SSLError):
            pass
        finally:
            await _closed(back)

    async def _decline(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Answer openings that ask for what this listener has not; what came behind them."""
        declined = self._outfitter.declined_openings
        if not declined:
            return b""
        length = len(next(iter(declined)))
        for _ in range(_OPENINGS_AT_MOST):
            opening = await reader.readexactly(length)
            answer = declined.get(opening)
            if answer is None:
                return opening
            writer.write(answer)
            await writer.drain()
        raise OSError("the client asks again and again")


@contextlib.contextmanager
def open_forwarders(routes: Sequence[Route], authority: str) -> Iterator[Mapping[str, Route]]:
    """Listeners on loopback, in a thread of their own; their routes by target. Raises
    ``run.local``.
    """
    opened: queue.SimpleQueue[Mapping[str, Route] | OSError] = queue.SimpleQueue()
    loop, done = asyncio.new_event_loop(), asyncio.Event()

    def listen() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_listen(routes, authority, opened.put, done))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        local = opened.get(timeout=_LISTENING_S)
    except queue.Empty:
        local = TimeoutError("timed out")
    try:
        if isinstance(local, OSError):
            raise CustodyError(
                "run.local",
                f"No loopback listener could be opened: {local.strerror or local}.",
                "Leave out --local where the command's driver reads the environment.",
            )
        yield local
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(done.set)
        thread.join(_LISTENING_S)


async def _listen(
    routes: Sequence[Route],
    authority: str,
    tell: Callable[[Mapping[str, Route] | OSError], None],
    done: asyncio.Event,
) -> None:
    forwarders: list[Forwarder] = []
    try:
        for route in routes:
            setup = client_setups()[route.protocol]
            forwarders.append(Forwarder(route, setup, trust_for(setup, authority)))
        ports = [await forwarder.start() for forwarder in forwarders]
        tell(
            {
                route.target: msgspec.structs.replace(route, host="127.0.0.1", port=port)
                for route, port in zip(routes, ports, strict=True)
            }
        )
        await done.wait()
    except OSError as error:  # ssl.SSLError is one
        tell(error)
    finally:
        for forwarder in forwarders:
            await forwarder.close()


def trust_for(setup: ClientSetup, authority: str) -> ssl.SSLContext:
    """Trust in the gateway's listeners, with the protocol that is spoken inside."""
    context = ssl.create_default_context(cadata=authority)
    context.set_alpn_protocols([setup.application_protocol])
    return context


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()
    # TLS has no half-close, so the end of one direction is the end of both.
    writer.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
