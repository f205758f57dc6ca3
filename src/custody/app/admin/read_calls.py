"""The calls that read the evidence, and the one that builds its index again.

Law: reads run beside the event loop and only a few at once; an answer that lacks what is not
indexed yet says so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from custody.app.admin.documents import Document, NoArguments, document, typed
from custody.evidence import DiskFiles, EvidenceReader, KeyService
from custody.index import IndexDamagedError, OwnDayFiles, SqliteIndex
from custody.investigation.grants.suggest import SuggestRequest
from custody.investigation.grants.unused_grants import UnusedRequest
from custody.investigation.log_records import EvidenceRecords
from custody.investigation.queries import (
    FacetsRequest,
    HistogramRequest,
    Investigation,
    LoopsRequest,
    SearchRequest,
    SessionsRequest,
    ShowRequest,
    TimelineRequest,
)

READERS_AT_ONCE: Final = 2
REBUILD: Final = "index.rebuild"

ReadCall = Callable[[Investigation, Any], Document]

READS: Final[Mapping[str, tuple[type[msgspec.Struct], ReadCall]]] = {
    "loops": (LoopsRequest, Investigation.loops),
    "sessions": (SessionsRequest, Investigation.sessions),
    "show": (ShowRequest, Investigation.show),
    "timeline": (TimelineRequest, Investigation.timeline),
    "search": (SearchRequest, Investigation.search),
    "facets": (FacetsRequest, Investigation.facets),
    "histogram": (HistogramRequest, Investigation.histogram),
    "grants.suggest": (SuggestRequest, Investigation.suggest_grants),
    "grants.unused": (UnusedRequest, Investigation.unused_grants),
}
"""Calls that read: what they are asked with, and what answers."""

Freshen = Callable[[], Awaitable[bool]]


class EvidenceView(NamedTuple):
    """Where evidence is read, and how its index is kept fresh."""

    reading: Investigation
    catch_up: Freshen
    """Returns once the index has caught up with the log (true), or has had its time (false)."""
    discard: Callable[[str], object]
    """Forgets a damaged day of the index and all later ones; with an empty text, all of it."""


def gateway_evidence_view(
    data: Path, name: str, keys: KeyService, catch_up: Freshen
) -> EvidenceView:
    """That of a running gateway, whose index a process of its own keeps (``catch_up`` is that
    process's). ``keys`` is asked from a thread.
    """
    index = SqliteIndex(OwnDayFiles(data / "index"))
    reader = EvidenceReader(DiskFiles(), data / "evidence", name, keys)
    reading = Investigation(index, EvidenceRecords(reader), lambda: time.time_ns() // 1_000_000)
    return EvidenceView(reading, catch_up, index.discard)


class ReadCalls:
    """``paused`` gives the quantity for which a loop waits to be let on, or nothing."""

    def __init__(self, view: EvidenceView, paused: Callable[[str], str]) -> None:
        self._view: Final = view
        self._paused: Final = paused
        self._turn: Final = asyncio.Semaphore(READERS_AT_ONCE)

    def handles(self, call: str) -> bool:
        return call in READS or call == REBUILD

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and whatever the call raises."""
        if call == REBUILD:
            typed(arguments, NoArguments)
            return await self._rebuild()
        wanted, answer = READS[call]
        found = await self._read(answer, typed(arguments, wanted))
        return self._with_pauses(found) if call == "loops" else found

    async def _rebuild(self) -> Document:
        await asyncio.to_thread(self._view.discard, "")
        fresh = await self._view.catch_up()
        known = await asyncio.to_thread(self._view.reading.completeness)
        return {**document(), **known} if fresh else {**document(), **known, "behind": True}

    async def _read(self, answer: ReadCall, asked: msgspec.Struct) -> Document:
        view = self._view
        async with self._turn:
            fresh = await view.catch_up()
            try:
                found = await asyncio.to_thread(answer, view.reading, asked)
            except IndexDamagedError as error:
                await asyncio.to_thread(view.discard, error.day)
                fresh = await view.catch_up()
                found = await asyncio.to_thread(answer, view.reading, asked)
            found |= await asyncio.to_thread(view.reading.completeness)
        # What is not there because it was not indexed yet must not look as if it never was.
        return found if fresh else {**found, "behind": True}

    def _with_pauses(self, found: Document) -> Document:
        """The evidence says that a budget was met; only the gateway, whether the loop waits now."""
        items = [{**item, "paused": self._paused(item["id"]) or None} for item in found["items"]]
        return {**found, "items": items}
