"""The index: what it finds, what it survives, what it forgets."""

import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.index.story import DAY, NEXT_DAY, START, Story, everything, text_of, usual

from custody.index import (
    Filter,
    Order,
    OwnDayFiles,
    SearchField,
    SqliteIndex,
    Term,
    parse_query,
)
from custody.index.day import DayWriter
from custody.index.text import fold
from custody.model.command import Command
from custody.model.errors import CustodyError
from custody.model.record import CommandSeen, LoopEnd
from custody.model.words import Decision, Effect


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteIndex]:
    opened = SqliteIndex(OwnDayFiles(tmp_path / "index"))
    yield opened
    opened.close()


FOUND = {
    "orders kind:command": ["ses_a-1"],
    "ORDERS": ["ses_a-1"],
    "order": [],
    "order*": ["ses_a-1"],
    '"rder"': ["ses_a-1"],
    '"7" kind:command': ["ses_a-1"],
    "lovelace": ["ses_a-1"],
    '"ada love"': ["ses_a-1"],
    "select lovelace": ["ses_a-1"],
    "select -lovelace": ["ses_b-1", "ses_a-5"],
    'select -"nowhere"': ["ses_a-1", "ses_a-5"],
    "slept": ["ses_a-5"],
    "verdict:deny": ["ses_a-3"],
    "-verdict:allow kind:command": ["ses_a-3"],
    "effect:write": ["ses_a-3"],
    "effect:read target:crm": ["ses_b-1"],
    "object:payments": ["ses_a-3"],
    "object:public.payments": ["ses_a-3"],
    "object:pay*": ["ses_a-3"],
    "object:pay": [],
    "outcome:error": ["ses_b-1"],
    "outcome:error outcome:refused": ["ses_a-3", "ses_b-1"],
    "identity:agent-8 kind:command": ["ses_b-1"],
    "identity:agent-* -identity:agent-7 kind:command": ["ses_b-1"],
    "loop:loop_b kind:command": ["ses_b-1"],
    "session:ses_a kind:command": ["ses_a-1", "ses_a-3", "ses_a-5", "ses_a-7"],
    "rule:unbounded-write": ["ses_a-3"],
    "action:COMMIT": ["ses_a-7"],
    "kind:login.refused": ["rec_2026-6"],
    "mallory": ["rec_2026-6"],
    "kind:admin identity:root": ["rec_2026-15"],
    "invoices": ["rec_2026-0"],
    "kind:gap": ["ses_a-8"],
    "kind:opaque": ["ses_a-9"],
    "since:1795000000000 until:1795000002000": ["rec_2026-0", "ses_a-0"],
    "since:1795000010000 kind:command": ["ses_a-5", "ses_a-7"],
}


@pytest.mark.parametrize("query", FOUND)
def test_a_query_finds(index: SqliteIndex, query: str) -> None:
    usual().into(index)
    asked = parse_query(query, START)
    assert [event.id for event in everything(index, asked)] == FOUND[query]
    newest = everything(index, asked, Order.NEWEST, page=2)
    assert [event.id for event in newest] == FOUND[query][::-1]


def test_a_command_is_joined_with_its_answer_even_over_midnight(index: SqliteIndex) -> None:
    usual().into(index)
    late, commit = everything(index, parse_query("session:ses_a kind:command", START))[2:]
    assert (late.outcome, late.rows, late.detail["response"]) == ("ok", 1, 13)
    assert (commit.outcome, commit.rows) == ("", None)
    (refused,) = everything(index, parse_query("verdict:deny", START))
    assert refused.effects == ("read", "write")
    assert refused.objects == ("public.payments",)
    assert (refused.identity, refused.target, refused.loop) == ("agent-7", "orders", "loop_a")
    assert refused.detail["reason"] == "because"


def test_a_start_knows_its_end(index: SqliteIndex) -> None:
    usual().into(index)
    (session,) = everything(index, parse_query("kind:session.start session:ses_a", START))
    assert session.detail["reason"] == "client.goodbye"
    assert session.detail["ended"] > session.time
    (loop,) = everything(index, parse_query("kind:loop.start loop:loop_a", START))
    assert loop.detail["reason"] == "expired"
    (still,) = everything(index, parse_query("kind:session.start session:ses_b", START))
    assert "ended" not in still.detail


