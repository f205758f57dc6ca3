"""Uses are what a plain count of the same events gives."""

from collections import Counter
from pathlib import Path

import pytest
from tests.index.story import DAY, NEXT_DAY, START, Story, everything

from custody.index import Filter, OwnDayFiles, SqliteIndex, Term, UsageRequest
from custody.index.filter import SearchField
from custody.model.record import Opaque
from custody.model.words import Decision, Effect, Outcome

ALL = UsageRequest(0, 1 << 60)


def busy() -> Story:
    story = Story()
    for number in range(4):
        story.loop(f"loop_{number}", f"agent-{number % 2}")
        session = f"ses_{number}"
        story.session(session, f"loop_{number}", f"agent-{number % 2}", f"target-{number % 3}")
        for at in range(number + 2):
            effects = frozenset({Effect.READ, Effect.WRITE} if at % 2 else {Effect.READ})
            decision = Decision.DENY if at == 3 else Decision.ALLOW
            n = story.command(
                "SELECT 1", session=session, loop=f"loop_{number}", effects=effects,
                decision=decision, objects=(f"public.t{at % 2}",),
            )  # fmt: skip
            outcome = Outcome.REFUSED if at == 3 else Outcome.OK
            story.response(
                n, ("a",), ("b",), session=session, loop=f"loop_{number}", outcome=outcome
            )
        if number == 1:
            story.day = NEXT_DAY
        story.end(session, f"loop_{number}")
    return story


@pytest.fixture
def index(tmp_path: Path) -> SqliteIndex:
    index = SqliteIndex(OwnDayFiles(tmp_path))
    busy().into(index)
    return index


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("span_ms", [0, 1000, 3_600_000])
@pytest.mark.parametrize("wanted", [{"agent-0"}, {"agent-0", "agent-1"}, set()])
def test_uses_are_a_plain_count(
    index: SqliteIndex, wanted: set[str], span_ms: int, *, objects: bool
) -> None:
    asked = UsageRequest(0, 1 << 60, objects, span_ms)
    found = list(index.uses(asked, lambda place: place.identity in wanted))
    counted: Counter[tuple[object, ...]] = Counter()
    rows: Counter[tuple[object, ...]] = Counter()
    for use in found:
        key = (use.place.session, use.place.target, use.effects, use.objects, use.verdict)
        counted[*key, use.outcome] += use.commands
        rows[*key, use.outcome] += use.rows
        assert use.first <= use.last
        if span_ms:
            assert use.first // span_ms == use.last // span_ms
    plain: Counter[tuple[object, ...]] = Counter()
    plain_rows: Counter[tuple[object, ...]] = Counter()
    for event in everything(index, Filter((Term(SearchField.KIND, "command"),))):
        if event.identity in wanted:
            touched = event.objects if objects else ()
            key = (event.session, event.target, event.effects, touched, event.verdict)
            plain[*key, event.outcome] += 1
            plain_rows[*key, event.outcome] += event.rows or 0
    assert counted == plain
    assert rows == plain_rows


def test_only_the_time_asked_for_counts(index: SqliteIndex) -> None:
    whole = sum(use.commands for use in index.uses(ALL, lambda _: True))
    for at in range(START, START + 60_000, 7000):
        before = index.uses(UsageRequest(0, at), lambda _: True)
        after = index.uses(UsageRequest(at, 1 << 60), lambda _: True)
        assert sum(use.commands for use in (*before, *after)) == whole


def test_starts_are_told_with_what_came_later(tmp_path: Path) -> None:
    story = busy()
    story.tell(Opaque("a replication connection's stream", 9), "loop_0", "ses_0")
    story.tell(Opaque("something else", 9), "loop_0", "ses_0")
    index = SqliteIndex(OwnDayFiles(tmp_path))
    story.into(index)
    begun = list(index.starts(DAY))
    assert [each.kind for each in begun if each.kind != "opaque"] == [
        "loop.start",
        "session.start",
    ] * 4
    assert [each.place.session for each in begun if each.kind == "opaque"] == ["ses_0"]
    sessions = [each for each in begun if each.kind == "session.start"]
    assert all(each.detail["groups"] == ["agents"] for each in sessions)
    assert all("ended" in each.detail for each in sessions)
    assert [each.place.loop for each in index.starts(NEXT_DAY)] == [
        "loop_2", "loop_2", "loop_3", "loop_3", "loop_0",
    ]  # fmt: skip
