"""Many long statements at once: memory stays within the share, and others are answered."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MEBIBYTE = 1 << 20
SESSIONS = 10
LONG = 15 * MEBIBYTE


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("memory_shares")
    config = HEAD + target(postgres, "memory_shares")
    shares = 'memory_bytes = "256 MiB"\nloop_memory_bytes = "162 MiB"\n'
    config = config.replace("[gateway]\n", f"[gateway]\n{shares}")
    folder: Path = tmp_path_factory.mktemp("memory") / "gateway"
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


def peak(gateway: RunningGateway) -> int:
    """The most that the gateway's process has had, in bytes."""
    status = Path(f"/proc/{gateway.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_ten_sessions_of_one_loop_take_no_more_than_its_share(gateway: RunningGateway) -> None:
    mine, others = gateway.ticket(), gateway.ticket()
    outcomes: list[str] = []
    waited: list[float] = []
    over = threading.Event()

    def send() -> None:
        with psycopg.connect(gateway.dsn(mine, "orders"), autocommit=True) as connection:
            text = f"SELECT length('{'x' * LONG}')".encode()
            try:
                row = connection.execute(text).fetchone()
                outcomes.append(str(row))
            except errors.InsufficientResources:
                outcomes.append("53000")
                assert connection.execute("SELECT 1").fetchone() == (1,)  # the session lives

    def look() -> None:
        with psycopg.connect(gateway.dsn(others, "orders"), autocommit=True) as connection:
            while not over.is_set():
                begun = time.monotonic()
                connection.execute("SELECT 1")
                waited.append(time.monotonic() - begun)
                time.sleep(0.02)

    before = peak(gateway)
    looking = threading.Thread(target=look)
    looking.start()
    senders = [threading.Thread(target=send) for _ in range(SESSIONS)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    over.set()
    looking.join()
    assert len(outcomes) == SESSIONS
    assert f"({LONG},)" in outcomes
    assert set(outcomes) <= {f"({LONG},)", "53000"}
    assert peak(gateway) - before < 230 * MEBIBYTE  # ten at once would take six times as much
    assert max(waited) < 3
    with psycopg.connect(gateway.dsn(mine, "orders"), autocommit=True) as connection:
        text = f"SELECT length('{'x' * LONG}')".encode()
        assert connection.execute(text).fetchone() == (LONG,)  # all was given back