def test_of_an_end_that_a_crash_repeated_the_first_counts(index: SqliteIndex) -> None:
    story = usual()
    story.tell(LoopEnd("expired again"), "loop_a")
    story.into(index)
    (loop,) = everything(index, parse_query("kind:loop.start loop:loop_a", START))
    assert loop.detail["reason"] == "expired"
    first, second = everything(index, parse_query("kind:loop.end loop:loop_a", START))
    assert loop.detail["ended"] == min(first.time, second.time)


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_rebuilt_equals_built_live(index: SqliteIndex, tmp_path: Path, batch: int) -> None:
    story = usual()
    story.into(index, batch)
    other = SqliteIndex(OwnDayFiles(tmp_path / "other"))
    story.into(other)
    assert everything(index) == everything(other)
    assert index.watermark() == other.watermark() == story.through
    other.discard()
    assert other.watermark() is None
    story.into(other, 5)
    assert everything(index) == everything(other)
    other.close()


def test_taking_records_twice_is_taking_them_once(index: SqliteIndex) -> None:
    story = usual()
    story.into(index, 4)
    before = everything(index)
    story.into(index, 5)
    assert everything(index) == before


@pytest.mark.parametrize("dies_at", range(1, 60, 3))
def test_dying_within_a_batch_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    class DiedError(BaseException):
        pass

    steps = 0
    searchable, tell = DayWriter._searchable, DayWriter._tell

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == dies_at:
            raise DiedError

    def dying_searchable(self: DayWriter, rowid: int, text: str) -> None:
        count()
        searchable(self, rowid, text)

    def dying_tell(self: DayWriter, key: str, value: int) -> None:
        count()
        tell(self, key, value)

    story = usual()
    first = SqliteIndex(OwnDayFiles(tmp_path / "index"))
    with monkeypatch.context() as patched:
        patched.setattr(DayWriter, "_searchable", dying_searchable)
        patched.setattr(DayWriter, "_tell", dying_tell)
        with suppress(DiedError):
            story.into(first, 8)
    first.close()
    second = SqliteIndex(OwnDayFiles(tmp_path / "index"))
    reached = second.watermark()
    story.into(second, 8, 0 if reached is None else reached.index)
    whole = SqliteIndex(OwnDayFiles(tmp_path / "whole"))
    story.into(whole)
    assert everything(second) == everything(whole)
    assert everything(second, parse_query('"e"', START)) == everything(
        whole, parse_query('"e"', START)
    )
    second.close()
    whole.close()


def test_pages_stay_where_they_are_while_the_log_grows(index: SqliteIndex) -> None:
    story = Story()
    story.loop()
    story.session()
    for number in range(30):
        story.command(f"SELECT {number}")
    story.into(index)
    asked = parse_query("kind:command", START)
    first = index.search(asked, order=Order.NEWEST, limit=10)
    told = len(story.filed)
    for number in range(30, 60):
        story.command(f"SELECT {number}")
    story.into(index, start=told)
    second = index.search(asked, order=Order.NEWEST, limit=10, cursor=first.next)
    third = index.search(asked, order=Order.NEWEST, limit=10, cursor=second.next)
    texts = [event.text for page in (first, second, third) for event in page.events]
    assert texts == [f"SELECT {number}" for number in range(29, -1, -1)]
    assert third.next is None


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 30, "²"])
def test_a_made_up_cursor_is_refused(index: SqliteIndex, cursor: str) -> None:
    with pytest.raises(CustodyError) as caught:
        index.search(Filter(), order=Order.NEWEST, limit=1, cursor=cursor)
    assert caught.value.code == "search.bad-cursor"


