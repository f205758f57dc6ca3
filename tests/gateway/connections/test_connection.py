"""Connections over real sockets: clear text and TLS, back-pressure, ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from tests.gateway.certificates import contexts

from custody.gateway.connections.connection import Connection


class Recorder:
    """An owner that keeps what it is told."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.connection = Connection(self)
        self.data = bytearray()
        self.context = context
        self.over = asyncio.Event()
        self.open = asyncio.Event()
        self.half = asyncio.Event()
        self.clogs: list[bool] = []

    def opened(self, connection: Connection) -> None:
        self.open.set()

    def received(self, connection: Connection, data: bytes) -> None:
        self.data += data

    def ended(self, connection: Connection) -> None:
        self.half.set()

    def lost(self, connection: Connection) -> None:
        self.over.set()

    def writing_blocked(self, connection: Connection, clogged: bool) -> None:  # noqa: FBT001 - an edge
        self.clogs.append(clogged)

    async def got(self, size: int) -> bytes:
        async with asyncio.timeout(10):
            while len(self.data) < size:  # noqa: ASYNC110 - the recorder has no event for sizes
                await asyncio.sleep(0.001)
        return bytes(self.data)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Recorder, int]]:
    recorder = Recorder()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: recorder.connection, "127.0.0.1", 0)
    try:
        yield recorder, server.sockets[0].getsockname()[1]
    finally:
        recorder.connection.abort()
        server.close()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    """Runs a scenario on the standard loop and on the one that `serve` uses."""

    def runner(scenario: Awaitable[None]) -> None:
        async def main() -> None:
            async with asyncio.timeout(30):
                await scenario

        with asyncio.Runner(loop_factory=request.param) as owner:
            owner.run(main())

    return runner


Run = Callable[[Awaitable[None]], None]
BIG = bytes(range(256)) * 8192  # 2 MiB: many TLS records, more than any buffer


def test_two_mebibytes_cross_tls_both_ways_unchanged(run: Run, tmp_path: Path) -> None:
    server_context, client_context = contexts(tmp_path)

    async def scenario() -> None:
        async with listening() as (here, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await here.open.wait()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(here.connection.start_tls(server_context, server_side=True))
                await writer.start_tls(client_context, server_hostname="localhost")
            writer.write(BIG)
            assert await here.got(len(BIG)) == BIG
            here.connection.write_all((BIG[:100], memoryview(BIG)[100:]))
            assert await reader.readexactly(len(BIG)) == BIG
            here.connection.close()
            assert await reader.read() == b""
            writer.close()

    run(scenario())


def test_bytes_that_were_read_before_tls_belong_to_it(run: Run, tmp_path: Path) -> None:
    """Direct TLS: the hello arrives as ordinary data and must not be lost."""
    server_context, client_context = contexts(tmp_path)

    async def scenario() -> None:
        async with listening() as (here, port):
            async with asyncio.TaskGroup() as tasks:
                opening = tasks.create_task(
                    asyncio.open_connection(
                        "127.0.0.1", port, ssl=client_context, server_hostname="localhost"
                    )
                )
                hello = await here.got(100)
                here.data.clear()
                await here.connection.start_tls(server_context, server_side=True, first=hello)
            reader, writer = opening.result()
            writer.write(b"secret ticket")
            assert await here.got(13) == b"secret ticket"
            here.connection.end_writing()
            here.connection.close()  # once more is harmless
            assert await reader.read() == b""
            writer.close()

    run(scenario())


def test_garbage_in_place_of_a_handshake_fails_it(run: Run, tmp_path: Path) -> None:
    server_context, _ = contexts(tmp_path)

    async def scenario() -> None:
        async with listening() as (here, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await here.open.wait()
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(ssl.SSLError):
                await here.connection.start_tls(server_context, server_side=True)
            writer.close()

    run(scenario())


def test_a_peer_that_leaves_in_the_handshake_fails_it(run: Run, tmp_path: Path) -> None:
    server_context, _ = contexts(tmp_path)

    async def scenario() -> None:
        async with listening() as (here, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await here.open.wait()
            writer.close()
            with pytest.raises(ConnectionResetError):
                await here.connection.start_tls(server_context, server_side=True)

    run(scenario())


def test_a_slow_reader_is_reported_once_each_way(run: Run) -> None:
    async def scenario() -> None:
        async with listening() as (here, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            await here.open.wait()
            sent = 0
            while not here.clogs:
                here.connection.write(BIG)
                sent += len(BIG)
                await asyncio.sleep(0)
                assert sent < 256 * len(BIG)
            assert here.clogs == [True]
            await reader.readexactly(sent)
            async with asyncio.timeout(5):
                while here.clogs != [True, False]:  # noqa: ASYNC110 - see above
                    await asyncio.sleep(0.001)
            writer.close()

    run(scenario())


def test_reading_stops_until_every_reason_is_gone(run: Run) -> None:
    async def scenario() -> None:
        async with listening() as (here, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await here.open.wait()
            here.connection.pause_reading("disk")
            here.connection.pause_reading("peer")
            writer.write(b"x")
            await asyncio.sleep(0.05)
            here.connection.resume_reading("disk")
            await asyncio.sleep(0.05)
            assert not here.data
            here.connection.resume_reading("peer")
            assert await here.got(1) == b"x"
            writer.close()

    run(scenario())


def test_half_a_close_is_told_and_the_other_half_still_works(run: Run) -> None:
    async def scenario() -> None:
        async with listening() as (here, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await here.open.wait()
            writer.write(b"last words")
            writer.write_eof()
            await here.half.wait()
            assert bytes(here.data) == b"last words"
            here.connection.write(b"answer")
            here.connection.close()
            assert await reader.read() == b"answer"
            writer.close()
            await here.over.wait()

    run(scenario())
