"""What other proxies were reported to get wrong, byte for byte: the same here as without a gateway.

Law: each dialogue says in its name what was reported, and is played direct and through.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import HEAD, target
from tests.real.raw_line import FLUSH, SYNC, bind, close, describe, execute, message, parse, text
from tests.real.running import RunningGateway, running_gateway
from tests.real.test_raw_messages import Wire, played

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

Write = bytes


def query(words: str) -> bytes:
    return message(b"Q", text(words))


def run(words: str) -> bytes:
    return parse("", words) + bind("", "") + execute()


def data(rows: str) -> bytes:
    return message(b"d", rows.encode())


def failed(words: str) -> bytes:
    return message(b"f", text(words))


DONE = message(b"c")
TABLE = query("drop table if exists rows_of_copy; create table rows_of_copy (n int)")
COUNT = query("select count(*) from rows_of_copy")
COPY = run("copy rows_of_copy from stdin")
FIVE = parse("five", "select g from generate_series(1, 5) g")

REPORTED: dict[str, tuple[Write, ...]] = {
    "a name whose parse failed in a failed transaction can be given again": (
        query("begin"),
        query("select 1/0"),
        parse("again", "select 1") + SYNC,
        query("rollback"),
        parse("again", "select 2") + bind("", "again") + execute() + SYNC,
        close("S", "again") + SYNC,
    ),
    "a name whose parse failed by its text can be given again": (
        parse("twice", "select nothing_there") + SYNC,
        parse("twice", "select 2") + bind("", "twice") + execute() + SYNC,
        parse("twice", "select 3") + SYNC,
        bind("", "twice") + execute() + SYNC,
        close("S", "twice") + SYNC,
    ),
    "the unnamed statement is gone after a parse that failed": (
        parse("", "select 1") + SYNC,
        parse("", "select nothing_there") + SYNC,
        bind("", "") + execute() + SYNC,
    ),
    "a portal is suspended at its limit and goes on": (
        query("begin"),
        FIVE + bind("p", "five") + describe("P", "p") + execute("p", 2) + SYNC,
        execute("p", 2) + SYNC,
        execute("p", 2) + SYNC,
        execute("p", 2) + SYNC,
        close("P", "p") + close("S", "five") + SYNC,
        query("commit"),
    ),
    "a portal is suspended, read on between flushes, and gone with its transaction": (
        FIVE + bind("p", "five") + execute("p", 1) + FLUSH + execute("p", 1) + FLUSH + SYNC,
        execute("p", 1) + SYNC,
        close("S", "five") + SYNC,
    ),
    "two portals of one statement go on in turns": (
        query("begin"),
        FIVE + bind("p", "five") + bind("q", "five") + SYNC,
        execute("p", 2) + execute("q", 1) + execute("p", 2) + execute("q", 1) + SYNC,
        execute("q") + execute("p") + SYNC,
        close("S", "five") + SYNC,
        query("rollback"),
    ),
    "a portal that bears a statement's name is closed alone": (
        parse("same", "select 7") + bind("same", "same") + SYNC,
        close("P", "same") + bind("", "same") + execute() + SYNC,
        close("S", "same") + bind("", "same") + SYNC,
    ),
    "a copy that is given up leaves the session in order": (
        TABLE,
        COPY + FLUSH + data("1\n") + failed("given up") + SYNC,
        COUNT,
        query("begin"),
        COPY + FLUSH + failed("given up") + SYNC,
        COUNT,
        query("rollback"),
    ),
    "copy data that comes after the server's error is thrown away": (
        TABLE,
        COPY + FLUSH + data("no number\n") + data("1\n" * 1000) + DONE + SYNC,
        COUNT,
        query("copy rows_of_copy from stdin") + data("x\n") + data("2\n") + DONE,
        data("3\n") + DONE + failed("late") + COUNT,
    ),
    "copy messages outside of a copy are thrown away": (
        failed("there is none") + query("select 1"),
        DONE + data("1\n") + parse("", "select 2") + bind("", "") + execute() + SYNC,
        TABLE,
        COPY + FLUSH + data("1\n") + DONE + failed("too late") + SYNC,
        COUNT,
    ),
    "a copy is followed by statements in one write": (
        TABLE,
        COPY + FLUSH + data("1\n") + DONE + run("select count(*) from rows_of_copy") + SYNC,
        COUNT,
    ),
    "copies of one text follow each other": (
        TABLE,
        query("copy rows_of_copy from stdin; copy rows_of_copy to stdout; select 1")
        + data("1\n2\n")
        + DONE,
        COUNT,
    ),
    "a copy out of a portal": (run("copy (select 1, 'a') to stdout") + SYNC, query("select 1")),
    "parses and closes of one batch are answered in their order": (
        parse("a", "select 1")
        + close("S", "a")
        + parse("a", "select 2")
        + close("S", "b")
        + bind("", "a")
        + execute()
        + close("S", "a")
        + parse("a", "select 3")
        + SYNC,
        bind("", "a") + execute() + close("S", "a") + SYNC,
    ),
    "a failed name in a batch is told to those behind it": (
        parse("a", "select 1") + parse("x", "bad text") + bind("", "a") + execute() + SYNC,
        bind("", "x") + execute() + SYNC,
        bind("", "a") + execute() + SYNC,
    ),
    "a pipelined reset forgets what was before it alone": (
        parse("a", "select 1") + SYNC,
        run("discard all")
        + SYNC
        + parse("a", "select 2")
        + SYNC
        + bind("", "a")
        + execute()
        + SYNC,
        query("deallocate a"),
    ),
    "a setting that is wrong is told at once": (
        query("set extra_float_digits = 100"),
        parse("", "select 1") + bind("", "") + execute() + SYNC,
        query("begin; set lock_timeout to nothing_of_the_kind"),
        query("rollback"),
        query('set search_path to "$user", public; show search_path'),
    ),
    "an empty text, and a text of nothing but comments": (
        query(""),
        query(" ; -- nothing\n"),
        run("") + run("/* nothing */") + SYNC,
        query(";;select 1;;"),
    ),
    "notices and rows come in their order": (
        query(
            "do $$ begin raise notice 'one'; end $$; select 1;"
            " do $$ begin raise notice 'two'; end $$"
        ),
        run("do $$ begin raise warning 'three'; end $$") + run("select 2") + SYNC,
    ),
    "what is known by no name is told by the server's code": (
        bind("", "nobody") + SYNC,
        execute("nobody") + SYNC,
        describe("S", "nobody") + SYNC,
        describe("P", "nobody") + SYNC,
        close("S", "nobody") + close("P", "nobody") + SYNC,
        query("execute nobody"),
        query("prepare twice_named as select 1"),
        query("prepare twice_named as select 2"),
        query("deallocate twice_named"),
    ),
    "a batch in a failed transaction is answered step by step": (
        query("begin"),
        run("select 1") + run("select 1/0") + run("select 2") + SYNC,
        run("select 3") + SYNC,
        run("rollback") + run("select 4") + SYNC,
    ),
}


# A sync inside of a copy is thrown away: each write with the answers that are due to it.
SYNCS_IN_A_COPY: dict[str, tuple[tuple[Write, int], ...]] = {
    "in one write": ((TABLE, 1), (COPY + SYNC + data("1\n2\n") + DONE + SYNC, 1), (COUNT, 1)),
    "in several writes": (
        (TABLE, 1),
        (COPY + SYNC, 0),
        (data("1\n") + FLUSH, 0),
        (data("2\n") + DONE + SYNC, 1),
        (COUNT + COUNT, 2),
    ),
    "and the copy fails": (
        (TABLE, 1),
        (COPY + SYNC + data("no number\n") + DONE + SYNC, 1),
        (COPY + SYNC + data("1\n") + failed("given up") + SYNC, 1),
        (COUNT, 1),
    ),
    "time after time": (
        (TABLE, 1),
        *(((COPY + SYNC + data("1\n") + DONE + SYNC), 1),) * 10,
        (COUNT, 1),
    ),
}


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("others_reports")
    folder: Path = tmp_path_factory.mktemp("others") / "gateway"
    config = HEAD + target(postgres, "others_reports")
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running
        assert running.verify().returncode == 0


@pytest.fixture(scope="module")
def ticket(gateway: RunningGateway) -> str:
    return gateway.ticket()


@pytest.mark.parametrize("name", REPORTED)
def test_what_comes_back_is_what_the_server_says(
    name: str, gateway: RunningGateway, ticket: str, postgres: ScratchPostgres
) -> None:
    writes = REPORTED[name]
    direct = played(f"{postgres.dsn('others_reports')} sslmode=disable", writes)
    assert played(f"{gateway.dsn(ticket, 'orders')} sslmode=disable", writes) == direct


def due(conninfo: str, writes: tuple[tuple[Write, int], ...]) -> list[list[str]]:
    wire = Wire(psycopg.connect(conninfo, autocommit=True))
    try:
        return [wire.say(written, readies) for written, readies in writes]
    finally:
        wire.close()


@pytest.mark.parametrize("name", SYNCS_IN_A_COPY)
def test_a_sync_inside_of_a_copy_counts_for_nothing(
    name: str, gateway: RunningGateway, ticket: str, postgres: ScratchPostgres
) -> None:
    writes = SYNCS_IN_A_COPY[name]
    direct = due(f"{postgres.dsn('others_reports')} sslmode=disable", writes)
    assert due(f"{gateway.dsn(ticket, 'orders')} sslmode=disable", writes) == direct


def test_each_statement_of_a_compound_text_has_a_record_of_its_own(
    gateway: RunningGateway, ticket: str
) -> None:
    before = len(gateway.commands())
    words = "select 'first'; create role by_report password 'hidden'; drop role by_report;"
    played(f"{gateway.dsn(ticket, 'orders')} sslmode=disable", (query(words),))
    texts = [each["text"] for each in gateway.commands()[before:]]
    texts = [each.strip("; ") for each in texts]
    assert len(texts) == 3
    assert texts[0] == "select 'first'"
    assert "hidden" not in texts[1]
    assert texts[1].startswith("create role by_report")
    assert texts[2] == "drop role by_report"
