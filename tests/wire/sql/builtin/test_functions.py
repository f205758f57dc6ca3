"""The tables of PostgreSQL's own functions, against a real server's."""

import psycopg
import pytest

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect
from custody.wire.sql.builtin.functions import CLASSIFIED, effects_of
from custody.wire.sql.builtin.quiet_functions import QUIET


def test_tables_do_not_overlap() -> None:
    assert not CLASSIFIED & QUIET


@pytest.mark.parametrize(
    ("schema", "name", "effects"),
    [
        ("", "pg_read_file", {Effect.EXECUTE}),
        ("pg_catalog", "pg_read_file", {Effect.EXECUTE}),
        ("public", "pg_read_file", set()),
        ("", "setval", {Effect.WRITE}),
        ("ext", "dblink_exec", {Effect.EXECUTE}),
        ("ext", "xpath_table", {Effect.EXECUTE}),
        ("", "random", set()),
        ("", "lower", set()),
    ],
)
def test_effects(schema: str, name: str, effects: set[Effect]) -> None:
    assert set(effects_of(schema, name).effects) == effects


@pytest.mark.real
def test_every_volatile_function_is_classified(postgres: ScratchPostgres) -> None:
    with psycopg.connect(postgres.dsn()) as connection:
        rows = connection.execute(
            "SELECT proname, bool_or(provolatile = 'v') FROM pg_proc p JOIN pg_namespace n "
            "ON n.oid = pronamespace WHERE nspname = 'pg_catalog' GROUP BY proname"
        ).fetchall()
        version = connection.info.server_version
    volatile = {name for name, is_volatile in rows if is_volatile}
    if version < 160000:
        assert volatile <= CLASSIFIED
    assert not volatile & QUIET - {"random"}
