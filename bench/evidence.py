"""What the evidence log costs: `python bench/evidence.py [DIRECTORY]`.

Prints the CPU time of one append, the disk's own sync time, and records per second with one and
with 32 appenders that each wait for their record to be durable.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from custody.evidence import DiskFiles, KeyholderProcess, Log, LogOptions, create_keys, open_log
from custody.model.command import Command
from custody.model.errors import LogFailureError
from custody.model.gateway_records import ConfigLoaded
from custody.model.record import (
    Body,
    CommandSeen,
    Milliseconds,
    Receipt,
    Record,
    SessionEnd,
    SessionStart,
)
from custody.model.words import Decision, Effect, LoopId, SessionId

POLICY = "ab" * 32
LOOP = LoopId("loop_" + "a" * 20)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
SECONDS = 3.0


def session_id(number: int) -> SessionId:
    return SessionId(f"ses_{'a' * 18}{ALPHABET[number // 32]}{ALPHABET[number % 32]}")


def record(body: Body, session: SessionId | None) -> Record:
    return Record(Milliseconds(time.time_ns() // 1_000_000), body, LOOP, session)


def statement(number: int) -> CommandSeen:
    """About 600 bytes once encoded."""
    text = f"UPDATE pgbench_accounts SET abalance = abalance + {number} WHERE aid = {number}" + (
        " -- " + "padding " * 27
    )
    command = Command(
        "UPDATE",
        frozenset({Effect.WRITE}),
        ("public.pgbench_accounts",),
        True,
        text,
        fingerprint="0123456789abcdef",
    )
    return CommandSeen(command, Decision.ALLOW, "grant", "", POLICY, "orders")


def sync_time(directory: Path) -> float:
    """The median of a bare write and fdatasync into preallocated space, in microseconds."""
    path = directory / "sync"
    path.write_bytes(bytes(1 << 22))
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    took = []
    for number in range(1000):
        os.pwrite(descriptor, b"x" * 1200, number * 1200)
        start = time.perf_counter_ns()
        os.fdatasync(descriptor)
        took.append(time.perf_counter_ns() - start)
    os.close(descriptor)
    return statistics.median(took) / 1000


async def append_cost(log: Log) -> float:
    """CPU microseconds of one append, without the disk."""
    bodies = [record(statement(number), session_id(0)) for number in range(200)]
    spent = 0
    for _ in range(50):
        start = time.thread_time_ns()
        for each in bodies:
            log.append(each)
        spent += time.thread_time_ns() - start
        await asyncio.sleep(0)
    return spent / 50 / len(bodies) / 1000


async def throughput(log: Log, appenders: int) -> tuple[float, float]:
    """Records a second, and the median wait for one in microseconds."""
    waits: list[int] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS

    async def appender(session: SessionId) -> None:
        number = 0
        body = record(statement(1), session)
        while loop.time() < end:
            done: asyncio.Future[Receipt | LogFailureError] = loop.create_future()
            start = time.perf_counter_ns()
            log.append(body, done.set_result)
            await done
            waits.append(time.perf_counter_ns() - start)
            number += 1

    async with asyncio.TaskGroup() as group:
        for number in range(appenders):
            group.create_task(appender(session_id(number)))
    return len(waits) / SECONDS, statistics.median(waits) / 1000


async def measure(directory: Path) -> None:
    print(f"sync p50               {sync_time(directory):8.0f} us")
    files = DiskFiles()
    create_keys(files, directory / "keys", "bench", time.gmtime().tm_year, os.urandom)
    with KeyholderProcess(directory / "keys", directory / "anchor") as keys:
        options = LogOptions(directory / "data/evidence", directory / "anchor", "bench")
        async with open_log(options, keys) as log, asyncio.TaskGroup() as group:
            group.create_task(log.run())
            log.append(record(ConfigLoaded(POLICY, POLICY, ""), None))
            start = SessionStart("orders", "postgres", "s", "local", (), "", "u", "d", "bench", "")
            for number in range(32):
                log.append(record(start, session_id(number)))
            await asyncio.sleep(0.5)
            print(f"append                 {await append_cost(log):8.1f} us CPU")
            for appenders in (1, 32):
                rate, wait = await throughput(log, appenders)
                mean = log.writer.committer.mean_sync_ns / 1000
                print(
                    f"{appenders:2} appenders           {rate:8.0f} records/s, "
                    f"p50 {wait:6.0f} us, mean sync {mean:6.0f} us"
                )
            for number in range(32):
                log.append(record(SessionEnd("", 0, 0, 0, 0), session_id(number)))
            log.stop()
            size = log.size
        before = time.perf_counter()
        async with open_log(options, keys) as log:
            took = time.perf_counter() - before
            print(f"open after {size:9} {took:8.2f} s")


def main() -> None:
    parent = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        uvloop.run(measure(Path(directory)))


if __name__ == "__main__":
    main()
