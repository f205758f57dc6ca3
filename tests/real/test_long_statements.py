"""Statements of megabytes are judged whole, run, and are kept in part, with length and digest.

Law: they go through an unmodified client and a real server; while one is judged, other sessions go
on.
"""

import hashlib
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

pytestmark = pytest.mark.real

ROWS = 150_000
KEPT = 1_048_576


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("long")
    postgres.execute("CREATE TABLE kept (number int, name text)", database="long")
    folder: Path = tmp_path_factory.mktemp("long") / "gateway"
    config = (HEAD + target(postgres, "long")).replace(', "execute", "unknown"]', "]")
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


@pytest.fixture(scope="module")
def ticket(gateway: RunningGateway) -> str:
    return gateway.ticket()


def insert(rows: int, last: str = "(0, 'last')") -> str:
    listed = ", ".join(f"({n}, 'the name of {n}')" for n in range(rows))
    return f"INSERT INTO kept VALUES {listed}, {last}"


def test_rows_of_megabytes_are_inserted_and_kept_in_part(
    gateway: RunningGateway, ticket: str
) -> None:
    text = insert(ROWS)
    assert len(text) > 4_000_000
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        assert connection.execute(text.encode()).rowcount == ROWS + 1
    # The other tests insert too, and the order of tests is random.
    (found,) = [each for each in gateway.commands() if each["text"].endswith("(0, 'last')")]
    assert len(found["text"].encode()) <= KEPT
    assert "the name of 7" in found["text"]
    assert "the name of 8" not in found["text"]
    assert found["text"].startswith("INSERT")
    assert found["detail"]["text_bytes"] == len(text)
    assert found["detail"]["text_digest"] == hashlib.sha256(found["text"].encode()).hexdigest()
    assert gateway.verify().returncode in (0, 4)


@pytest.mark.parametrize("size", [5_000_000, 15_000_000])
def test_one_literal_of_megabytes_arrives(gateway: RunningGateway, ticket: str, size: int) -> None:
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        for prepare in (False, True):
            found = connection.execute(
                f"SELECT length('{'x' * size}')".encode(), prepare=prepare
            ).fetchone()
            assert found == (size,)


def test_what_is_hidden_in_the_last_row_is_judged(gateway: RunningGateway, ticket: str) -> None:
    text = insert(ROWS, "(lo_import('/etc/passwd')::int, 'last')")
    with (
        psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege, match="execute"),
    ):
        connection.execute(text.encode())


def test_one_beyond_the_bound_is_refused_and_the_session_lives(
    gateway: RunningGateway, ticket: str
) -> None:
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        with pytest.raises(errors.ProgramLimitExceeded):
            connection.execute(f"SELECT '{'x' * 17_000_000}'".encode())
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_others_go_on_while_a_long_one_is_judged(gateway: RunningGateway, ticket: str) -> None:
    slowest = 0.0
    over = threading.Event()

    def ask() -> None:
        nonlocal slowest
        other = gateway.dsn(gateway.ticket(subject="bob"), "orders")
        with psycopg.connect(other, autocommit=True) as connection:
            number = 0
            while not over.is_set():
                number += 1
                begun = time.monotonic()
                connection.execute(f"SELECT {number} AS new_{number}")
                slowest = max(slowest, time.monotonic() - begun)

    asks = threading.Thread(target=ask)
    asks.start()
    try:
        with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
            begun = time.monotonic()
            connection.execute(insert(ROWS, "(1, 'again')").encode())
            took = time.monotonic() - begun
    finally:
        over.set()
        asks.join()
    assert slowest < took / 2
