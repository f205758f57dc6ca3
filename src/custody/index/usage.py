"""Usage: commands counted by session, effects and outcome, and the starts and ends of loops and
sessions.

Law: nothing here reads a command's text. Counts are of one day; the caller adds up days.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from custody.index.entry import EventContext
from custody.index.text import unpack

REPLICATION: Final = "a replication connection's stream"
"""What the opaque record of a replication session says."""


class CommandUse(msgspec.Struct, frozen=True):
    """Commands of one session that are alike. Times are ms, of the first and the last of them."""

    place: EventContext
    effects: tuple[str, ...]
    objects: tuple[str, ...]
    """Empty unless asked for."""
    verdict: str
    rule: str
    outcome: str
    commands: int
    rows: int
    first: int
    last: int


class UsageStart(msgspec.Struct, frozen=True):
    """The start of a loop or a session, with what later records added to it; or, of the kind
    ``opaque``, a stream of replication.
    """

    place: EventContext
    kind: str
    time: int
    detail: Mapping[str, Any]


class UsageRequest(msgspec.Struct, frozen=True):
    """``since`` counts in, ``until`` does not. ``span_ms`` keeps the hours of the day that wide
    apart; 0 does not.
    """

    since: int
    until: int
    objects: bool = False
    span_ms: int = 0


_DAY_MS: Final = 86_400_000
_PLACES: Final = "SELECT id, loop, session, target, identity, issuer FROM place"


def starts(connection: sqlite3.Connection) -> Iterator[UsageStart]:
    """All of one day's, in order."""
    rows = connection.execute(
        "SELECT place.loop, place.session, place.target, place.identity, place.issuer, event.kind,"
        " event.time, event.detail FROM event JOIN place ON place.id = event.place"
        # The first comparison repeats the condition of a partial index.
        " WHERE event.kind <> 'command' AND (event.kind IN ('loop.start', 'session.start')"
        " OR (event.kind = 'opaque' AND event.text = ?)) ORDER BY event.position",
        (REPLICATION,),
    )
    for *place, kind, time, detail in rows:
        told = msgspec.json.decode(detail, type=dict[str, Any]) if detail else {}
        yield UsageStart(EventContext(*place), kind, time, told)


def uses(
    connection: sqlite3.Connection, asked: UsageRequest, wanted: Callable[[EventContext], bool]
) -> Iterator[CommandUse]:
    """One day's, of the places that are wanted; in no order."""
    count = 0
    places: dict[int, EventContext] = {}
    for number, *place in connection.execute(_PLACES):
        count += 1
        found = EventContext(*place)
        if wanted(found):
            places[number] = found
    if not places:
        return
    hour = f"time % {_DAY_MS} / {asked.span_ms}" if asked.span_ms else "0"
    few = len(places) * 2 < count
    rows = connection.execute(
        "SELECT place, effects, verdict, rule, outcome,"  # noqa: S608 - names and numbers from here
        f" {'objects' if asked.objects else repr('')}, {hour},"
        " count(*), total(rows), min(time), max(time) FROM event"
        " WHERE kind = 'command' AND time >= ? AND time < ?"
        f" {'AND place IN (SELECT value FROM json_each(?))' if few else ''}"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7",
        (
            asked.since,
            asked.until,
            *([msgspec.json.encode(list(places)).decode()] if few else []),
        ),
    )
    for number, effects, verdict, rule, outcome, objects, _, commands, told, first, last in rows:
        at = places.get(number)
        if at is not None:
            yield CommandUse(
                at,
                unpack(effects),
                unpack(objects),
                verdict,
                rule,
                outcome,
                commands,
                int(told),
                first,
                last,
            )
