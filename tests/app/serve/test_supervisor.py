"""sd_notify(3), by hand."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from custody.app.serve.supervisor import READY, tell_regularly, tell_supervisor


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(5)
        abstract = request.param == "abstract"
        bound.bind(f"\0{name}" if abstract else name)
        yield bound, f"@{name}" if abstract else name


def test_readiness_is_told(listener: tuple[socket.socket, str]) -> None:
    bound, place = listener
    tell_supervisor(READY, {"NOTIFY_SOCKET": place})
    assert bound.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"},
                                         {"NOTIFY_SOCKET": "vsock:2:1"}])  # fmt: skip
def test_nobody_who_listens_is_no_fault(environment: dict[str, str]) -> None:
    tell_supervisor(READY, environment)


def test_a_watchdog_hears_twice_in_its_time(listener: tuple[socket.socket, str]) -> None:
    bound, place = listener
    environment = {"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "20000"}

    async def watched() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await tell_regularly(environment)

    asyncio.run(watched())
    assert [bound.recv(100) for _ in range(2)] == [b"WATCHDOG=1"] * 2


@pytest.mark.parametrize("microseconds", ["", "0", "soon", "-1"])
def test_without_a_watchdog_it_is_over_at_once(microseconds: str) -> None:
    asyncio.run(tell_regularly({"WATCHDOG_USEC": microseconds}))
