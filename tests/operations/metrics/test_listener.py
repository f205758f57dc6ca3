"""Metrics and health over HTTP: three paths, bounded, and nothing that reaches the gate."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from custody.model.secret import Secret
from custody.operations.metrics import listener as module
from custody.operations.metrics.listener import CONNECTIONS_AT_MOST, MetricsListener

Ask = Callable[[bytes], Awaitable[bytes]]


class Figures:
    def __init__(self) -> None:
        self.word = "ready"
        self.fails = False

    def exposition(self) -> bytes:
        if self.fails:
            raise RuntimeError("a secret")
        return b"custody_sessions 1.0\n"


def talk(
    figures: Figures,
    story: Callable[[int], Awaitable[None]],
    token: str = "",
    tls: ssl.SSLContext | None = None,
) -> None:
    told: list[MetricsListener] = []

    async def scenario() -> None:
        said: list[str] = []
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as tasks:
                listener = MetricsListener(
                    ("127.0.0.1", 0),
                    tls=tls,
                    token=Secret(token) if token else None,
                    exposition=figures.exposition,
                    exposition_type="text/plain; version=1.0.0",
                    ready=lambda: figures.word,
                    announce=said.append,
                    tasks=tasks,
                )
                await listener.start()
                try:
                    await story(int(said[0].rpartition(":")[2]))
                finally:
                    await listener.stop()
                told.append(listener)
                raise asyncio.CancelledError
        assert told

    asyncio.run(scenario())


async def asked(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_bytes", "status", "body"),
    [
        (get("/metrics"), b"200", b"custody_sessions 1.0\n"),
        (get("/metrics?x=1"), b"200", b"custody_sessions 1.0\n"),
        (get("/healthz"), b"200", b"ok\n"),
        (get("/readyz"), b"200", b"ready\n"),
        (get("/readyz", method="HEAD"), b"200", b""),
        (get("/"), b"404", b"unknown\n"),
        (get("/metrics", method="POST"), b"405", b"GET\n"),
    ],
)
def test_three_paths_are_answered(request_bytes: bytes, status: bytes, body: bytes) -> None:
    async def story(port: int) -> None:
        answer = await asked(port, request_bytes)
        head, _, came = answer.partition(b"\r\n\r\n")
        assert head.split()[1] == status
        assert came == body

    talk(Figures(), story)


def test_why_nothing_would_move_is_one_word() -> None:
    figures = Figures()
    figures.word = "full"

    async def story(port: int) -> None:
        answer = await asked(port, get("/readyz"))
        assert answer.startswith(b"HTTP/1.1 503")
        assert answer.endswith(b"\r\n\r\nfull\n")

    talk(figures, story)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), b"401"),
        (("authorization: Bearer wrong",), b"401"),
        (("authorization: Bearer right-right-right", "authorization: Bearer x"), b"401"),
        (("authorization: Basic right-right-right",), b"401"),
        (("authorization: Bearer right-right-right",), b"200"),
    ],
)
def test_where_a_token_is_needed_nobody_comes_without(
    headers: tuple[str, ...], status: bytes
) -> None:
    async def story(port: int) -> None:
        for path in ("/metrics", "/healthz", "/readyz"):
            answer = await asked(port, get(path, *headers))
            assert answer.split()[1] == status
            assert b"right-right" not in answer

    talk(Figures(), story, token="right-right-right")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01" + b"\0" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"x" * 100_000,
        b"\r\n\r\n",
        b"\0",
    ],
)
def test_garbage_ends_its_connection_alone(garbage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_S", 0.3)

    async def story(port: int) -> None:
        with suppress(ConnectionError):
            await asked(port, garbage)
        assert b"200" in await asked(port, get("/healthz"))

    talk(Figures(), story)


def test_a_flood_that_says_nothing_is_bounded_and_over_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HEAD_S", 0.5)

    async def story(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        began = asyncio.get_running_loop().time()
        early = 0
        async with asyncio.timeout(20):
            for reader, _ in held:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
                early += asyncio.get_running_loop().time() - began < module.HEAD_S / 2
        assert early + CONNECTIONS_AT_MOST <= 100
        assert b"200" in await asked(port, get("/healthz"))
        for _, writer in held:
            writer.close()

    talk(Figures(), story)


def test_figures_that_fail_end_their_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    figures = Figures()
    figures.fails = True

    async def story(port: int) -> None:
        assert await asked(port, get("/metrics")) == b""
        assert b"200" in await asked(port, get("/healthz"))

    talk(figures, story)
    assert "RuntimeError" in caplog.text
    assert "a secret" not in caplog.text


def test_figures_that_hang_cost_one_thread_and_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.2)
    figures, until = Figures(), threading.Event()

    def hangs() -> bytes:
        until.wait(20)
        return b""

    figures.exposition = hangs  # type: ignore[method-assign]

    async def story(port: int) -> None:
        for _ in range(10):
            assert (await asked(port, get("/metrics"))).endswith(b"busy\n")
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 7), 5) == 7
        assert b"200" in await asked(port, get("/healthz"))
        until.set()

    talk(figures, story)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_silence_before_a_tls_handshake_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_S", 0.5)

    async def story(port: int) -> None:
        before = open_files()
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(150)]
        await asyncio.sleep(0.2)
        # Their own ends are ours too.
        assert open_files() <= before + 150 + CONNECTIONS_AT_MOST + 4
        for _, writer in held:
            writer.close()

    talk(Figures(), story, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
