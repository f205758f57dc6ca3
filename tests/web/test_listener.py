"""The listener with real sockets: slow, broken, greedy and smuggling peers."""

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import uvloop
from tests.web.scene import Played, parts_of

from custody import web
from custody.model.errors import CustodyError
from custody.operations.certificates.local_ca import create_authority
from custody.web import connection, guard, listener
from custody.web.listener import ConsoleListener

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class Served:
    def __init__(self, port: int, console: ConsoleListener) -> None:
        self.port = port
        self.console = console

    async def say(self, *pieces: bytes, pause: float = 0, wait: float = 5) -> bytes:
        """Everything that comes back until the peer ends it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(wait):
                for piece in pieces:
                    if writer.transport.is_closing():
                        break
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()


@asynccontextmanager
async def served(
    tls: ssl.SSLContext | None = None, connections: int = 100
) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        scheme = "https" if tls else "http"
        parts = parts_of(Played(), url=f"{scheme}://127.0.0.1:{port}", door=door)
        parts = msgspec.structs.replace(parts, tls=tls, max_connections=connections)
        console = ConsoleListener(parts)
        try:
            async with asyncio.TaskGroup() as tasks:
                await console.start(tasks)
                yield Served(port, console)
                await console.close()
                raise _Done  # noqa: TRY301 - what cancels the tasks of a TaskGroup
        except* _Done:
            pass


class _Done(Exception):  # noqa: N818 - ends the group, no error
    pass


def run(act: Any, loop: Any = asyncio.new_event_loop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(act())


def head(port: int, line: bytes = b"GET /done HTTP/1.1", *more: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: 127.0.0.1:%d" % port, *more, b"", b""])


@pytest.mark.parametrize("loop", LOOPS)
def test_it_answers_and_keeps_the_connection(loop: Any) -> None:
    async def act() -> None:
        async with served() as gateway:
            said = await gateway.say(
                head(gateway.port) + head(gateway.port, b"GET /done HTTP/1.1", b"Connection: close")
            )
            assert said.count(b"HTTP/1.1 200") == 2
            assert said.count(b"You are signed in") == 2

    run(act, loop)


def test_what_is_no_http_ends_the_connection() -> None:
    async def act() -> None:
        async with served() as gateway:
            for garbage in (
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
                b"GET / HTTP/9.9\r\n\r\n",
                b"GET /a b HTTP/1.1\r\n\r\n",
                b"\x00" * 40_000,
                b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000,
                b"GET / HTTP/1.1\r\n Host: folded\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            ):
                said = await gateway.say(garbage)
                assert said == b"" or said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421")), said

    run(act)


def test_smuggling_shapes_are_refused() -> None:
    """h11 and the guard refuse them; whatever follows is never a second request."""

    async def act() -> None:
        async with served() as gateway:
            post = b"POST /oauth/revoke HTTP/1.1"
            second = head(gateway.port, b"GET /done HTTP/1.1")
            for headers in (
                (b"Content-Length: 5", b"Content-Length: 6"),
                (b"Content-Length: 5, 6",),
                (b"Content-Length: +5",),
                (b"Content-Length: -1",),
                (b"Content-Length: 4", b"Transfer-Encoding: chunked"),
                (b"Transfer-Encoding: xchunked",),
                (b"Transfer-Encoding: chunked, identity",),
                (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
            ):
                said = await gateway.say(head(gateway.port, post, *headers) + b"0\r\n\r\n" + second)
                assert said.count(b"HTTP/1.1 ") <= 1, headers
                assert b"200 OK" not in said

    run(act)


def test_huge_bodies_end_early() -> None:
    async def act() -> None:
        async with served() as gateway:
            post = b"POST /oauth/token HTTP/1.1"
            announced = await gateway.say(head(gateway.port, post, b"Content-Length: 600000"))
            assert announced.startswith(b"HTTP/1.1 413")
            chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
            streamed = await gateway.say(
                head(gateway.port, post, b"Transfer-Encoding: chunked"), *[chunk] * 12
            )
            assert streamed == b"" or streamed.startswith(b"HTTP/1.1 413")

    run(act)


@pytest.mark.parametrize("loop", LOOPS)
def test_slow_peers_are_cut_off(monkeypatch: pytest.MonkeyPatch, loop: Any) -> None:
    monkeypatch.setattr(connection, "HEADERS_S", 0.3)
    monkeypatch.setattr(connection, "IDLE_S", 0.3)
    monkeypatch.setattr(guard, "BODY_S", 0.3)

    async def act() -> None:
        async with served() as gateway:
            clock = asyncio.get_running_loop().time
            slow_headers = [b"GET /done HTTP/1.1\r\n", *[b"X: y\r\n"] * 50]
            for pieces in (
                [],  # says nothing
                slow_headers,  # drips headers
                [head(gateway.port)],  # keeps an idle connection
                [head(gateway.port), *slow_headers],  # drips the second request
            ):
                began = clock()
                await gateway.say(*pieces, pause=0.05)
                assert clock() - began < 4.0, pieces[:1]
            post = head(gateway.port, b"POST /oauth/token HTTP/1.1", b"Content-Length: 99")
            body = await gateway.say(post, *[b"a"] * 50, pause=0.05)
            assert body == b"" or body.startswith(b"HTTP/1.1 503")
            assert not gateway.console._open or await _emptied(gateway)

    run(act, loop)


async def _emptied(gateway: Served) -> bool:
    async with asyncio.timeout(3):
        while gateway.console._open:  # noqa: ASYNC110 - nobody tells when a peer is gone
            await asyncio.sleep(0.02)
    return True


def test_one_address_has_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "ADDRESS_AT_MOST", 3)

    async def act() -> None:
        async with served() as gateway:
            held = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(3)]
            await asyncio.sleep(0.05)
            assert await gateway.say(head(gateway.port)) == b""
            for _, writer in held:
                writer.transport.abort()
            assert await _emptied(gateway)
            closing = head(gateway.port, b"GET /done HTTP/1.1", b"Connection: close")
            assert b"200 OK" in await gateway.say(closing)

    run(act)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    import datetime as dt  # noqa: PLC0415 - used here alone

    create_authority(tmp_path, tmp_path, "gw", ["127.0.0.1"], dt.datetime.now(dt.UTC))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    return server, ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_and_only_tls(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, loop: Any
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_S", 0.5)

    async def act() -> None:
        async with served(tls[0]) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=tls[1])
            writer.write(head(gateway.port, b"GET /done HTTP/1.1", b"Connection: close"))
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 200")
            writer.close()
            clear = await gateway.say(head(gateway.port))
            assert b"HTTP/1.1" not in clear
            assert await gateway.say(wait=3) == b"", "a silent handshake is cut off"
            assert await _emptied(gateway)

    run(act, loop)


def test_websockets_and_upgrades_are_not_done() -> None:
    async def act() -> None:
        async with served() as gateway:
            upgrade = (b"Connection: Upgrade, close", b"Upgrade: websocket")
            said = await gateway.say(head(gateway.port, b"GET /done HTTP/1.1", *upgrade))
            assert b"101" not in said.split(b"\r\n")[0]

    run(act)


def test_closing_ends_what_is_open() -> None:
    async def act() -> None:
        async with served() as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(head(gateway.port))
            await reader.readuntil(b"</html>")
            await gateway.console.close()
            async with asyncio.timeout(2):
                with suppress(ConnectionError):
                    assert await reader.read() in {b"", b"\n"}
            writer.close()

    run(act)


@pytest.mark.parametrize("missing", ["litestar", "uvicorn.config", "jinja2"])
def test_a_console_that_is_not_installed_is_said_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [each for each in sys.modules if each.startswith("custody.web.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CustodyError) as refused:
        web.console(cast("Any", None))
    assert refused.value.code == "console.not-installed"
    assert "custody[console]" in refused.value.cure