def test_one_call_is_bounded_and_says_where_to_go_on(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custody.index.store.MOST_CANDIDATES", 3)
    story = Story()
    story.loop()
    story.session()
    # Candidates that hold each trigram of "abcd" but not the text.
    for _ in range(10):
        story.command("abc bcd")
    story.command("xabcdx")
    story.into(index)
    asked = Filter((Term(SearchField.TEXT, "abcd"),))
    first = index.search(asked, order=Order.OLDEST, limit=5)
    assert first.events == ()
    assert first.next is not None
    assert [event.text for event in everything(index, asked)] == ["xabcdx"]


ALPHABET = st.text(st.sampled_from("abAB _.ß\0é'\"%*𝒳İ"), max_size=12)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ALPHABET, min_size=1, max_size=8), ALPHABET.filter(bool), st.data())
def test_searching_equals_a_scan(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], wanted: str, data: st.DataObject
) -> None:
    whole = data.draw(st.sampled_from(texts))
    cut = data.draw(st.integers(0, len(whole)))
    index = SqliteIndex(OwnDayFiles(tmp_path_factory.mktemp("scan")))
    story = Story()
    story.loop()
    story.session()
    for each in texts:
        story.command(each)
    story.into(index)
    commands = everything(index, parse_query("kind:command", START))
    for part in {fold(wanted), fold(whole[cut:]), fold(whole[:cut])} - {""}:
        hits = everything(
            index, Filter((Term(SearchField.TEXT, part), Term(SearchField.KIND, "command")))
        )
        assert hits == [event for event in commands if part in text_of(event)]
        misses = everything(
            index,
            Filter((Term(SearchField.TEXT, part, negated=True), Term(SearchField.KIND, "command"))),
        )
        assert misses == [event for event in commands if part not in text_of(event)]
    index.close()


def test_counts_equal_what_is_found(index: SqliteIndex) -> None:
    usual().into(index)
    for query in ("", "kind:command", '"ele"', '-"nowhere" select'):
        asked = parse_query(query, START)
        events = everything(index, asked)
        effects = Counter(effect for event in events for effect in event.effects)
        assert dict(index.facet(asked, SearchField.EFFECT, limit=10).counts) == effects
        identities = Counter(event.identity for event in events if event.identity)
        assert dict(index.facet(asked, SearchField.IDENTITY, limit=10).counts) == identities
        spans = Counter(str(event.time // 5000 * 5000) for event in events)
        assert dict(index.histogram(asked, span_ms=5000).counts) == spans
    assert not index.facet(Filter(), SearchField.KIND, limit=2).complete


def test_a_day_is_dropped_by_unlinking_its_file(index: SqliteIndex, tmp_path: Path) -> None:
    usual().into(index)
    folder = tmp_path / "index"
    assert index.days() == [DAY, NEXT_DAY]
    assert index.drop(NEXT_DAY, except_holds={DAY}) == []
    assert index.drop(NEXT_DAY) == [DAY]
    assert not list(folder.glob(f"{DAY}*"))
    assert index.days() == [NEXT_DAY]
    left = everything(index)
    assert left
    assert all(event.index >= 13 for event in left)
    assert index.watermark() == usual().through


def test_nobody_else_may_read_it(index: SqliteIndex, tmp_path: Path) -> None:
    usual().into(index)
    for path in (tmp_path / "index").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "index").stat().st_mode) == 0o700


def test_only_one_process_writes(tmp_path: Path) -> None:
    first, second = (
        SqliteIndex(OwnDayFiles(tmp_path / "index")),
        SqliteIndex(OwnDayFiles(tmp_path / "index")),
    )
    with first.writing() as held:
        assert held
        with second.writing() as also:
            assert not also
    with second.writing() as now:
        assert now


def test_every_action_in_a_command_is_found(index: SqliteIndex) -> None:
    story = Story()
    story.loop()
    story.session()
    inside = Command(
        "SELECT",
        frozenset({Effect.READ, Effect.WRITE}),
        ("public.orders",),
        True,
        "WITH d AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT * FROM d",
        cascade=True,
        actions=("DELETE",),
    )
    story.tell(CommandSeen(inside, Decision.ALLOW, "grant", "", "", "orders"), "loop_a", "ses_a")
    story.command("SELECT 1")
    story.into(index)
    for query, ids in (
        ("action:DELETE", ["ses_a-1"]),
        ("action:DEL*", ["ses_a-1"]),
        ("action:SELECT kind:command", ["ses_a-1", "ses_a-2"]),
        ("-action:DELETE kind:command", ["ses_a-2"]),
        ("action:ELETE", []),
    ):
        found = everything(index, parse_query(query, START))
        assert sorted(event.id for event in found) == ids, query
    (event,) = everything(index, parse_query("action:DELETE", START))
    assert event.action == "SELECT"
    assert event.detail["actions"] == ["DELETE"]
    assert event.detail["cascade"] is True
    counted = index.facet(parse_query("kind:command", START), SearchField.ACTION, limit=10).counts
    assert dict(counted) == {"SELECT": 2, "DELETE": 1}
