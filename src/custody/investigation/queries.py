"""The questions that an investigator asks, answered from the index and the log.

Law: these are the only operations that read evidence for people, and they are the same through the
admin socket and without it. Each answer is one bounded page: ``{"items": […], "next": …}``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec

from custody.index import (
    EventPage,
    Filter,
    Index,
    IndexedEvent,
    Order,
    SearchField,
    Term,
    parse_query,
    position_of,
)
from custody.investigation.documents import (
    Document,
    Item,
    event_item,
    loop_item,
    record_document,
    response_document,
    session_item,
    stream_document,
)
from custody.investigation.grants.suggest import SuggestRequest, suggest
from custody.investigation.grants.unused_grants import UnusedRequest, unused
from custody.investigation.log_records import LogReader, UnopenedRecord
from custody.investigation.loop_family import LoopFamily, family_of
from custody.model.command import Argument
from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.record import CommandSeen, Response, StoredRecord, Stream

PageLimit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Cursor = Annotated[str, msgspec.Meta(max_length=64)] | None
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]

AT_ONCE: Final = 32
"""Events whose records are held in memory at once."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one answer of ``show``, about; a single record may have more."""

COMMANDS: Final = Term(SearchField.KIND, "command")


class LoopsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: PageLimit = 50
    cursor: Cursor = None


class SessionsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loop: Id | None = None
    limit: PageLimit = 50
    cursor: Cursor = None


class ShowRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    """A session, a command or another record. Pages go through a session's events."""
    limit: PageLimit = 100
    cursor: Cursor = None


class TimelineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loop: Id
    alone: bool = False
    """Without the loops that run below it."""
    limit: PageLimit = 200
    cursor: Cursor = None


class SearchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: str
    order: Order = Order.NEWEST
    limit: PageLimit = 50
    cursor: Cursor = None


class FacetsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: SearchField
    query: str = ""
    limit: PageLimit = 50


class HistogramRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    span_ms: Annotated[int, msgspec.Meta(ge=1000)]
    query: str = ""


