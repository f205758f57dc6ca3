"""The loops that run below a loop.

Law: a child is found by its start, which names its parent; it begins while its parent runs and acts
for the same identity, so no more than that is looked through. A search that is cut short says so.
"""

from typing import Any, Final

import msgspec

from custody.index import Filter, Index, IndexedEvent, Order, SearchField, Term

STARTS_AT_MOST: Final = 20_000
"""Starts of loops that are looked at for one question."""
LOOPS_AT_MOST: Final = 500
_PAGE: Final = 1000

STARTS: Final = Term(SearchField.KIND, "loop.start")


class LoopFamily(msgspec.Struct, frozen=True):
    """``parents`` has every loop below the eldest, in the order in which they began, with the loop
    directly above it. ``complete`` is false where a bound ended the search.
    """

    eldest: str
    parents: dict[str, str] = {}
    complete: bool = True

    @property
    def loops(self) -> tuple[str, ...]:
        return (self.eldest, *self.parents)

    def document(self) -> dict[str, Any]:
        """What an answer says of it, where there is anything to say."""
        below = [{"id": loop, "parent": parent} for loop, parent in self.parents.items()]
        said: dict[str, Any] = {"children": below} if below else {}
        return said if self.complete else {**said, "children_complete": False}


def family_of(index: Index, eldest: str) -> LoopFamily:
    """The loop and all below it. Blocks for the disk."""
    start = _start_of(index, eldest)
    if start is None:
        return LoopFamily(eldest)
    terms = [STARTS]
    if start.identity:
        terms.append(Term(SearchField.IDENTITY, start.identity))
    expires = start.detail.get("expires")
    until = expires if isinstance(expires, int) else None
    wanted = Filter(tuple(terms), since=start.time, until=until)
    parents: dict[str, str] = {}
    cursor: str | None = None
    seen = 0
    while True:
        page = index.search(wanted, order=Order.OLDEST, limit=_PAGE, cursor=cursor)
        for event in page.events:
            parent = event.detail.get("parent")
            if parent == eldest or parent in parents:
                parents[event.loop] = str(parent)
            if len(parents) >= LOOPS_AT_MOST:
                return LoopFamily(eldest, parents, complete=False)
        seen += len(page.events)
        cursor = page.next
        if cursor is None:
            return LoopFamily(eldest, parents)
        if seen >= STARTS_AT_MOST:
            return LoopFamily(eldest, parents, complete=False)


def _start_of(index: Index, loop: str) -> IndexedEvent | None:
    wanted = Filter((STARTS, Term(SearchField.LOOP, loop)))
    cursor: str | None = None
    while True:
        page = index.search(wanted, order=Order.OLDEST, limit=1, cursor=cursor)
        if page.events or page.next is None:
            return page.events[0] if page.events else None
        cursor = page.next
