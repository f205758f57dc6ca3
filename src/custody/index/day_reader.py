"""One day's file, for those who search it.

Law: a reader changes nothing, holds no lock that a writer waits for, and looks at a bounded
stretch of positions at a time, beginning where the first hits are wanted.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

import msgspec

from custody.index.day import OF_LOOP, OF_SESSION, about, connect, place_of
from custody.index.day_files import DayFile
from custody.index.entry import EventContext
from custody.index.fault import named
from custody.index.filter import Filter, IndexedEvent, Order, SearchField
from custody.index.text import SEPARATOR, unpack
from custody.index.usage import CommandUse, UsageRequest, UsageStart, starts, uses
from custody.index.where import SqlCondition, condition

FIRST_STRETCH: Final = 4096
WIDEN: Final = 4
FETCH: Final = 256

_COLUMNS: Final = """event.position, event.time, event.kind, place.loop, place.session, event.n,
    place.target, place.identity, place.issuer, event.effects, event.objects, event.action,
    event.text, event.arguments, event.verdict, event.rule, event.outcome, event.rows,
    event.committed, event.detail, coalesce(result.text, '')"""
_FROM: Final = """FROM event JOIN place ON place.id = event.place
    LEFT JOIN result ON result.position = event.position"""

_FACETS: Final = {
    SearchField.LOOP: "place.loop",
    SearchField.SESSION: "place.session",
    SearchField.TARGET: "place.target",
    SearchField.IDENTITY: "place.identity",
    SearchField.EFFECT: "event.effects",
    SearchField.OBJECT: "event.objects",
    SearchField.ACTION: "event.action",
    SearchField.VERDICT: "event.verdict",
    SearchField.RULE: "event.rule",
    SearchField.OUTCOME: "event.outcome",
    SearchField.COMMITTED: "event.committed",
    SearchField.KIND: "event.kind",
}
_PACKED: Final = frozenset({SearchField.EFFECT, SearchField.OBJECT})


class DayReader:
    """Raises ``IndexDamagedError`` or ``index.failed``, as all of the index does."""

    def __init__(self, file: DayFile, day: str) -> None:
        self.day: Final = day
        self._connection: Final = connect(file.path, day, alone=file.alone)
        try:
            with named(day):
                self._connection.execute("PRAGMA query_only = ON")
            self.known: Final = about(self._connection, day)
        except BaseException:
            self._connection.close()
            raise
        self._log: Final = self.known.log
        self._year: Final = int(self._log.rpartition("/")[2]) << YEAR_SHIFT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def candidates(
        self, asked: Filter, order: Order, start: int | None
    ) -> Iterator[tuple[int, IndexedEvent | None]]:
        """Positions in order, from behind ``start``, each with its event if that is a hit.

        The end of a stretch that was looked through comes as a position without an event, so that
        the caller can stop anywhere and knows where to go on.
        """
        if self._out_of_time(asked):
            return
        with named(self.day):
            first, last = self._connection.execute(
                # Two questions: SQLite answers each from the tree's edge, both at once by a scan.
                "SELECT (SELECT min(position) FROM event), (SELECT max(position) FROM event)"
            ).fetchone()
            if first is None:
                return
            low, high = int(first), int(last) + 1
            if start is not None:
                at = start - self._year
                low, high = (
                    (low, min(high, at)) if order is Order.NEWEST else (max(low, at + 1), high)
                )
            width = FIRST_STRETCH
            while low < high:
                bounds = (
                    (max(low, high - width), high)
                    if order is Order.NEWEST
                    else (low, min(high, low + width))
                )
                yield from self._stretch(asked, order, *bounds)
                if order is Order.NEWEST:
                    high = bounds[0]
                    yield self._year + high, None
                else:
                    low = bounds[1]
                    yield self._year + low - 1, None
                width *= WIDEN

    def _stretch(
        self, asked: Filter, order: Order, low: int, high: int
    ) -> Iterator[tuple[int, IndexedEvent | None]]:
        direction = "DESC" if order is Order.NEWEST else "ASC"
        where = condition(asked, low, high)
        cursor = self._connection.execute(
            f"SELECT {_COLUMNS} {_FROM} WHERE {where.sql} ORDER BY event.position {direction}",
            where.parameters,
        )
        try:
            while rows := cursor.fetchmany(FETCH):
                for row in rows:
                    event, result = self._event(row)
                    hit = where.confirms(event.text, event.arguments, result)
                    yield event.position, event if hit else None
        finally:
            cursor.close()

    def count(self, asked: Filter, field: SearchField) -> Counter[str]:
        """How many hits have each value; an event with several values counts for each."""
        counts: Counter[str] = Counter()
        for value, times in self._grouped(asked, _FACETS[field]):
            for each in _unpacked(field, value):
                if each:
                    counts[each] += times
        return counts

    def cut(self, asked: Filter) -> int:
        """How many events that fit were not captured whole."""
        if self._out_of_time(asked):
            return 0
        with named(self.day):
            where = condition(asked, 0, 1 << YEAR_SHIFT)
            (count,) = self._connection.execute(
                f"SELECT count(*) FROM event WHERE event.cut = 1 AND {where.sql}",  # noqa: S608 - names from above
                where.parameters,
            ).fetchone()
        return int(count)

    def place_of_session(self, session: str) -> EventContext | None:
        with named(self.day):
            return place_of(self._connection, OF_SESSION, session)

    def place_of_loop(self, loop: str) -> EventContext | None:
        with named(self.day):
            return place_of(self._connection, OF_LOOP, loop)

    def spans(self, asked: Filter, span_ms: int) -> Counter[int]:
        """How many hits begin in each span of time."""
        counts: Counter[int] = Counter()
        for start, times in self._grouped(asked, f"event.time / {span_ms} * {span_ms}"):
            counts[start] += times
        return counts

    def starts(self) -> Iterator[UsageStart]:
        """The starts of loops and sessions."""
        with named(self.day):
            yield from starts(self._connection)

    def uses(
        self, asked: UsageRequest, wanted: Callable[[EventContext], bool]
    ) -> Iterator[CommandUse]:
        """What was used in the places that are wanted."""
        if not self._out_of_time(Filter(since=asked.since, until=asked.until)):
            with named(self.day):
                yield from uses(self._connection, asked, wanted)

    def _grouped(self, asked: Filter, expression: str) -> Iterator[tuple[Any, int]]:
        if self._out_of_time(asked):
            return
        with named(self.day):
            where = condition(asked, 0, 1 << YEAR_SHIFT)
            if where.exact:
                yield from self._connection.execute(
                    f"SELECT {expression}, count(*) FROM event"  # noqa: S608 - names from above
                    f" JOIN place ON place.id = event.place WHERE {where.sql} GROUP BY 1",
                    where.parameters,
                )
            else:
                yield from self._confirmed(where, expression)

    def _confirmed(self, where: SqlCondition, expression: str) -> Iterator[tuple[Any, int]]:
        rows = self._connection.execute(
            f"SELECT event.text, event.arguments, coalesce(result.text, ''), {expression}"
            f" {_FROM} WHERE {where.sql}",
            where.parameters,
        )
        for text, arguments, result, value in rows:
            if where.confirms(text, _arguments(arguments), result):
                yield value, 1

    def _out_of_time(self, asked: Filter) -> bool:
        # A file's day is its segment's; its events' own times may differ from that.
        return (asked.since is not None and self.known.latest < asked.since) or (
            asked.until is not None and self.known.earliest >= asked.until
        )

    def _event(self, row: tuple[Any, ...]) -> tuple[IndexedEvent, str]:
        index = int(row[0])
        event = IndexedEvent(
            position=self._year + index,
            log=self._log,
            index=index,
            time=row[1],
            kind=row[2],
            loop=row[3],
            session=row[4],
            n=row[5],
            target=row[6],
            identity=row[7],
            issuer=row[8],
            effects=unpack(row[9]),
            objects=unpack(row[10]),
            action=row[11].partition(SEPARATOR)[0],
            text=row[12],
            arguments=_arguments(row[13]),
            verdict=row[14],
            rule=row[15],
            outcome=row[16],
            rows=row[17],
            committed=row[18],
            detail=msgspec.json.decode(row[19]) if row[19] else {},
        )
        return event, row[20]


def _unpacked(field: SearchField, value: str) -> tuple[str, ...]:
    if field in _PACKED:
        return unpack(value)
    # A command's own action, then those of the statements inside it.
    return tuple(value.split(SEPARATOR)) if field is SearchField.ACTION else (value,)


YEAR_SHIFT: Final = 40
"""A position is the log's year above this bit, the index in that log below: 10^12 records a year,
and below 2^53 for readers whose numbers are floats.
"""


def position_of(log: str, index: int) -> int:
    """The place of a record among all logs. ``log`` is an origin, ``NAME/YEAR``."""
    return (int(log.rpartition("/")[2]) << YEAR_SHIFT) + index


def _arguments(stored: str) -> tuple[str | None, ...]:
    return msgspec.json.decode(stored, type=tuple[str | None, ...]) if stored else ()
