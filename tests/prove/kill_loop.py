"""Kills a gateway under load, again and again, and compares the target's log with the evidence.

Law: what the target saw is a subset of what the evidence holds, and the target saw nothing twice.
The target's own statement log is the witness: PostgreSQL with ``log_statement = all``. Each
statement carries a number that no other carries and that no client ever sends again.
"""

import contextlib
import itertools
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg
from tests.real.configs import allow_all
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres

CLIENTS = 4
SETTINGS = {
    "log_statement": "all",
    # A failing statement would otherwise stand in the log a second time.
    "log_min_error_statement": "panic",
}
ARRIVED = re.compile(r"arrival-(\d+)|\$1 = '(\d+)'")

Say = Callable[[str], None]


class Report(msgspec.Struct, frozen=True):
    """What a loop found. ``missing`` and ``twice`` must be empty."""

    kills: int
    sent: int
    arrived: int
    recorded: int
    missing: tuple[int, ...]
    twice: tuple[int, ...]
    torn: int
    """Torn tails that were set aside, as `custody verify` counts them."""
    verdicts: tuple[int, ...]
    """The exit codes of every `custody verify` on the way."""


def kill_loop(room: Path, kills: int, seed: int, say: Say) -> Report:
    """Raises ``AssertionError`` only for what makes the comparison itself impossible."""
    chance = random.Random(seed)
    say(f"{kills} kills, seed {seed}")
    with contextlib.ExitStack() as ending:
        server = ending.enter_context(scratch_postgres(settings=SETTINGS))
        server.create_database("arrivals")
        server.execute("CREATE TABLE arrivals (number bigint)", database="arrivals")
        config = allow_all(server, "arrivals")
        gateway = RunningGateway(room / "gateway", config, {"TARGET_PASSWORD": server.password})
        ending.callback(gateway.end)
        gateway.start()
        ticket = gateway.ticket(ttl="8h")
        # A gateway that never lived for a second has signed nothing: incomplete, as it should be.
        while not list(gateway.data.glob("evidence/log/*/checkpoint")):
            time.sleep(0.05)
        verdicts = []
        with _load(gateway, ticket, chance) as numbers:
            for kill in range(1, kills + 1):
                _kill_once(gateway, chance)
                if kill % max(10, kills // 10) == 0:
                    verdicts.append(gateway.verify().returncode)
                    say(f"{kill} kills, verify {verdicts[-1]}")
            time.sleep(0.5)
        gateway.stop()
        done = gateway.verify("--json")
        verdicts.append(done.returncode)
        said = json.loads(done.stdout)
        say(said["sentence"])
        torn = sum(log["torn_tails"] for log in said["logs"])
        report = _compare(server, gateway, kills, next(numbers), tuple(verdicts))
        return msgspec.structs.replace(report, torn=torn)


def _kill_once(gateway: RunningGateway, chance: random.Random) -> None:
    """At a random moment: mostly under load, sometimes while it is recovering."""
    time.sleep(chance.uniform(0.02, 0.6))
    gateway.kill()
    _wait_for_children(gateway)
    if chance.random() < 0.15:
        gateway.launch()
        time.sleep(chance.uniform(0.0, 0.5))
        gateway.kill()
        _wait_for_children(gateway)
    gateway.start()


def _wait_for_children(gateway: RunningGateway) -> None:
    deadline = time.monotonic() + 10
    while gateway.family() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not gateway.family(), f"children outlive the gateway: {gateway.family()}"


@contextlib.contextmanager
def _load(
    gateway: RunningGateway, ticket: str, chance: random.Random
) -> Iterator["itertools.count[int]"]:
    """Clients that send all the time, and connect again whenever they are cut off."""
    numbers = itertools.count(1)
    ending = threading.Event()
    clients = [
        threading.Thread(
            target=_client, args=(gateway, ticket, numbers, ending, random.Random(chance.random()))
        )
        for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        yield numbers
    finally:
        ending.set()
        for client in clients:
            client.join(30)


def _client(
    gateway: RunningGateway,
    ticket: str,
    numbers: "itertools.count[int]",
    ending: threading.Event,
    chance: random.Random,
) -> None:
    while not ending.is_set():
        try:
            dsn = gateway.dsn(ticket, "orders") + " connect_timeout=5"
            with psycopg.connect(dsn, autocommit=True) as connection:
                while not ending.is_set():
                    _send(connection, numbers, chance)
        except psycopg.Error:
            time.sleep(0.02)


def _send(
    connection: "psycopg.Connection[tuple[object, ...]]",
    numbers: "itertools.count[int]",
    chance: random.Random,
) -> None:
    """One of the ways in which a statement, or several, may travel."""
    bound = "INSERT INTO arrivals VALUES (%s)"
    match chance.randrange(4):
        case 0:
            connection.execute(_tagged(next(numbers)))
        case 1:
            # Parsed once, executed many times by name after the first few.
            connection.execute(bound, [next(numbers)])
        case 2:
            connection.execute(b"; ".join(_tagged(next(numbers)) for _ in range(3)))
        case _:
            with connection.pipeline(), connection.transaction():
                for _ in range(5):
                    connection.execute(bound, [next(numbers)])


def _tagged(number: int) -> bytes:
    return f"INSERT INTO arrivals VALUES ({number}) /* arrival-{number} */".encode()


def _compare(
    server: ScratchPostgres,
    gateway: RunningGateway,
    kills: int,
    sent: int,
    verdicts: tuple[int, ...],
) -> Report:
    arrived = Counter(_numbers(server.log.read_text(errors="replace")))
    recorded: set[int] = set()
    for item in gateway.commands():
        recorded.update(_numbers(item["text"]))
        recorded.update(int(value) for value in item["arguments"])
    return Report(
        kills=kills,
        sent=sent - 1,
        arrived=len(arrived),
        recorded=len(recorded),
        missing=tuple(sorted(arrived.keys() - recorded)),
        twice=tuple(sorted(number for number, times in arrived.items() if times > 1)),
        torn=0,
        verdicts=verdicts,
    )


def _numbers(text: str) -> Iterator[int]:
    return (int(first or second) for first, second in ARRIVED.findall(text))
