# ruff: noqa: PT012, SIM117, DTZ001  # a failure comes where a block ends; timestamps without zone
"""The codec between unmodified clients and a real server, in the smallest host there can be."""

import asyncio
import datetime as dt
import io
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import psycopg
import pytest
from psycopg import errors
from tests.protocols.postgres.tiny_host import Judge, TinyHost, allow_all

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.command import Command
from custody.model.event import StreamEnded
from custody.model.refusal import Refusal, RefusalCode

pytestmark = pytest.mark.real

Start = Callable[..., AbstractContextManager[TinyHost]]
NO = Refusal(RefusalCode.DENIED, "not here")


def deny(*actions: str) -> Judge:
    def judge(command: Command) -> Refusal | None:
        return NO if command.action in actions else None

    return judge


@pytest.fixture
def host(postgres: ScratchPostgres) -> Start:
    @contextmanager
    def start(judge: Judge = allow_all, **more: Any) -> Iterator[TinyHost]:
        place = (postgres.host, postgres.port)
        with TinyHost(place, postgres.superuser, postgres.password, judge=judge, **more) as tiny:
            yield tiny
            assert not tiny.errors, tiny.errors

    return start


def connect(tiny: TinyHost, database: str, **more: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1",
        port=tiny.port,
        user="anyone",
        password="ct_ticket",
        dbname=f"target/{database}",
        connect_timeout=10,
        **more,
    )


