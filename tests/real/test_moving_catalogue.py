"""A statement is judged by what the catalogue holds when it runs, whoever changed it meanwhile.

Law: two sessions of one database, through the gateway. What one changes inside a transaction, the
other must not be judged by before it is committed, nor be judged without it afterwards.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from tests.real.configs import HEAD, target
from tests.real.raw_line import call
from tests.real.running import RunningGateway, running_gateway
from tests.real.test_raw_messages import Wire

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

READERS = """
[[grant]]
groups = ["readers"]
targets = ["orders"]
effects = ["read"]
max_loop = "8h"

[[grant]]
groups = ["writers"]
targets = ["orders"]
effects = ["read", "write"]
objects = ["public.*"]
max_loop = "8h"
"""


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("moving")
    folder: Path = tmp_path_factory.mktemp("moving") / "gateway"
    config = HEAD + target(postgres, "moving") + READERS
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(postgres: ScratchPostgres) -> Iterator[None]:
    script = """
    DROP SCHEMA IF EXISTS hidden CASCADE;
    DROP TABLE IF EXISTS kept, prices;
    CREATE SCHEMA hidden;
    CREATE TABLE kept (number int);
    CREATE TABLE prices (number int);
    CREATE TABLE hidden.prices (number int);
    CREATE OR REPLACE FUNCTION total() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
    """
    postgres.execute(script, database="moving")
    yield
    postgres.execute(f"ALTER ROLE {postgres.superuser} RESET search_path", database="moving")


def session(gateway: RunningGateway, group: str) -> psycopg.Connection[tuple[object, ...]]:
    ticket = gateway.ticket(group=group)
    return psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True)


VOLATILE = (
    "CREATE OR REPLACE FUNCTION total() RETURNS int LANGUAGE sql VOLATILE"
    " AS 'INSERT INTO kept VALUES (1) RETURNING number'"
)


def rows(postgres: ScratchPostgres, table: str) -> str:
    return postgres.execute(f"SELECT count(*) FROM {table}", database="moving").strip()


@pytest.mark.parametrize("end", ["COMMIT", "COMMIT AND CHAIN", "END"])
def test_what_was_asked_while_a_change_was_open_is_not_believed_behind_its_commit(
    gateway: RunningGateway, postgres: ScratchPostgres, end: str
) -> None:
    with session(gateway, "agents") as changes, session(gateway, "readers") as reads:
        changes.execute("BEGIN")
        changes.execute(VOLATILE)
        assert reads.execute("SELECT total()").fetchone() == (1,)  # asked now, as it still is
        changes.execute(end)
        with pytest.raises(errors.InsufficientPrivilege, match="execute"):
            reads.execute("SELECT total()")
    assert rows(postgres, "kept") == "0"


def test_a_session_that_ends_inside_its_transaction_may_have_committed(
    gateway: RunningGateway, postgres: ScratchPostgres
) -> None:
    with session(gateway, "readers") as reads:
        changes = session(gateway, "agents")
        changes.execute("BEGIN")
        changes.execute(VOLATILE)
        assert reads.execute("SELECT total()").fetchone() == (1,)
        changes.pgconn.send_query(b"COMMIT")
        changes.pgconn.flush()
        while "volatile" not in postgres.execute(
            "SELECT provolatile::text || 'olatile' FROM pg_proc WHERE proname = 'total'",
            database="moving",
        ):
            pass
        changes.close()  # it never hears of it
        with pytest.raises(errors.InsufficientPrivilege, match="execute"):
            reads.execute("SELECT total()")
    assert rows(postgres, "kept") == "0"


def test_a_new_session_is_judged_by_the_path_that_its_role_has_now(
    gateway: RunningGateway, postgres: ScratchPostgres
) -> None:
    with session(gateway, "writers") as before:
        before.execute("INSERT INTO prices VALUES (1)")
        postgres.execute(
            f"ALTER ROLE {postgres.superuser} SET search_path = hidden", database="moving"
        )
        with (
            session(gateway, "writers") as after,
            pytest.raises(errors.InsufficientPrivilege, match=r"hidden\.prices"),
        ):
            after.execute("INSERT INTO prices VALUES (2)")
        before.execute("INSERT INTO prices VALUES (3)")
    assert rows(postgres, "hidden.prices") == "0"
    assert rows(postgres, "public.prices") == "2"


def test_a_path_of_the_database_or_of_the_clients_own_is_seen(gateway: RunningGateway) -> None:
    ticket = gateway.ticket(group="writers")
    dsn = gateway.dsn(ticket, "orders") + " options='-c search_path=hidden,public'"
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege, match=r"hidden\.prices"),
    ):
        connection.execute("INSERT INTO prices VALUES (2)")


SETS_PATH = """
CREATE OR REPLACE FUNCTION innocent() RETURNS text LANGUAGE sql {how}
AS $$ SELECT set_config('search_path', 'hidden', false) $$;
CREATE OR REPLACE FUNCTION outer_one() RETURNS text LANGUAGE plpgsql STABLE
AS $$ BEGIN RETURN public.innocent(); END $$;
"""


@pytest.mark.parametrize("how", ["STABLE", "IMMUTABLE"])
@pytest.mark.parametrize(
    "call",
    ["SELECT innocent()", "SELECT outer_one()", "SELECT 1 FROM innocent()", "VALUES (innocent())"],
)
def test_a_function_that_calls_itself_stable_may_have_changed_the_path(
    gateway: RunningGateway, postgres: ScratchPostgres, how: str, call: str
) -> None:
    postgres.execute(SETS_PATH.replace("{how}", how), database="moving")
    with session(gateway, "writers") as connection:
        connection.execute("INSERT INTO prices VALUES (1)")
        connection.execute(call)
        with pytest.raises(errors.InsufficientPrivilege, match=r"hidden\.prices"):
            connection.execute("INSERT INTO prices VALUES (2)")
        connection.execute("SET search_path = public")
        connection.execute("INSERT INTO prices VALUES (3)")
    assert rows(postgres, "hidden.prices") == "0"


def test_a_call_by_the_protocol_may_have_changed_the_path(
    gateway: RunningGateway, postgres: ScratchPostgres
) -> None:
    with session(gateway, "agents") as connection:
        wire = Wire(connection)
        oid = connection.execute("SELECT 'set_config'::regproc::oid").fetchone()
        assert oid is not None
        wire.say(call(int(str(oid[0])), b"search_path", b"hidden", b"false"), 1)
        connection.execute("INSERT INTO prices VALUES (7)")
        wire.close()
    (found,) = [each for each in gateway.commands() if "(7)" in each["text"]]
    assert "hidden.prices" in found["objects"]