class Investigation:
    """Calls block for the disk: not for the event loop. Each opens what it needs and closes it."""

    def __init__(self, index: Index, log: LogReader, clock: Callable[[], int]) -> None:
        self._index: Final = index
        self._log: Final = log
        self._clock: Final = clock

    def loops(self, asked: LoopsRequest) -> Document:
        """The newest loops first, with how much happened in each."""
        page = self._page(Filter((Term(SearchField.KIND, "loop.start"),)), Order.NEWEST, asked)
        inside = [Term(SearchField.LOOP, event.loop) for event in page.events]
        sessions = self._counts(SearchField.LOOP, inside, Term(SearchField.KIND, "session.start"))
        commands = self._counts(SearchField.LOOP, inside, COMMANDS)
        refused = self._counts(
            SearchField.LOOP, inside, COMMANDS, Term(SearchField.OUTCOME, "refused")
        )
        items = [loop_item(event, sessions, commands, refused) for event in page.events]
        return _document(items, page)

    def sessions(self, asked: SessionsRequest) -> Document:
        """The newest sessions first; those of one loop, if it is named."""
        terms = [Term(SearchField.KIND, "session.start")]
        if asked.loop is not None:
            self._require_loop(asked.loop)
            terms.append(Term(SearchField.LOOP, asked.loop))
        page = self._page(Filter(tuple(terms)), Order.NEWEST, asked)
        return _document(self._session_items(page.events), page)

    def search(self, asked: SearchRequest) -> Document:
        """Commands that a query finds; other kinds of record where it has a ``kind:``."""
        wanted = self._parse(asked.query)
        page = self._page(wanted, asked.order, asked)
        document = _document([event_item(event) for event in page.events], page)
        return document if asked.cursor else {**document, "cut": self._index.cut(wanted)}

    def indexed(self) -> Document | None:
        """How many records of which log the index has; ``None`` where it has none."""
        through = self._index.coverage().through
        return None if through is None else {"log": through.log, "records": through.index}

    def completeness(self) -> Document:
        """What goes with every answer: how far the index reaches, and what it could not take in."""
        known = self._index.coverage()
        through = known.through
        document: Document = {
            "indexed": through
            and {"log": through.log, "records": through.index, "until": moment(known.latest)}
        }
        if known.unread:
            ranges = [msgspec.structs.asdict(each) for each in known.ranges]
            document["unread"] = {"records": known.unread, "ranges": ranges}
        return document

    def timeline(self, asked: TimelineRequest) -> Document:
        """Everything that happened in a loop and in those below it, in order."""
        self._require_loop(asked.loop)
        family = LoopFamily(asked.loop) if asked.alone else family_of(self._index, asked.loop)
        wanted = Filter(tuple(Term(SearchField.LOOP, loop) for loop in family.loops))
        page = self._page(wanted, Order.OLDEST, asked)
        document = _document([event_item(event) for event in page.events], page)
        return {**document, **family.document()}

    def show(self, asked: ShowRequest) -> Document:
        """A session or a single record, with all that was captured of each command."""
        session, dash, _ = asked.id.partition("-")
        if not dash and session.startswith("ses_"):
            return self._show_session(asked)
        event = self._find(asked.id)
        if event is None:
            raise CustodyError(
                "record.not-found",
                f"There is no session or record {asked.id!r}.",
                "`custody sessions` and `custody search` show ids; a loop's are in "
                "`custody timeline LOOP`.",
            )
        return {"items": self._whole([event]), "next": None}

    def facets(self, asked: FacetsRequest) -> Document:
        """How many hits have each value of a field."""
        if asked.field in {SearchField.WORD, SearchField.TEXT}:
            raise CustodyError(
                "search.bad-value",
                f"{asked.field.value!r} cannot be counted.",
                "Count by loop, session, target, identity, effect, object, action, verdict, rule, "
                "outcome or kind.",
            )
        tally = self._index.facet(self._parse(asked.query), asked.field, limit=asked.limit)
        items = [{"value": value, "count": count} for value, count in tally.counts]
        cut = self._index.cut(self._parse(asked.query))
        return {"items": items, "next": None, "complete": tally.complete, "cut": cut}

    def histogram(self, asked: HistogramRequest) -> Document:
        """How many hits begin in each span of time that has any."""
        tally = self._index.histogram(self._parse(asked.query), span_ms=asked.span_ms)
        items = [{"time": moment(int(start)), "count": count} for start, count in tally.counts]
        cut = self._index.cut(self._parse(asked.query))
        return {"items": items, "next": None, "complete": tally.complete, "cut": cut}

    def suggest_grants(self, asked: SuggestRequest) -> Document:
        """The narrowest grants that would have allowed what somebody did."""
        return suggest(self._index, asked, self._clock())

    def unused_grants(self, asked: UnusedRequest) -> Document:
        """For each grant, what was never done with it."""
        return unused(self._index, asked, self._clock())

    def _parse(self, query: str) -> Filter:
        wanted = parse_query(query, self._clock())
        if any(term.field is SearchField.KIND for term in wanted.terms):
            return wanted
        return wanted.also(COMMANDS)

    def _page(
        self,
        wanted: Filter,
        order: Order,
        asked: LoopsRequest | SessionsRequest | TimelineRequest | SearchRequest | ShowRequest,
    ) -> EventPage:
        return self._index.search(wanted, order=order, limit=asked.limit, cursor=asked.cursor)

    def _counts(self, field: SearchField, inside: list[Term], *also: Term) -> dict[str, int]:
        if not inside:
            return {}
        wanted = Filter((*inside, *also))
        return dict(self._index.facet(wanted, field, limit=len(inside)).counts)

    def _session_items(self, starts: Iterable[IndexedEvent]) -> list[Item]:
        events = list(starts)
        still_open = [
            Term(SearchField.SESSION, event.session)
            for event in events
            if "commands" not in event.detail
        ]
        commands = self._counts(SearchField.SESSION, still_open, COMMANDS)
        refused = self._counts(
            SearchField.SESSION, still_open, COMMANDS, Term(SearchField.OUTCOME, "refused")
        )
        return [session_item(event, commands, refused) for event in events]

    def _require_loop(self, loop: str) -> None:
        wanted = Filter((Term(SearchField.LOOP, loop),))
        if not self._first(wanted):
            raise CustodyError(
                "loop.not-found",
                f"There is no loop {loop!r} in the evidence.",
                "`custody loops` shows the loops by their ids.",
            )

    def _first(self, wanted: Filter) -> IndexedEvent | None:
        """The first hit; goes through as many pages as it takes."""
        cursor: str | None = None
        while True:
            page = self._index.search(wanted, order=Order.OLDEST, limit=1, cursor=cursor)
            if page.events or page.next is None:
                return page.events[0] if page.events else None
            cursor = page.next

    def _find(self, wanted: str) -> IndexedEvent | None:
        """A record by ``<session>-<n>`` or ``rec_<year>-<index>``."""
        name, _, number = wanted.rpartition("-")
        if not (name and number.isascii() and number.isdigit() and len(number) <= 15):
            return None
        if name.startswith("rec_"):
            return self._at(name.removeprefix("rec_"), int(number))
        return self._first(Filter((Term(SearchField.SESSION, name),), n=int(number)))

    def _at(self, year: str, index: int) -> IndexedEvent | None:
        if not (year.isascii() and year.isdigit() and len(year) == 4):
            return None
        before = position_of(f"/{year}", index) - 1
        page = self._index.search(Filter(), order=Order.OLDEST, limit=1, cursor=str(before))
        found = page.events[0] if page.events else None
        return found if found is not None and found.position == before + 1 else None

    def _show_session(self, asked: ShowRequest) -> Document:
        wanted = Filter((Term(SearchField.SESSION, asked.id),))
        start = self._first(wanted)
        if start is None:
            raise CustodyError(
                "session.not-found",
                f"There is no session {asked.id!r} in the evidence.",
                "`custody sessions` shows the sessions by their ids.",
            )
        page = self._page(wanted, Order.OLDEST, asked)
        items = self._whole(page.events)
        following = page.next
        if len(items) < len(page.events):
            following = str(page.events[len(items) - 1].position)
        document: Document = {"items": items, "next": following}
        if start.kind == "session.start":
            document["session"] = self._session_items([start])[0]
        return document

    def _whole(self, events: Sequence[IndexedEvent]) -> list[Item]:
        """Events with what the log holds of them: as many as fit into one answer, at least one."""
        items: list[Item] = []
        size = 0
        for at in range(0, len(events), AT_ONCE):
            some = events[at : at + AT_ONCE]
            records = self._records(some)
            for event in some:
                item = event_item(event)
                for index in _indices(event):
                    _add(item, records.get((event.log, index)))
                size += len(msgspec.json.encode(item))
                if items and size > MOST_BYTES:
                    return items
                items.append(item)
        return items

    def _records(
        self, events: Sequence[IndexedEvent]
    ) -> Mapping[tuple[str, int], StoredRecord | UnopenedRecord]:
        found: dict[tuple[str, int], StoredRecord | UnopenedRecord] = {}
        for log in {event.log for event in events}:
            wanted = [n for event in events if event.log == log for n in _indices(event)]
            for index, record in self._log.records(log, wanted).items():
                found[log, index] = record
        return found


