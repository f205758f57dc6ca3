"""Clients that are servers themselves: another PostgreSQL, a pooler, a receiver of changes.

Law: each does through the gateway what it does without; where one is not installed here, its test
says so and is skipped.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway

from custody.demo.postgres_installation import account_for_root
from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres

pytestmark = pytest.mark.real

POOLER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
FAR = """
    CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, made timestamptz, bits bytea);
    CREATE TABLE orders (id serial, person int REFERENCES people, total numeric CHECK (total >= 0));
    INSERT INTO people SELECT n, 'name ' || n, '2026-01-02Z', decode('00ff', 'hex')
        FROM generate_series(1, 1000) n;
    INSERT INTO orders (person, total) SELECT n, n * 0.25 FROM generate_series(1, 1000) n;
"""
ASKED: tuple[LiteralString, ...] = (
    "IMPORT FOREIGN SCHEMA public FROM SERVER far INTO public",
    (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'people'::regclass AND attnum > 0 ORDER BY attnum"
    ),
    "SELECT * FROM people WHERE id BETWEEN 5 AND 7 ORDER BY id",
    "SELECT count(*), sum(total), max(name) FROM people JOIN orders ON person = people.id",
    "EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM people WHERE id = 7 ORDER BY name LIMIT 3",
    (
        "SELECT p.id, (SELECT total FROM orders WHERE person = p.id) FROM people p"
        " WHERE id % 300 = 0 ORDER BY id"
    ),
    "INSERT INTO people SELECT n, 'more ' || n FROM generate_series(2000, 2020) n RETURNING id",
    "UPDATE people SET name = 'changed' WHERE id > 2010 RETURNING id, name",
    "UPDATE people SET name = 'near ' || pg_backend_pid()::bool WHERE id = 2000",
    "DELETE FROM people WHERE id > 2015 RETURNING id",
    "INSERT INTO orders VALUES (9999, 1, -1)",
    "INSERT INTO orders VALUES (9999, 77777, 1)",
    "ALTER FOREIGN TABLE people OPTIONS (ADD batch_size '50')",
    "INSERT INTO people SELECT n, 'batched' FROM generate_series(3000, 3200) n",
    "SELECT * FROM people WHERE id = 1 / (random() * 0)::int",
    "BEGIN",
    "DELETE FROM orders",
    "SAVEPOINT here",
    "INSERT INTO orders VALUES (1, 1, -1)",
    "ROLLBACK TO here",
    "SELECT count(*) FROM orders",
    "ROLLBACK",
    "SELECT count(*) FROM orders",
    "DECLARE held CURSOR WITH HOLD FOR SELECT id FROM people ORDER BY id",
    "FETCH 3 FROM held",
    "ANALYZE people",
    "TRUNCATE orders",
    "SELECT count(*) FROM orders",
)


def asked(server: ScratchPostgres, near: str, far: str) -> list[list[object]]:
    """What a database says whose foreign server is reached by ``far``."""
    server.create_database(near)
    server.execute(
        f"""
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options(far, "connection")});
        CREATE USER MAPPING FOR postgres SERVER far OPTIONS ({options(far, "login")});
        """,
        database=near,
    )
    seen: list[list[object]] = []
    with psycopg.connect(server.dsn(near), autocommit=True) as line:
        for text in ASKED:
            try:
                cursor = line.execute(text)
                seen.append([cursor.statusmessage, cursor.fetchall() if cursor.description else []])
            except psycopg.Error as fault:
                seen.append(
                    ["error", fault.sqlstate, fault.diag.message_primary, fault.diag.context]
                )
    return seen


def options(conninfo: str, kind: str) -> str:
    pairs = psycopg.conninfo.conninfo_to_dict(conninfo)
    login = ("user", "password")
    return ", ".join(
        f"{key} '{value}'" for key, value in pairs.items() if (key in login) == (kind == "login")
    )


def test_a_foreign_data_wrapper_reads_and_writes_as_it_does_without(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    if "postgres_fdw" not in postgres.execute("SELECT name FROM pg_available_extensions"):
        pytest.skip("this PostgreSQL comes without postgres_fdw")
    plain = f"{database}_plain"
    postgres.create_database(plain)
    for name in (plain, database):
        postgres.execute(FAR, database=name)
    gateway = start_gateway(HEAD + target(postgres, database))
    expected = asked(postgres, f"{plain}_near", f"{postgres.dsn(plain)} sslmode=disable")
    found = asked(postgres, f"{database}_near", gateway.dsn(gateway.ticket(), "orders"))
    assert len(expected) == len(ASKED)
    assert [each[1] for each in expected if each[0] == "error"] == [
        "23514",
        "23503",
        "22012",
        "23514",
    ]
    for text, one, other in zip(ASKED, found, expected, strict=True):
        assert one == other, text
    texts = [each["text"] for each in gateway.commands()]
    assert any(each.startswith("DECLARE c1 CURSOR FOR") for each in texts)
    assert any(each.startswith("INSERT INTO public.people") for each in texts)
    assert gateway.verify().returncode == 0


@pytest.fixture(scope="module")
def changing() -> Iterator[ScratchPostgres]:
    """A server that tells its changes."""
    with scratch_postgres(settings={"wal_level": "logical"}) as server:
        yield server


def received(server: ScratchPostgres, conninfo: str, slot: str, *words: str) -> str:
    done = subprocess.run(
        [server.programs / "pg_recvlogical", "-w", "-d", conninfo, "--slot", slot, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )
    return done.stdout if done.returncode == 0 else done.stderr


def replicating(server: ScratchPostgres, folder: Path, *, granted: bool) -> RunningGateway:
    config = HEAD + target(server, "changes")
    if granted:
        config = config.replace('max_loop = "8h"', 'max_loop = "8h"\nreplication = true')
    return RunningGateway(folder, config, {"TARGET_PASSWORD": server.password})


def test_changes_are_received_as_they_are_without_where_a_grant_names_replication(
    changing: ScratchPostgres, tmp_path: Path
) -> None:
    if not (changing.programs / "pg_recvlogical").exists():
        pytest.skip("this PostgreSQL comes without pg_recvlogical")
    changing.create_database("changes")
    changing.execute("CREATE TABLE t (n int, words text)", database="changes")
    gateway = replicating(changing, tmp_path / "granted", granted=True)
    closed = replicating(changing, tmp_path / "closed", granted=False)
    plain = f"{changing.dsn('changes')} sslmode=disable"
    try:
        gateway.start()
        closed.start()
        behind = gateway.dsn(gateway.ticket(), "orders")
        for conninfo, slot in ((plain, "plain"), (behind, "behind")):
            made = ("--create-slot", "--plugin", "test_decoding")
            said = received(changing, conninfo, slot, *made)
            if "test_decoding" in said:
                pytest.skip("this PostgreSQL comes without test_decoding")
            assert said == ""
        changing.execute(
            "INSERT INTO t SELECT n, repeat('w', 100) FROM generate_series(1, 3000) n;"
            "UPDATE t SET words = 'changed' WHERE n < 10; DELETE FROM t WHERE n = 1",
            database="changes",
        )
        end = changing.execute("SELECT pg_current_wal_insert_lsn()", database="changes").strip()
        follow = ("--start", "--file", "-", "--endpos", end, "-o", "include-xids=0")
        expected = received(changing, plain, "plain", *follow)
        assert expected.count("table public.t: INSERT") == 3000
        assert received(changing, behind, "behind", *follow) == expected
        assert received(changing, behind, "behind", "--drop-slot") == ""
        refused = received(changing, closed.dsn(closed.ticket(), "orders"), "plain", "--drop-slot")
        assert "replication" in refused
        shown = [
            gateway.custody("show", str(each["id"])).stdout for each in gateway.items("sessions")
        ]
        assert any("replication" in each for each in shown)
        assert gateway.verify().returncode == 0
    finally:
        gateway.end()
        closed.end()


class Pooler:
    """PgBouncer in front of what a connection string leads to."""

    def __init__(self, folder: Path, conninfo: str, mode: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        folder.mkdir()
        pairs = psycopg.conninfo.conninfo_to_dict(conninfo)
        leads = " ".join(
            f"{key}='{pairs[key]}'" for key in ("host", "port", "dbname", "user", "password")
        )
        (folder / "users.txt").write_text('"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\nhere = {leads}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {folder}/users.txt\npool_mode = {mode}\ndefault_pool_size = 1\n"
            f"server_tls_sslmode = disable\nlogfile = {folder}/pooler.log\n"
        )
        account = account_for_root()
        if account is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.user, account.group)
        self._process = subprocess.Popen(
            [str(POOLER), "-q", folder / "pgbouncer.ini"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
            extra_groups=None if account is None else [],
        )

    def day(self) -> list[object]:
        """Three clients after each other, and two at once, on one connection behind the pooler."""
        seen: list[object] = []
        where = f"host=127.0.0.1 port={self.port} dbname=here user=postgres sslmode=disable"
        texts: tuple[LiteralString, ...] = (
            "SELECT count(*) FROM t",
            "INSERT INTO t VALUES (1) RETURNING n",
            "SET statement_timeout = '7s'",
            "SHOW statement_timeout",
            "SELEC 1",
            "SELECT 1 / 0",
        )
        for _ in range(3):
            with self._connected(where) as line:
                for text in texts:
                    try:
                        cursor = line.execute(text, prepare=False)
                        seen.append(
                            cursor.fetchall() if cursor.description else cursor.statusmessage
                        )
                    except psycopg.Error as fault:
                        seen.append(fault.sqlstate)
                with line.transaction(), line.cursor() as cursor:
                    with cursor.copy("COPY t FROM STDIN") as copying:
                        copying.write("5\n6\n")
                    seen.append(cursor.rowcount)
        return seen

    def _connected(self, where: str) -> "psycopg.Connection[tuple[object, ...]]":
        deadline = time.monotonic() + 10
        while True:
            try:
                return psycopg.connect(where, autocommit=True, prepare_threshold=None)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_pooler_in_front_of_the_gateway_serves_as_it_does_without(
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    tmp_path: Path,
    mode: str,
) -> None:
    if POOLER is None:
        pytest.skip("there is no pgbouncer here")
    plain = f"{database}_plain"
    postgres.create_database(plain)
    for name in (plain, database):
        postgres.execute("CREATE TABLE t (n int)", database=name)
    gateway = start_gateway(HEAD + target(postgres, database))
    # Its folder must be open to the account that PgBouncer runs as.
    room = postgres.directory / f"{database}_poolers"
    room.mkdir(mode=0o755)
    one = Pooler(room / "plain", postgres.dsn(plain), mode)
    other = Pooler(room / "behind", gateway.dsn(gateway.ticket(), "orders"), mode)
    try:
        expected = one.day()
        assert other.day() == expected
        assert len(expected) == 21
    finally:
        one.end()
        other.end()
    texts = [each["text"] for each in gateway.commands()]
    assert texts.count("COPY t FROM STDIN") == 3
    assert texts.count("DISCARD ALL") == (3 if mode == "session" else 0)
    assert gateway.verify().returncode == 0
