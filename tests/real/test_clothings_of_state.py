"""What sets a parameter, takes a lock or writes under another name was judged so, and does it."""

from collections.abc import Iterator

import pytest
from tests.bypass.probed import ProbedServer
from tests.bypass.settings_ways import LOCKING, LOOKING_ON, SETTING, WRITING

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

LOCKS = """
    SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND (locktype = 'advisory'
    OR relation = 'orders'::regclass AND mode NOT IN ('AccessShareLock', 'RowShareLock'))
"""


@pytest.fixture(scope="module")
def server(postgres: ScratchPostgres) -> Iterator[ProbedServer]:
    postgres.create_database("state")
    postgres.execute("ALTER DATABASE state SET statement_timeout = '1h'")
    probed = ProbedServer(postgres.dsn("state"))
    yield probed
    probed.close()


@pytest.mark.parametrize(
    ("name", "value"), [("session_replication_role", "replica"), ("statement_timeout", "0")]
)
@pytest.mark.parametrize("way", SETTING)
def test_every_way_to_loosen_a_guard_needs_grant(
    server: ProbedServer, way: tuple[str, ...], name: str, value: str
) -> None:
    messages = tuple(part.replace("{n}", name).replace("{v}", value) for part in way)
    tried = server.try_out(messages, look=f"SHOW {name}")
    assert not tried.error
    assert tried.seen == value
    assert tried.effects & {Effect.GRANT, Effect.UNKNOWN}


@pytest.mark.parametrize("way", LOCKING)
def test_every_way_to_lock_out_others_needs_more_than_read(server: ProbedServer, way: str) -> None:
    tried = server.try_out(("BEGIN", way), look=LOCKS)
    assert not tried.error
    assert tried.seen != "0"
    assert not tried.effects <= {Effect.READ}


@pytest.mark.parametrize("way", LOOKING_ON)
def test_a_lock_that_only_looks_on_needs_read(server: ProbedServer, way: str) -> None:
    tried = server.try_out(("BEGIN", way), look=LOCKS)
    assert (tried.error, tried.seen) == ("", "0")
    assert tried.effects == {Effect.READ}


@pytest.mark.parametrize("way", WRITING)
def test_what_is_written_by_another_name_is_named(
    server: ProbedServer, way: tuple[str, ...]
) -> None:
    tried = server.try_out(way, look="SELECT string_agg(id || note, ',' ORDER BY id) FROM orders")
    assert not tried.error
    assert tried.seen != "1a,2b"
    assert Effect.WRITE in tried.effects
    assert "public.orders" in tried.written


def test_the_tables_are_as_large_as_promised() -> None:
    assert len(SETTING) > 35
    assert len(LOCKING) + len(LOOKING_ON) > 15
    assert len(WRITING) > 40