def _indices(event: IndexedEvent) -> list[int]:
    """Where the log holds an event and, if it came, its answer."""
    answer = event.detail.get("response")
    return [event.index] if answer is None else [event.index, int(answer)]


def _add(item: Item, record: StoredRecord | UnopenedRecord | None) -> None:
    """What the log holds, put beside what the index told."""
    match record:
        case None:
            item["missing"] = {"code": "record.missing", "message": "It is not in the log."}
        case UnopenedRecord(code=code, fault=fault):
            item["missing"] = {"code": code, "message": fault}
        case StoredRecord(body=Response() as response):
            item["response"] = response_document(response)
        case StoredRecord(body=CommandSeen() as seen):
            item["reason"] = seen.reason
            item["stage"] = seen.stage
            item["policy"] = seen.policy
            item["bounded"] = seen.command.bounded
            item["form"] = seen.command.form
            item["fingerprint"] = seen.command.fingerprint or None
            item["binds"] = [_bind(argument) for argument in seen.command.arguments]
        case StoredRecord(body=Stream() as stream):
            item["stream"] = stream_document(stream)
        case StoredRecord():
            item["record"] = record_document(record)


def _bind(argument: Argument) -> Item:
    return {
        "value": argument.value,
        "type": argument.type,
        "length": argument.length,
        "readable": argument.readable,
        "truncated": argument.truncated,
    }


def _document(items: list[Item], page: EventPage) -> Document:
    return {"items": items, "next": page.next}
