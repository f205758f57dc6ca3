"""The types of searching: queries, hits, cursors, and the index's watermark.

Law: an event's place in the log is its identity and its order. A cursor names a place, so pages
do not move when the log grows.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from custody.index.entry import EventContext
from custody.index.usage import CommandUse, UsageRequest, UsageStart
from custody.model.errors import CustodyError
from custody.model.record import StoredRecord


class IndexDamagedError(CustodyError):
    """A file of the index cannot be read. Its owner discards it and builds it again."""

    def __init__(self, day: str, cause: str) -> None:
        super().__init__(
            "index.damaged",
            f"The index of {day} is damaged: {cause}.",
            "It is built again from the log; `custody index rebuild` does it at once.",
        )
        self.day = day


class FiledRecord(msgspec.Struct, frozen=True):
    """A record with the day that it belongs to: its segment's (``2026-11-22``), not its time's."""

    day: str
    record: StoredRecord


class Watermark(msgspec.Struct, frozen=True):
    """Everything before ``index`` of this log, and all of the logs of earlier years, is in."""

    log: str
    index: int


class UnreadRecords(msgspec.Struct, frozen=True, array_like=True):
    """Records ``first`` to ``last`` of a log that could not be read, and the code that says why."""

    log: str
    first: int
    last: int
    code: str


class IndexCoverage(msgspec.Struct, frozen=True):
    """How far an answer out of the index is complete."""

    through: Watermark | None = None
    """``None``: nothing is indexed."""
    latest: int = 0
    """The greatest time of an event on the newest day, ms."""
    unread: int = 0
    """Records that could not be read."""
    ranges: tuple[UnreadRecords, ...] = ()
    """Which they are; the first of them where they are many."""


class IndexedEvent(msgspec.Struct, frozen=True):
    """A record as it is searched. A command is joined with its response once that came.

    What does not apply is empty. ``rows`` is ``None`` until a response tells. ``detail`` holds
    what else is known of this kind, as plain JSON values.
    """

    position: int
    """Its place among all logs of this gateway: grows with time, unique."""
    log: str
    index: int
    time: int
    kind: str
    loop: str
    session: str
    n: int
    target: str
    identity: str
    """The subject."""
    issuer: str
    effects: tuple[str, ...]
    objects: tuple[str, ...]
    action: str
    text: str
    arguments: tuple[str | None, ...]
    verdict: str
    rule: str
    outcome: str
    rows: int | None
    committed: str
    detail: Mapping[str, Any]

    @property
    def id(self) -> str:
        """``<session>-<n>``; for what belongs to no session, ``rec_<year>-<index>``."""
        if self.session:
            return f"{self.session}-{self.n}"
        return f"rec_{self.log.rpartition('/')[2]}-{self.index}"


class SearchField(StrEnum):
    """What a term of a query may name. The values are the keys of the query language."""

    WORD = "word"
    """A whole word of the text, or its beginning. Written without a key."""
    TEXT = "text"
    """A part of the text. Written without a key, in quotes."""
    LOOP = "loop"
    SESSION = "session"
    TARGET = "target"
    IDENTITY = "identity"
    EFFECT = "effect"
    OBJECT = "object"
    ACTION = "action"
    VERDICT = "verdict"
    RULE = "rule"
    OUTCOME = "outcome"
    COMMITTED = "committed"
    """``yes``, ``no``, ``unknown``; empty while its transaction is open."""
    KIND = "kind"


class Term(msgspec.Struct, frozen=True):
    """One thing asked for. ``prefix`` asks for a beginning; ``negated`` for its absence."""

    field: SearchField
    value: str
    negated: bool = False
    prefix: bool = False


class Filter(msgspec.Struct, frozen=True):
    """All words and texts must be there; of each other field, one of the values asked for.
    Nothing negated may be there. Times are milliseconds: ``since`` counts in, ``until`` does not.
    """

    terms: tuple[Term, ...] = ()
    since: int | None = None
    until: int | None = None
    n: int | None = None
    """Only records with this number in their session."""

    def also(self, *terms: Term) -> "Filter":
        return msgspec.structs.replace(self, terms=self.terms + terms)


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"


class EventPage(msgspec.Struct, frozen=True):
    """``next`` goes on behind the last event; ``None`` where nothing more is there. A page may be
    short, even empty, and still have a ``next``: the work of one call is bounded.
    """

    events: tuple[IndexedEvent, ...]
    next: str | None


class FacetCounts(msgspec.Struct, frozen=True):
    """Counts by value, most first (a facet), or by start of time span, in order (a histogram).
    ``complete`` is false where the bound on one call's work ended the count.
    """

    counts: tuple[tuple[str, int], ...]
    complete: bool


class Index(Protocol):
    """All methods may raise ``IndexDamagedError``."""

    def append(
        self, batch: Sequence[FiledRecord], through: Watermark, unread: Sequence[UnreadRecords] = ()
    ) -> None:
        """Take records in, in the log's order; twice is once. Readers see all or nothing of a
        day's part, and ``through`` only with all of it. ``unread`` are those before ``through``
        that cannot be taken in.
        """
        ...

    def coverage(self) -> IndexCoverage: ...

    def cut(self, asked: Filter) -> int:
        """How many events that may be hits were not captured whole: all that the filter names but
        its words and texts fits them.
        """
        ...

    def search(
        self, asked: Filter, *, order: Order, limit: int, cursor: str | None = None
    ) -> EventPage: ...

    def facet(self, asked: Filter, field: SearchField, *, limit: int) -> FacetCounts: ...

    def histogram(self, asked: Filter, *, span_ms: int) -> FacetCounts: ...

    def days(self) -> Sequence[str]:
        """The days that are indexed, oldest first."""
        ...

    def starts(self, since: str) -> Iterator[UsageStart]: ...

    def uses(
        self, asked: UsageRequest, wanted: Callable[[EventContext], bool]
    ) -> Iterator[CommandUse]: ...

    def drop(self, before: str, except_holds: Container[str] = ()) -> Sequence[str]:
        """Forget the days before a day, but for those held. The days that went."""
        ...

    def watermark(self) -> Watermark | None: ...
