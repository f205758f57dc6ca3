"""The state database: what is kept, what is seen by others, what is refused."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop, Ticket
from custody.model.words import IdentityKind, LoopId, TicketId
from custody.state import State
from custody.state.database import MIGRATIONS, open_engine
from custody.state.schema import HEAD, metadata

LOOP = Loop(
    id=LoopId("loop_a"),
    identity=Identity("agent-7", "local", ("agents", "été"), IdentityKind.SERVICE),
    started=1_000,
    expires=9_000,
    purpose="mend orders",
    on_behalf_of="ada",
    parent=LoopId("loop_parent"),
)


def ticket(name: str, loop: Loop = LOOP, created: int = 1_000) -> Ticket:
    return Ticket(TicketId(name), loop, name.encode().ljust(32, b"."), created, loop.expires)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    with State.open(path) as opened:
        yield opened


def test_a_ticket_comes_back_as_it_was_kept(state: State, path: Path) -> None:
    state.add_ticket(ticket("tkt_1"))
    assert state.tickets() == [ticket("tkt_1")]
    with State.open(path) as again:
        assert again.tickets() == [ticket("tkt_1")]


def test_tickets_are_listed_newest_first_and_by_loop(state: State) -> None:
    other = Loop(LoopId("loop_b"), Identity("b", "local", ()), 1, 2)
    state.add_ticket(ticket("tkt_1", created=1))
    state.add_ticket(ticket("tkt_2", other, created=2))
    state.add_ticket(ticket("tkt_3", created=3))
    assert [each.id for each in state.tickets()] == ["tkt_3", "tkt_2", "tkt_1"]
    assert [each.id for each in state.tickets(loop=LOOP.id)] == ["tkt_3", "tkt_1"]
    assert [each.id for each in state.tickets(limit=1)] == ["tkt_3"]


def test_revoking_keeps_the_first_time_and_names_what_is_missing(state: State) -> None:
    state.add_ticket(ticket("tkt_1"))
    assert state.revoke(TicketId("tkt_1"), 5).revoked == 5
    assert state.revoke(TicketId("tkt_1"), 6).revoked == 5
    with pytest.raises(CustodyError) as caught:
        state.revoke(TicketId("tkt_none"), 6)
    assert caught.value.code == "ticket.not-found"


def test_a_reader_is_given_each_change_once(state: State, path: Path) -> None:
    with State.open(path) as writer:
        before = state.version()
        writer.add_ticket(ticket("tkt_1"))
        assert state.version() != before
        seen, changed = state.changes(0)
        assert [each.id for each in changed] == ["tkt_1"]
        assert state.changes(seen) == (seen, [])
        writer.add_ticket(ticket("tkt_2"))
        assert writer.end_loop(LOOP.id, 77)
        assert not writer.end_loop(LOOP.id, 78)
        _, changed = state.changes(seen)
        assert {(each.id, each.ended) for each in changed} == {("tkt_1", 77), ("tkt_2", 77)}


def test_a_reader_does_not_wait_for_a_writer(state: State, path: Path) -> None:
    state.add_ticket(ticket("tkt_1"))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        assert state.changes(0)[1] == [ticket("tkt_1")]
        assert state.version() is not None
    finally:
        blocker.close()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_nobody_else_may_read_it(state: State, path: Path, suffix: str) -> None:
    state.add_ticket(ticket("tkt_1"))
    assert stat.S_IMODE(Path(f"{path}{suffix}").stat().st_mode) == 0o600


def test_a_loose_mode_is_tightened(path: Path) -> None:
    State.open(path).close()
    path.chmod(0o644)
    State.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrations_lead_to_the_schema_that_the_code_uses(path: Path) -> None:
    engine = open_engine(path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_a_newer_database_is_refused(path: Path) -> None:
    State.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CustodyError) as caught:
        State.open(path)
    assert caught.value.code == "state.too-new"


def test_what_is_no_database_is_refused_by_name(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CustodyError) as caught:
        State.open(path)
    assert caught.value.code == "state.unreadable"
    assert str(path) in caught.value.fault


def test_what_ended_long_ago_is_forgotten_with_its_loop_and_nothing_else(state: State) -> None:
    old, open_one, recent = (
        Loop(LoopId(name), Identity("a", "local", ()), 1, 100) for name in ("old", "open", "recent")
    )
    for number, each in enumerate((old, old, open_one, recent)):
        state.add_ticket(ticket(f"tkt_{number}", each, created=number))
    state.end_loop(old.id, 100)
    state.end_loop(recent.id, 101)
    assert state.forget(100) == 2
    assert {each.id for each in state.tickets()} == {"tkt_2", "tkt_3"}
    assert state.forget(100) == 0
    assert [each.loop for each in state.loops.lapse(1000)] == [open_one.id]


def test_a_reader_misses_nothing_though_the_newest_change_is_forgotten(state: State) -> None:
    state.add_ticket(ticket("tkt_1"))
    state.end_loop(LOOP.id, 100)
    seen, _ = state.changes(0)
    state.forget(100)
    state.add_ticket(ticket("tkt_2", Loop(LoopId("loop_b"), Identity("b", "local", ()), 1, 2)))
    assert "tkt_2" in {each.id for each in state.changes(seen)[1]}


def test_forgetting_is_done_in_bounded_parts(state: State) -> None:
    for number in range(5):
        state.add_ticket(ticket(f"tkt_{number}"))
    state.add_ticket(ticket("tkt_new", Loop(LoopId("loop_b"), Identity("b", "local", ()), 1, 2)))
    state.end_loop(LOOP.id, 100)
    state.add_ticket(ticket("tkt_newest", Loop(LoopId("loop_c"), Identity("b", "local", ()), 1, 2)))
    assert [state.forget(100, limit=2) for _ in range(4)] == [2, 2, 1, 0]
