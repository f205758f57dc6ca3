"""What the evidence says to have held is what the database holds, in every mode.

Law: each dialogue inserts numbers; those whose INSERT is said to be committed are compared with the
table, row by row. A number that nobody can know of is said to be unknown.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import allow_all
from tests.real.playing import Execute, Extended, Pipeline, Prepare, Simple, Step, Sync, play
from tests.real.running import RunningGateway, running_gateway
from tests.real.test_refusals import DIALOGUES, FAILS, MULTIPLE, insert, with_bad

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

DATABASE = "committed"
LATE = "INSERT INTO late VALUES (1)"
"""Is said to have been done, and fails when its transaction is to be committed."""
one, two, three = insert(1), insert(2), insert(3)

MORE: dict[str, tuple[Step, ...]] = {
    "one after the other": (Simple(one), Extended(two), Simple(three)),
    "several statements": (Simple(f"{one}; {two}"), Simple(three)),
    "several statements, a COMMIT among them": (
        Simple(f"BEGIN; {one}; COMMIT; {two}; {FAILS}"),
        Simple(three),
    ),
    "several statements, left open": (Simple(f"BEGIN; {one}"), Simple(two), Simple("COMMIT")),
    "rolled back": (Simple("BEGIN"), Extended(one), Simple("ROLLBACK"), Simple(two)),
    "chained": (
        Simple("BEGIN"),
        Simple(one),
        Simple("COMMIT AND CHAIN"),
        Simple(two),
        Simple("ROLLBACK AND CHAIN"),
        Simple(three),
        Simple("COMMIT"),
    ),
    "savepoints": (
        Simple("BEGIN"),
        Simple("SAVEPOINT a"),
        Simple(one),
        Simple("SAVEPOINT b"),
        Simple(two),
        Simple("ROLLBACK TO b"),
        Simple(three),
        Simple("RELEASE a"),
        Simple("COMMIT"),
    ),
    "a savepoint of a name that is there already": (
        Simple("BEGIN"),
        Simple("SAVEPOINT a"),
        Simple(one),
        Simple("SAVEPOINT a"),
        Simple(two),
        Simple("ROLLBACK TO a"),
        Simple("COMMIT"),
    ),
    "a COMMIT that fails, simple": (Simple("BEGIN"), Simple(one), Simple(LATE), Simple("COMMIT")),
    "a COMMIT that fails, extended": (
        Extended("BEGIN"),
        Extended(one),
        Extended(LATE),
        Extended("COMMIT"),
        Extended(two),
    ),
    "a text whose end fails": (Simple(f"{one}; {LATE}"), Simple(two)),
    "a text alone whose end fails": (
        Extended(f"WITH l AS ({LATE}) {one}"),
        Simple(f"WITH l AS ({LATE}) {two}"),
        Simple(three),
    ),
    "a pipeline of transactions": (
        Pipeline(
            (
                *(Extended("BEGIN"), Extended(one), Extended("COMMIT")),
                *(Extended(two), Extended(FAILS), Sync(), Extended(three), Sync()),
            )
        ),
    ),
    "prepared": (
        Prepare("keep", "INSERT INTO kept VALUES ($1)"),
        Simple("BEGIN"),
        Execute("keep", ("1",)),
        Simple("ROLLBACK"),
        Execute("keep", ("2",)),
    ),
}
PLAYED = {
    **MORE,
    **{name: with_bad(each, FAILS) for name, each in {**DIALOGUES, **MULTIPLE}.items()},
}


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database(DATABASE)
    folder: Path = tmp_path_factory.mktemp(DATABASE) / "gateway"
    config = allow_all(postgres, DATABASE)
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


@pytest.fixture(scope="module")
def ticket(gateway: RunningGateway) -> str:
    return gateway.ticket()


@pytest.fixture(autouse=True)
def fresh(postgres: ScratchPostgres) -> None:
    script = """
    DROP TABLE IF EXISTS kept, late;
    CREATE TABLE kept (number int);
    CREATE TABLE late (number int UNIQUE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO late VALUES (1);
    """
    postgres.execute(script, database=DATABASE)


def held(postgres: ScratchPostgres) -> list[int]:
    found = postgres.execute("SELECT number FROM kept ORDER BY 1", database=DATABASE)
    return [int(line) for line in found.split()]


def inserts(gateway: RunningGateway) -> list[tuple[int, str | None]]:
    """The numbers that the newest session inserted, each with what the evidence says of it."""
    session = gateway.items("sessions")[0]["id"]
    found: list[tuple[int, str | None]] = []
    for item in gateway.items("search", "--oldest", f"session:{session}"):
        texts = re.findall(r"INSERT INTO kept VALUES \((\d|\$1)\)", item["text"])
        if item["outcome"] == "ok" and item["action"] in {"INSERT", "WITH", "UNKNOWN"}:
            found += [
                (int(item["arguments"][0] if number == "$1" else number), item["committed"])
                for number in texts
            ]
    return found


@pytest.mark.parametrize("name", PLAYED)
def test_what_held_is_what_the_database_holds(
    name: str, postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    play(gateway.dsn(ticket, "orders"), PLAYED[name])
    said = inserts(gateway)
    assert sorted(number for number, how in said if how == "yes") == held(postgres), said
    assert {how for _, how in said} <= {"yes", "no"}


def test_a_pipeline_whose_sync_fails(
    postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    """Each of its commands was answered well before."""
    dsn = gateway.dsn(ticket, "orders")
    with pytest.raises(psycopg.Error):
        fail_at_sync(dsn)
    assert inserts(gateway) == [(1, "no")]
    assert held(postgres) == []


def fail_at_sync(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection, connection.pipeline():
        connection.execute(one)
        connection.execute(LATE)


def test_a_lost_connection_leaves_it_unknown(
    postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        connection.execute(two)
        connection.execute("BEGIN")
        connection.execute(one)
        pid = connection.info.backend_pid
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid() AND {pid} > 0",
            database=DATABASE,
        )
        with pytest.raises(psycopg.Error):
            connection.execute("COMMIT")
    deadline = time.monotonic() + 20
    while (said := inserts(gateway)) != [(2, "yes"), (1, "unknown")]:
        assert time.monotonic() < deadline, said
        time.sleep(0.3)


def test_search_finds_what_did_not_hold(gateway: RunningGateway, ticket: str) -> None:
    play(gateway.dsn(ticket, "orders"), (Simple("BEGIN"), Simple(three), Simple("ROLLBACK")))
    session = gateway.items("sessions")[0]["id"]
    found = gateway.items("search", f"session:{session} committed:no")
    assert three in [item["text"] for item in found]
    assert "rolled back: its transaction did not hold" in gateway.custody("show", session).stdout
    assert gateway.verify().returncode == 0


def test_notifications_are_recorded_bounded_and_counted(
    gateway: RunningGateway, ticket: str
) -> None:
    dsn = gateway.dsn(ticket, "orders")
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute("LISTEN news")
        with psycopg.connect(dsn, autocommit=True) as teller:
            many = "SELECT pg_notify('news', 'for everybody ' || n) FROM generate_series(1, 300) n"
            teller.execute(many)
        heard = list(listener.notifies(timeout=10, stop_after=300))
        assert len(heard) == 300
    deadline = time.monotonic() + 20
    while True:
        found = gateway.items("search", "kind:notification")
        count = sum(item["detail"]["count"] for item in found)
        if count >= 300:
            break
        assert time.monotonic() < deadline, json.dumps(found)[:500]
        time.sleep(0.3)
    assert count == 300
    assert len(found) < 300
    assert any("for everybody 1" in item["text"] for item in found)
