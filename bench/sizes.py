"""Large results, many sessions and connects.

Law: memory is that of the gateway's whole family of processes, each shared page by its share.
"""

import contextlib
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
from bench.machine import resident_kb
from bench.places import Place
from tests.real.running import RunningGateway


class Rows(msgspec.Struct, frozen=True):
    """A large result, read by psql."""

    place: str
    rows: int
    seconds: float
    growth_kb: int
    """Of the gateway's memory, at its height during the result; 0 where there is none."""


class Sessions(msgspec.Struct, frozen=True):
    count: int
    kb_each: float


class Connects(msgspec.Struct, frozen=True):
    place: str
    tls: bool
    p50_ms: float


def read_rows(programs: Path, place: Place, rows: int, gateway: RunningGateway | None) -> Rows:
    """The median of three, warmed before. Give a gateway that has done nothing else: memory that
    earlier work left free would hide what this needs.
    """
    query = f"SELECT repeat('x', 100) FROM generate_series(1, {rows})"
    command = [str(programs / "psql"), "-X", "-A", "-t", "-o", "/dev/null", "-c", query]
    warm = [*command[:-1], query.replace(str(rows), "1000")]
    subprocess.run(warm, env=place.environment(), check=True, capture_output=True)
    taken, growths = [], [0]
    for _ in range(3):
        with _watching(gateway) as growth:
            started = time.perf_counter()
            subprocess.run(command, env=place.environment(), check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
        growths += growth
    return Rows(place.name, rows, statistics.median(taken), max(growths))


@contextlib.contextmanager
def _watching(gateway: RunningGateway | None) -> Iterator[list[int]]:
    """The growth over what it is now, seen every 20 ms until the end."""
    seen: list[int] = []
    if gateway is None:
        yield seen
        return
    ending = threading.Event()
    before = resident_kb(gateway.family())

    def watch() -> None:
        while not ending.wait(0.02):
            seen.append(resident_kb(gateway.family()) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ending.set()
        watcher.join()


def hold_sessions(place: Place, gateway: RunningGateway, count: int) -> Sessions:
    """Each has logged in and run one statement, and then is silent. As for ``read_rows``, the
    gateway must be fresh.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count * 2 + 200)), hard))
    with contextlib.ExitStack() as held:
        warm = held.enter_context(psycopg.connect(place.dsn(), autocommit=True))
        warm.execute("SELECT 1")
        before = resident_kb(gateway.family())
        for _ in range(count):
            session = held.enter_context(psycopg.connect(place.dsn(), autocommit=True))
            session.execute("SELECT 1")
        time.sleep(1)
        return Sessions(count, (resident_kb(gateway.family()) - before) / count)


def connect(place: Place, times: int, *, tls: bool) -> Connects:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        psycopg.connect(place.dsn(tls=tls)).close()
        taken.append(time.perf_counter() - started)
    return Connects(place.name, tls, statistics.median(taken) * 1000)
