"""Which loops a timeline takes in."""

from typing import Any

import pytest

from custody.index import EventPage, Filter, IndexedEvent, Order, SearchField
from custody.investigation import loop_family
from custody.investigation.loop_family import family_of


def start(loop: str, time: int, parent: str | None = None, identity: str = "ada") -> IndexedEvent:
    detail: dict[str, Any] = {"expires": 100, "parent": parent}
    return IndexedEvent(
        position=time, log="gw/2026", index=time, time=time, kind="loop.start", loop=loop,
        session="", n=-1, target="", identity=identity, issuer="", effects=(), objects=(),
        action="", text="", arguments=(), verdict="", rule="", outcome="", rows=None, committed="",
        detail=detail,
    )  # fmt: skip


class Starts:
    """An index that holds starts of loops, two on a page."""

    def __init__(self, *events: IndexedEvent) -> None:
        self.events = sorted(events, key=lambda event: event.time)

    def search(self, wanted: Filter, *, order: Order, limit: int, cursor: str | None) -> EventPage:
        loops = {term.value for term in wanted.terms if term.field is SearchField.LOOP}
        names = {term.value for term in wanted.terms if term.field is SearchField.IDENTITY}
        hits = [
            event
            for event in self.events
            if (not loops or event.loop in loops)
            and (not names or event.identity in names)
            and (wanted.since or 0) <= event.time < (wanted.until or 1000)
        ]
        at = int(cursor or 0)
        more = at + 2 < len(hits)
        return EventPage(tuple(hits[at : at + min(limit, 2)]), str(at + 2) if more else None)


STORY = (
    start("before", 1), start("a", 10), start("b", 11, "a"), start("other", 12),
    start("c", 13, "b"), start("d", 14, "a"), start("stranger", 15, "a", "eve"),
    start("late", 100, "a"),
)  # fmt: skip


def test_children_and_theirs_are_found_and_nobody_else() -> None:
    family = family_of(Starts(*STORY), "a")  # type: ignore[arg-type]  # no more of it is asked
    assert family.parents == {"b": "a", "c": "b", "d": "a"}
    assert family.loops == ("a", "b", "c", "d")
    assert "children_complete" not in family.document()


def test_a_loop_without_a_start_has_only_itself() -> None:
    assert family_of(Starts(), "gone").loops == ("gone",)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("bound", ["STARTS_AT_MOST", "LOOPS_AT_MOST"])
def test_what_was_not_looked_through_is_said(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_family, bound, 2)
    family = family_of(Starts(*STORY), "a")  # type: ignore[arg-type]  # as above
    assert family.document()["children_complete"] is False