def test_psql(host: Start, database: str, postgres: ScratchPostgres) -> None:
    script = """
        \\set ON_ERROR_STOP 1
        CREATE TABLE t (id int PRIMARY KEY, name text, at timestamptz DEFAULT now());
        INSERT INTO t (id, name) SELECT g, 'name ' || g FROM generate_series(1, 500) g;
        \\d t
        \\copy t (id, name) TO '/dev/null'
        SELECT count(*) FROM t \\; SELECT 2;
        BEGIN; DECLARE c CURSOR FOR SELECT * FROM t; FETCH 3 FROM c; ROLLBACK;
        \\set FETCH_COUNT 100
        SELECT sum(id) FROM t;
        LISTEN chan; NOTIFY chan, 'hello';
        \\l
        \\df
        DO $$ BEGIN RAISE NOTICE 'noted'; END $$;
        PREPARE p AS SELECT $1::int + 1; EXECUTE p(41); DEALLOCATE p;
    """
    with host() as tiny:
        done = subprocess.run(
            [
                str(postgres.programs / "psql"),
                "-X",
                "-w",
                (
                    f"host=127.0.0.1 port={tiny.port} user=x password=ct sslmode=disable "
                    f"dbname=target/{database}"
                ),
            ],
            input=script,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "noted" in done.stderr
        assert "hello" in done.stdout
        assert "42" in done.stdout
        assert "unknown" not in {str(e) for c in tiny.commands() for e in c.effects}


def test_types_and_formats(host: Start, database: str) -> None:
    values = (
        True, 7, -(2**40), 1.5, Decimal("-12345.678900"), "tëxt", b"\x00\xff",
        dt.date(2024, 2, 29), dt.datetime(1999, 12, 31, 23, 59, 59, 123456),
        dt.timedelta(days=3, seconds=5), UUID(int=5), [1, 2, 3], None,
    )  # fmt: skip
    for binary in (False, True):
        with host() as tiny, connect(tiny, database) as line:
            cursor = line.cursor(binary=binary)
            marks = ", ".join("%b" if binary else "%t" for _ in values)
            got = cursor.execute(f"SELECT {marks}", values).fetchone()
            assert got == values
            command = next(c for c in tiny.commands() if c.arguments)
            assert all(a.readable for a in command.arguments)
            texts = [a.value for a in command.arguments]
            response = [r.response for r in tiny.responses() if r.response.rows == 1][-1]
            assert len(response.captured[0]) == len(values)
            if binary:
                assert texts[1:3] == ["7", "-1099511627776"]
                assert texts[4] == "-12345.678900"
                assert texts[11] == "{1,2,3}"
                row = response.captured[0]
                assert row[0] == "t"
                assert row[7] == "2024-02-29"
                assert row[8] == "1999-12-31 23:59:59.123456"


def test_binary_and_text_are_captured_alike(host: Start, database: str) -> None:
    text = """SELECT 1::int2, 2::int4, 3::int8, 1.25::float8, 'x'::bpchar, 'n'::name,
      '{"a": 1}'::jsonb, '{"a": 1}'::json, '10.0.0.1'::inet, '10.0.0.0/8'::cidr, '::1/64'::inet,
      '123.450'::numeric, '-0.00012'::numeric, '12300000000'::numeric, 0::numeric, 'NaN'::numeric,
      '12:34:56.5'::time, '2024-01-01'::date, 'infinity'::timestamp, '08:00:2b:01:02:03'::macaddr,
      ARRAY[[1,2],[3,4]], ARRAY['a', NULL, 'b,c'], '{}'::int[], '1 mon -2 days'::interval,
      '0/16B3748'::pg_lsn, 7::oid, true, NULL, E'\\\\x00ff'::bytea, '-3 years'::interval"""
    with host() as tiny, connect(tiny, database) as line:
        line.cursor(binary=False).execute(text + " -- text", ())
        line.cursor(binary=True).execute(text + " -- binary", ())
        one, other = [r.response.captured[0] for r in tiny.responses() if r.response.rows == 1][-2:]
        assert one == other


def test_copy_every_way(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database) as line:
        line.execute("CREATE TABLE t (a int, b text)")
        line.commit()
        cursor = line.cursor()
        for form in ("text", "csv", "binary"):
            with cursor.copy(f"COPY t FROM STDIN (FORMAT {form})") as copy:
                if form == "binary":
                    copy.set_types(["int4", "text"])
                if form == "csv":
                    copy.write('1,"one, two"\n2,\n')
                else:
                    copy.write_row((1, "one, two"))
                    copy.write_row((2, None))
            with cursor.copy(f"COPY t TO STDOUT (FORMAT {form})") as copy:
                assert sum(len(piece) for piece in copy) > 10
        streams = [e.stream for e in tiny.events if isinstance(e, StreamEnded)]
        assert [s.captured[:2] for s in streams[:2]] == [(("1", "one, two"), ("2", None))] * 2
        assert streams[2].captured[0][1] == "one, two"
        with pytest.raises(errors.InvalidTextRepresentation):
            with cursor.copy("COPY t FROM STDIN") as copy:
                copy.write("not a number\tx\n")
        line.rollback()
        with pytest.raises(RuntimeError), cursor.copy("COPY t FROM STDIN") as copy:
            copy.write("1\tx\n")
            raise RuntimeError("enough")
        line.rollback()
        assert line.execute("SELECT 1").fetchone() == (1,)


def test_pipelines(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database, autocommit=True) as line:
        line.execute("CREATE TABLE t (a int)")
        with line.pipeline() as pipeline:
            for n in range(300):
                line.execute("INSERT INTO t VALUES (%s)", (n,))
                if n % 50 == 0:
                    pipeline.sync()
        assert line.execute("SELECT count(*) FROM t").fetchone() == (300,)
        with pytest.raises(errors.DivisionByZero), line.pipeline():
            line.execute("INSERT INTO t VALUES (1000)")
            line.execute("SELECT 1/0")
            line.execute("INSERT INTO t VALUES (1001)")
        outcomes = [str(r.response.outcome) for r in tiny.responses()[-5:]]
        assert "error" in outcomes
        assert line.execute("SELECT count(*) FROM t").fetchone() == (300,)


def test_a_refusal_costs_what_a_failure_costs(host: Start, database: str) -> None:
    with host(deny("DELETE")) as tiny, connect(tiny, database, autocommit=True) as line:
        line.execute("CREATE TABLE t (a int)")
        # Outside a transaction the session just goes on.
        for _ in range(2):
            with pytest.raises(errors.InsufficientPrivilege):
                line.execute("DELETE FROM t")
            assert line.execute("SELECT 1").fetchone() == (1,)
        # In a transaction block it fails the block.
        with pytest.raises(errors.InsufficientPrivilege), line.transaction():
            line.execute("INSERT INTO t VALUES (1)")
            line.execute("DELETE FROM t")
        assert line.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with line.transaction():
            line.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(errors.InsufficientPrivilege), line.transaction():
                line.execute("DELETE FROM t WHERE a = %s", (1,))
            line.execute("INSERT INTO t VALUES (2)")
        assert line.execute("SELECT count(*) FROM t").fetchone() == (2,)
        # In a pipeline what stands before it in the same implicit transaction goes too.
        with pytest.raises(errors.InsufficientPrivilege), line.pipeline():
            line.execute("INSERT INTO t VALUES (3)")
            line.execute("DELETE FROM t")
            line.execute("INSERT INTO t VALUES (4)")
        assert line.execute("SELECT count(*) FROM t").fetchone() == (2,)
        # A client that pipelines the COMMIT commits nothing.
        with pytest.raises(errors.InsufficientPrivilege), line.pipeline():
            line.execute("BEGIN")
            line.execute("INSERT INTO t VALUES (5)")
            line.execute("DELETE FROM t")
            line.execute("COMMIT")
        line.execute("ROLLBACK")
        assert line.execute("SELECT count(*) FROM t").fetchone() == (2,)
        assert b"DELETE" not in tiny.upward


def test_cancel(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database, autocommit=True) as line:
        timer = threading.Timer(0.5, line.cancel_safe)
        timer.start()
        began = time.monotonic()
        with pytest.raises(errors.QueryCanceled):
            line.execute("SELECT pg_sleep(20)")
        assert time.monotonic() - began < 15
        timer.join()
        assert line.execute("SELECT 1").fetchone() == (1,)


def test_long_values_are_streamed(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database, autocommit=True) as line:
        line.execute("CREATE TABLE t (a int, b bytea)")
        line.execute("INSERT INTO t VALUES (%s, %s)", (1, b"\xab" * 3_000_000))
        line.execute("INSERT INTO t VALUES (%b, %b)", (2, b"\xcd" * 3_000_000))
        rows = line.execute("SELECT a, length(b) FROM t ORDER BY a").fetchall()
        assert rows == [(1, 3_000_000), (2, 3_000_000)]
        got = line.cursor(binary=True).execute("SELECT b FROM t WHERE a = 2").fetchone()
        assert got == (b"\xcd" * 3_000_000,)
        assert [c.action for c in tiny.commands("bind")] == ["INSERT"] * 2
        streams = [e.stream for e in tiny.events if isinstance(e, StreamEnded)]
        assert [s.bytes == s.announced for s in streams] == [True, True]
        assert line.execute("SELECT 1").fetchone() == (1,)


def test_texts_over_the_bound_are_refused_and_the_session_lives(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database, autocommit=True) as line:
        long = "SELECT '" + "x" * 5_000_000 + "'"
        for given in (None, ()):
            for text in (long, long):
                with pytest.raises(errors.ProgramLimitExceeded):
                    line.execute(text, given, prepare=False)
            assert line.execute("SELECT 1").fetchone() == (1,)
        assert len(tiny.upward) < 100_000


def test_notifications(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database, autocommit=True) as line:
        line.execute("LISTEN chan")
        with connect(tiny, database, autocommit=True) as other:
            other.execute("SELECT pg_notify('chan', 'payload')")
        (got,) = line.notifies(timeout=5, stop_after=1)
        assert got.payload == "payload"


def test_asyncpg(host: Start, database: str) -> None:
    async def talk(port: int) -> None:
        line = await asyncpg.connect(
            host="127.0.0.1",
            port=port,
            user="x",
            password="ct",
            database=f"target/{database}",
            ssl=False,
        )
        await line.execute("CREATE TABLE t (a int PRIMARY KEY, b text, c numeric[])")
        await line.executemany(
            "INSERT INTO t VALUES ($1, $2, $3)", [(n, f"v{n}", [n, None]) for n in range(500)]
        )
        assert await line.fetchval("SELECT count(*) FROM t") == 500
        async with line.transaction():
            seen = 0
            async for _ in line.cursor("SELECT * FROM t", prefetch=7):
                seen += 1
            assert seen == 500
        await line.copy_records_to_table("t", records=[(n, "c", None) for n in range(1000, 1100)])
        out = io.BytesIO()
        await line.copy_from_query("SELECT a, b FROM t", output=out, format="csv")
        assert out.getvalue().count(b"\n") == 600
        with pytest.raises(asyncpg.UniqueViolationError):
            await line.execute("INSERT INTO t VALUES ($1, 'x', NULL)", 1)
        with pytest.raises(asyncio.TimeoutError):
            await line.execute("SELECT pg_sleep(30)", timeout=0.5)
        assert await line.fetchval("SELECT 1") == 1
        statement = await line.prepare("SELECT $1::int")
        assert await statement.fetchval(5) == 5
        await line.reset()
        await line.close()

    with host() as tiny:
        asyncio.run(talk(tiny.port))
        assert "unknown" not in {str(e) for c in tiny.commands() for e in c.effects}


def test_two_sessions_at_once_and_an_abrupt_end(host: Start, database: str) -> None:
    with host() as tiny:
        first = connect(tiny, database, autocommit=True)
        second = connect(tiny, database, autocommit=True)
        pid = second.execute("SELECT pg_backend_pid()").fetchone()
        assert pid is not None
        first.execute("SELECT pg_terminate_backend(%s)", (pid[0],))
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            second.execute("SELECT 1")
        first.close()
        second.close()


def test_encodings(host: Start, database: str) -> None:
    with host() as tiny, connect(tiny, database, autocommit=True) as line:
        line.execute("SET client_encoding = LATIN1")
        assert line.execute("SELECT 'é', %s", ("ü",)).fetchone() == ("é", "ü")
        last = list(tiny.commands())[-1]
        assert "é" in last.text
        assert last.arguments[0].value == "ü"
