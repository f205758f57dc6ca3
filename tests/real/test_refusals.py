"""A refused command has the transaction semantics of a command that failed on the server.

Law: each dialogue is played three times: with a statement that the server itself fails, direct; the
same through the gateway; and with a statement that the gateway refuses. A program must not be able
to tell the three apart, in what it sees and in what the database then holds.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path

import asyncpg
import msgspec
import psycopg
import pytest
from tests.real.configs import guarded
from tests.real.playing import Execute, Extended, Pipeline, Prepare, Simple, Step, Sync, play
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

BAD = "@BAD@"
FAILS = "DELETE FROM missing WHERE number = 1"
"""Fails where a refusal stands too: when it is analysed, before it runs."""
REFUSED = "DELETE FROM victim"


def insert(number: int) -> str:
    return f"INSERT INTO kept VALUES ({number})"


COUNT = "SELECT count(*) FROM kept"
one, two, three = insert(1), insert(2), insert(3)
Dialogue = tuple[Step, ...]

DIALOGUES: dict[str, Dialogue] = {
    "simple, alone": (Simple(BAD), Simple(one)),
    "simple, in a transaction": (
        Simple("BEGIN"),
        Simple(one),
        Simple(BAD),
        Simple(COUNT),
        Simple("COMMIT"),
        Simple(two),
    ),
    "simple, behind a savepoint": (
        Simple("BEGIN"),
        Simple(one),
        Simple("SAVEPOINT here"),
        Simple(BAD),
        Simple(COUNT),
        Simple("ROLLBACK TO here"),
        Simple(two),
        Simple("COMMIT"),
    ),
    "simple, first act of a transaction": (Simple("BEGIN"), Simple(BAD), Simple("END")),
    "extended, alone": (Extended(BAD), Extended(one)),
    "extended, in a transaction": (
        Extended("BEGIN"),
        Extended(one),
        Extended(BAD),
        Extended(COUNT),
        Extended("COMMIT"),
        Extended(two),
    ),
    "extended, behind a savepoint": (
        Extended("BEGIN"),
        Extended(one),
        Extended("SAVEPOINT here"),
        Extended(BAD),
        Extended("ROLLBACK TO SAVEPOINT here"),
        Extended(two),
        Extended("COMMIT"),
    ),
    "extended, prepared by name": (
        Prepare("keep", "INSERT INTO kept VALUES ($1)"),
        Prepare("bad", BAD),
        Execute("bad"),
        Execute("keep", ("1",)),
    ),
    "extended, prepared by name in a transaction": (
        Prepare("keep", "INSERT INTO kept VALUES ($1)"),
        Simple("BEGIN"),
        Execute("keep", ("1",)),
        Prepare("bad", BAD),
        Execute("keep", ("2",)),
        Simple("COMMIT"),
        Execute("keep", ("3",)),
    ),
    "pipeline, alone in the middle": (
        Pipeline((Extended(one), Extended(BAD), Extended(two))),
        Extended(three),
    ),
    "pipeline, first": (Pipeline((Extended(BAD), Extended(one))), Extended(two)),
    "pipeline, last": (Pipeline((Extended(one), Extended(two), Extended(BAD))), Extended(three)),
    "pipeline, one of three implicit transactions": (
        Pipeline(
            (Extended(one), Sync(), Extended(BAD), Extended(two), Sync(), Extended(three), Sync())
        ),
    ),
    "pipeline, BEGIN to COMMIT": (
        Pipeline(
            (
                Extended("BEGIN"),
                Extended(one),
                Extended(BAD),
                Extended(two),
                Extended("COMMIT"),
            )
        ),
        Simple("ROLLBACK"),
        Extended(three),
    ),
    "pipeline, BEGIN to COMMIT with a Sync after each": (
        Pipeline(
            (
                *(Extended("BEGIN"), Sync(), Extended(one), Sync(), Extended(BAD), Sync()),
                *(Extended(two), Sync(), Extended("COMMIT"), Sync(), Extended(three), Sync()),
            )
        ),
    ),
    "pipeline, inside an open transaction": (
        Simple("BEGIN"),
        Simple(one),
        Pipeline((Extended(two), Extended(BAD), Extended(three))),
        Simple(COUNT),
        Simple("COMMIT"),
    ),
    "pipeline, two refusals in two implicit transactions": (
        Pipeline((Extended(BAD), Sync(), Extended(one), Extended(BAD), Sync(), Extended(two))),
    ),
    "pipeline, prepared and executed": (
        Pipeline(
            (
                Prepare("keep", "INSERT INTO kept VALUES ($1)"),
                Execute("keep", ("1",)),
                Prepare("bad", BAD),
                Execute("bad"),
                Execute("keep", ("2",)),
                Sync(),
                Execute("keep", ("3",)),
            )
        ),
    ),
    "pipeline, prepared before": (
        Prepare("keep", "INSERT INTO kept VALUES ($1)"),
        Pipeline((Execute("keep", ("1",)), Extended(BAD), Execute("keep", ("2",)))),
        Execute("keep", ("3",)),
    ),
    "a cursor stays closed after the transaction failed": (
        Simple("BEGIN"),
        Simple("DECLARE walk CURSOR FOR SELECT generate_series(1, 10)"),
        Simple("FETCH 2 FROM walk"),
        Simple(BAD),
        Simple("FETCH 2 FROM walk"),
        Simple("ROLLBACK"),
    ),
}

MULTIPLE: dict[str, Dialogue] = {
    "several statements": (Simple(f"{one}; {BAD}; {two}"), Simple(three)),
    "several statements, in a transaction": (
        Simple("BEGIN"),
        Simple(one),
        Simple(f"{two}; {BAD}"),
        Simple(COUNT),
        Simple("COMMIT"),
        Simple(three),
    ),
}
"""The whole message is judged before any of it moves, so replies of earlier statements in the same
message do not exist; what the database holds afterwards is compared."""


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("refusals")
    folder: Path = tmp_path_factory.mktemp("refusals") / "gateway"
    config = guarded(postgres, "refusals")
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


@pytest.fixture(scope="module")
def ticket(gateway: RunningGateway) -> str:
    return gateway.ticket()


@pytest.fixture(autouse=True)
def fresh(postgres: ScratchPostgres) -> None:
    script = """
    DROP TABLE IF EXISTS kept, victim;
    CREATE TABLE kept (number int);
    CREATE TABLE victim (number int);
    INSERT INTO victim VALUES (1);
    """
    postgres.execute(script, database="refusals")


def with_bad(dialogue: Dialogue, bad: str) -> Dialogue:
    """The dialogue with ``bad`` in its place. Its words are data, so this is a substitution."""
    words = msgspec.json.encode(dialogue).decode().replace(BAD, bad)
    return msgspec.json.decode(words, type=Dialogue)


def kept(postgres: ScratchPostgres) -> str:
    found = postgres.execute("SELECT number FROM kept ORDER BY 1", database="refusals")
    postgres.execute("TRUNCATE kept", database="refusals")
    return found


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_program_cannot_tell_a_refusal_from_a_failure(
    name: str, postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    dialogue = DIALOGUES[name]
    through = gateway.dsn(ticket, "orders")
    native = play(postgres.dsn("refusals"), with_bad(dialogue, FAILS)), kept(postgres)
    relayed = play(through, with_bad(dialogue, FAILS)), kept(postgres)
    refused = play(through, with_bad(dialogue, REFUSED)), kept(postgres)
    assert relayed == native
    assert refused == native
    assert postgres.execute("SELECT * FROM victim", database="refusals") == "1\n"


@pytest.mark.parametrize("name", MULTIPLE)
def test_several_statements_in_one_message_fail_together(
    name: str, postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    dialogue = MULTIPLE[name]
    through = gateway.dsn(ticket, "orders")
    native = play(postgres.dsn("refusals"), with_bad(dialogue, FAILS))[-1], kept(postgres)
    relayed = play(through, with_bad(dialogue, FAILS))[-1], kept(postgres)
    refused = play(through, with_bad(dialogue, REFUSED))[-1], kept(postgres)
    assert relayed == native
    assert refused == native
    assert postgres.execute("SELECT * FROM victim", database="refusals") == "1\n"


def test_a_refusal_inside_a_failed_transaction_still_says_why(
    gateway: RunningGateway, ticket: str
) -> None:
    """The server would say only that the transaction has failed (25P02)."""
    dialogue = (Simple("BEGIN"), Simple(REFUSED), Simple(REFUSED), Simple("ROLLBACK"))
    seen = play(gateway.dsn(ticket, "orders"), dialogue)
    assert seen[2:6] == ["FATAL_ERROR FAILED", "state INERROR"] * 2
    assert seen[6:] == ["COMMAND_OK ROLLBACK", "state IDLE"]


def test_a_message_that_would_open_a_transaction_opens_none(
    postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    """The server would be in the failed transaction that BEGIN opened. Nothing of the message went
    to it, so there is none, and the client is told so.
    """
    dialogue = (Simple(f"BEGIN; {one}; {REFUSED}; COMMIT"), Simple(two))
    seen = play(gateway.dsn(ticket, "orders"), dialogue)
    assert seen == ["FATAL_ERROR FAILED", "state IDLE", "COMMAND_OK INSERT 0 1", "state IDLE"]
    assert kept(postgres) == "2\n"


def test_a_message_that_would_end_a_transaction_fails_it(
    postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    """The server would have committed before it failed. Nothing of the message went to it."""
    dialogue = (Simple("BEGIN"), Simple(one), Simple(f"COMMIT; {REFUSED}"), Simple(two))
    seen = play(gateway.dsn(ticket, "orders"), dialogue)
    assert seen[4:] == ["FATAL_ERROR FAILED", "state INERROR", "FATAL_ERROR 25P02", "state INERROR"]
    assert kept(postgres) == ""


def test_the_error_names_rule_and_reason(gateway: RunningGateway, ticket: str) -> None:
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(REFUSED)
        said = f"{caught.value.diag.message_primary} {caught.value.diag.message_detail}"
        assert "unbounded-write" in said
        assert "UPDATE and DELETE need a WHERE here" in said
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def _asyncpg_dialogue(words: dict[str, object], bad: str) -> list[str]:
    seen: list[str] = []
    connection = await asyncpg.connect(**words)
    try:
        await connection.execute(one)
        acts: list[Awaitable[object]] = [
            connection.execute(bad),
            connection.fetch(bad),
            connection.executemany(
                f"{bad.partition(' WHERE')[0]} WHERE number = $1 OR true", [(1,), (2,)]
            ),
        ]
        for act in acts:
            try:
                seen.append(repr(await act))
            except asyncpg.PostgresError as error:
                seen.append("FAILED" if error.sqlstate in {"42501", "42P01"} else error.sqlstate)
            seen.append(repr(await connection.fetchval(COUNT)))
        try:
            async with connection.transaction():
                await connection.executemany("INSERT INTO kept VALUES ($1)", [(2,), (3,)])
                await connection.execute(bad)
        except asyncpg.PostgresError:
            seen.append("rolled back")
        seen.append(repr(await connection.fetchval(COUNT)))
    finally:
        await connection.close()
    return seen


def test_asyncpg_sees_the_same(
    postgres: ScratchPostgres, gateway: RunningGateway, ticket: str
) -> None:
    direct = {
        "host": postgres.host,
        "port": postgres.port,
        "user": postgres.superuser,
        "password": postgres.password,
        "database": "refusals",
    }
    through = {
        "host": "127.0.0.1",
        "port": gateway.port,
        "user": "anything",
        "password": ticket,
        "database": "orders",
        "ssl": False,
    }
    native = asyncio.run(_asyncpg_dialogue(direct, FAILS)), kept(postgres)
    refused = asyncio.run(_asyncpg_dialogue(through, REFUSED)), kept(postgres)
    assert refused == native
    assert postgres.execute("SELECT * FROM victim", database="refusals") == "1\n"


def test_every_refusal_is_in_the_evidence(gateway: RunningGateway, ticket: str) -> None:
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        for text in (REFUSED, REFUSED + " /* again */"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(text)
    commands = [item for item in gateway.commands() if item["text"].startswith(REFUSED)]
    assert {item["text"] for item in commands} >= {REFUSED, REFUSED + " /* again */"}
    assert {item["verdict"] for item in commands} == {"deny"}
    assert {item["rule"] for item in commands} == {"unbounded-write"}
    assert {item["outcome"] for item in commands} == {"refused"}
