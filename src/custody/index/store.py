"""The index in SQLite: one file for each UTC day.

Law: one writer at a time (the lock file says who), any number of readers. A day is forgotten by
unlinking its file. What is damaged is discarded, with every later day, and the watermark falls
back to what is left; so it is built again from there.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Final

import msgspec

from custody.index.day import DayWriter, UnreadSoFar
from custody.index.day_files import DayFiles
from custody.index.day_reader import DayReader, position_of
from custody.index.entry import (
    EventAmendment,
    EventContext,
    TransactionAmendment,
    entries,
)
from custody.index.filter import (
    EventPage,
    FacetCounts,
    FiledRecord,
    Filter,
    IndexCoverage,
    IndexDamagedError,
    IndexedEvent,
    Order,
    SearchField,
    UnreadRecords,
    Watermark,
)
from custody.index.usage import CommandUse, UsageRequest, UsageStart
from custody.model.errors import CustodyError

MOST_CANDIDATES: Final = 20_000
"""How many rows, or empty stretches, one call to ``search`` looks at before it answers."""
MOST_EVENTS: Final = 1000
"""The most events that one page may hold."""
MOST_CHARACTERS: Final = 4 * 1024 * 1024
"""Of text in one page; a single event may have more."""
LOOK_BACK: Final = 32
"""How many days back the beginning of a session or loop is looked for."""
REMEMBERED: Final = 10_000


class SqliteIndex:
    """The ``Index`` of one gateway, in one folder. Not for several threads at once to write."""

    def __init__(self, files: DayFiles) -> None:
        self._files: Final = files
        self._writers: Final[OrderedDict[str, DayWriter]] = OrderedDict()
        self._busy = ""
        """The day whose transaction is open: its writer stays."""
        self._owed: Final[list[UnreadRecords]] = []
        """What could not be read, where no day of its log is there yet to say so."""
        self._sessions: Final[OrderedDict[str, EventContext]] = OrderedDict()
        self._loops: Final[OrderedDict[str, EventContext]] = OrderedDict()

    def close(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()

    def days(self) -> list[str]:
        """The days that are indexed, oldest first."""
        return self._files.days()

    def writing(self) -> AbstractContextManager[bool]:
        """Hold the writer's lock; gives False at once where another process holds it."""
        return self._files.writing()

    # The writer's side.

    def watermark(self) -> Watermark | None:
        return self.coverage().through

    def coverage(self) -> IndexCoverage:
        """How far it reaches, and what it could not take in on the way."""
        for reader in self._newest():
            known = reader.known
            unread = known.unread
            return IndexCoverage(known.watermark, known.latest, unread.records, unread.ranges)
        return IndexCoverage()

    def append(
        self, batch: Sequence[FiledRecord], through: Watermark, unread: Sequence[UnreadRecords] = ()
    ) -> None:
        self._let_go_of_discarded()
        self._owed.extend(unread)
        for day, group in groupby(batch, key=lambda filed: filed.day):
            self._append_day(day, list(group))
        days = self.days()
        if days:
            writer = self._writer(days[-1])
            if writer.known.log != through.log:
                return
            owed = tuple(self._owed)
            if _place(through) > _place(writer.known.watermark) or owed:
                writer.write(lambda: writer.add_unread(owed), through)
                self._owed.clear()

    def _append_day(self, day: str, group: list[FiledRecord]) -> None:
        first, last = group[0].record, group[-1].record
        writer = self._writer(day, Watermark(first.log, first.index))
        if writer.known.log != first.log:
            raise IndexDamagedError(day, f"it holds {writer.known.log}, not {first.log}")
        fresh = writer.known.watermark.index
        late: list[EventAmendment | TransactionAmendment] = []

        def act() -> None:
            for filed in group:
                if filed.record.index >= fresh:
                    late.extend(self._take(writer, filed))
            # Before this day's watermark moves: should it end here, the same is done again.
            for amendment in late:
                self._amend_earlier(day, amendment)

        self._busy = day
        try:
            writer.write(act, Watermark(last.log, max(fresh, last.index + 1)))
        finally:
            self._busy = ""

    def _take(
        self, writer: DayWriter, filed: FiledRecord
    ) -> Iterator[EventAmendment | TransactionAmendment]:
        for entry in entries(filed.record, self):
            if isinstance(entry, (EventAmendment, TransactionAmendment)):
                if not _amended(writer, entry):
                    yield entry
            else:
                if entry.kind == "session.start":
                    _remember(self._sessions, entry.place.session, entry.place)
                elif entry.kind == "loop.start":
                    _remember(self._loops, entry.place.loop, entry.place)
                writer.insert(filed.record, entry)

    def _amend_earlier(self, day: str, amendment: EventAmendment | TransactionAmendment) -> None:
        for earlier in self._before(day):
            writer = self._writer(earlier)
            done: list[bool] = []
            writer.write(lambda to=writer, kept=done: kept.append(_amended(to, amendment)))  # type: ignore[misc]  # the defaults bind the loop's values
            if done[0]:
                return

    def _before(self, day: str) -> list[str]:
        return [each for each in reversed(self.days()) if each < day][:LOOK_BACK]

    def of_session(self, session: str) -> EventContext | None:
        """What its start told, or an earlier part of it; looked for in the newest days."""
        if session not in self._sessions:
            for day in reversed(self.days()[-LOOK_BACK:]):
                place = self._told(day, lambda teller: teller.place_of_session(session))
                if place is not None:
                    _remember(self._sessions, session, place)
                    break
        return self._sessions.get(session)

    def of_loop(self, loop: str) -> EventContext | None:
        if loop not in self._loops:
            for day in reversed(self.days()[-LOOK_BACK:]):
                place = self._told(day, lambda teller: teller.place_of_loop(loop))
                if place is not None:
                    _remember(self._loops, loop, place)
                    break
        return self._loops.get(loop)

    def _told(
        self, day: str, ask: Callable[[DayWriter | DayReader], EventContext | None]
    ) -> EventContext | None:
        """Out of a day that may not be written: reading it must not make a copy of it."""
        writer = self._writers.get(day)
        if writer is not None:
            return ask(writer)
        with DayReader(self._files.to_read(day), day) as reader:
            return ask(reader)

    def _writer(self, day: str, first: Watermark | None = None) -> DayWriter:
        if day not in self._writers:
            path = self._files.to_write(day)
            if first is not None and not path.exists():
                before = self.coverage()
                unread = UnreadSoFar(before.unread, before.ranges)
                self._writers[day] = DayWriter.create(path, day, first, unread)
                self._files.give(path)
            else:
                self._writers[day] = DayWriter(path, day)
        self._writers.move_to_end(day)
        for idle in [each for each in self._writers if each not in {day, self._busy}][:-1]:
            self._writers.pop(idle).close()
        return self._writers[day]

    def _let_go_of_discarded(self) -> None:
        for day in [day for day, writer in self._writers.items() if not writer.present]:
            self._writers.pop(day).close()

    def drop(self, before: str, except_holds: Container[str] = ()) -> Sequence[str]:
        gone = [day for day in self.days() if day < before and day not in except_holds]
        for day in gone:
            self._unlink(day)
        return gone

    def discard(self, since: str = "") -> Sequence[str]:
        """Forget this day and all later ones (by default, all), so that they are built again."""
        gone = [day for day in self.days() if day >= since]
        for day in reversed(gone):
            self._unlink(day)
        return gone

    def _unlink(self, day: str) -> None:
        if day in self._writers:
            self._writers.pop(day).close()
        self._sessions.clear()
        self._loops.clear()
        self._files.forget(day)

    # The readers' side.

    def search(
        self, asked: Filter, *, order: Order, limit: int, cursor: str | None = None
    ) -> EventPage:
        """Raises ``search.bad-cursor``. At most ``MOST_EVENTS`` events come at once, and fewer
        where their texts are long.
        """
        limit = max(1, min(limit, MOST_EVENTS))
        found: list[IndexedEvent] = []
        size = 0
        at = _parse_cursor(cursor)
        for looked, (position, event) in enumerate(self._candidates(asked, order, at), 1):
            if event is not None:
                size += len(event.text) + sum(len(each or "") for each in event.arguments)
                if found and (len(found) == limit or size > MOST_CHARACTERS):
                    return EventPage(tuple(found), str(found[-1].position))
                found.append(event)
            if looked >= MOST_CANDIDATES:
                return EventPage(tuple(found), str(position))
        return EventPage(tuple(found), None)

    def _candidates(
        self, asked: Filter, order: Order, start: int | None
    ) -> Iterator[tuple[int, IndexedEvent | None]]:
        days = self.days()
        for day in reversed(days) if order is Order.NEWEST else days:
            reader = self._reader(day)
            if reader is not None:
                with reader:
                    yield from reader.candidates(asked, order, start)

    def cut(self, asked: Filter) -> int:
        """As ``Index.cut``: of what a search for words may have missed."""
        unspoken = {SearchField.WORD, SearchField.TEXT}
        terms = tuple(term for term in asked.terms if term.field not in unspoken)
        wanted = msgspec.structs.replace(asked, terms=terms)
        return sum(reader.cut(wanted) for reader in self._readers())

    def facet(self, asked: Filter, field: SearchField, *, limit: int) -> FacetCounts:
        counts: Counter[str] = Counter()
        for reader in self._readers():
            counts += reader.count(asked, field)
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return FacetCounts(tuple(ranked[:limit]), complete=len(ranked) <= limit)

    def histogram(self, asked: Filter, *, span_ms: int) -> FacetCounts:
        counts: Counter[int] = Counter()
        for reader in self._readers():
            counts += reader.spans(asked, span_ms)
        return FacetCounts(
            tuple((str(start), counts[start]) for start in sorted(counts)), complete=True
        )

    def starts(self, since: str) -> Iterator[UsageStart]:
        """The starts of loops and sessions, of this day and all later ones."""
        for reader in self._readers(since):
            yield from reader.starts()

    def uses(
        self, asked: UsageRequest, wanted: Callable[[EventContext], bool]
    ) -> Iterator[CommandUse]:
        """What was used in the places that are wanted, counted day by day."""
        for reader in self._readers():
            yield from reader.uses(asked, wanted)

    def _readers(self, since: str = "") -> Iterator[DayReader]:
        for day in (each for each in self.days() if each >= since):
            reader = self._reader(day)
            if reader is not None:
                with reader:
                    yield reader

    def _newest(self) -> Iterator[DayReader]:
        """The newest day, if there is any."""
        for day in self.days()[-1:]:
            reader = self._reader(day)
            if reader is not None:
                with reader:
                    yield reader

    def _reader(self, day: str) -> DayReader | None:
        try:
            return DayReader(self._files.to_read(day), day)
        except CustodyError:
            # Retention may have taken the day between the listing and now.
            if day in self.days():
                raise
            return None


def _amended(writer: DayWriter, amendment: EventAmendment | TransactionAmendment) -> bool:
    """Whether all that it is about was of this day."""
    if isinstance(amendment, TransactionAmendment):
        return writer.amend_transaction(amendment)
    return writer.amend(amendment)


def _place(watermark: Watermark) -> int:
    return position_of(watermark.log, watermark.index)


def _remember(known: OrderedDict[str, EventContext], name: str, place: EventContext) -> None:
    known[name] = place
    while len(known) > REMEMBERED:
        known.popitem(last=False)


def _parse_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 16):
        raise CustodyError(
            "search.bad-cursor",
            "The cursor is not one that a search gave.",
            "Pass on `next` of the last page as it was.",
        )
    return int(cursor)
