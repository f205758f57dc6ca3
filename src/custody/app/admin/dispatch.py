"""The calls that the command line makes, by name: on the admin socket, or in its own process.

Law: arguments are typed before a call is made; reads run beside the event loop, a few at once;
every call returns an answer or raises ``CustodyError``.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from custody.access import TicketCreate, TicketList, TicketRevoke, TicketService
from custody.evidence import DiskFiles, EvidenceReader, KeyService
from custody.index import IndexDamagedError, SqliteIndex
from custody.investigation.grants.suggest import SuggestRequest
from custody.investigation.grants.unused_grants import UnusedRequest
from custody.investigation.log_records import EvidenceRecords
from custody.investigation.queries import (
    Document,
    FacetsRequest,
    HistogramRequest,
    Investigation,
    LoopsRequest,
    SearchRequest,
    SessionsRequest,
    ShowRequest,
    TimelineRequest,
)
from custody.model.errors import CustodyError

Arguments = TypeVar("Arguments", bound=msgspec.Struct)

READERS_AT_ONCE: Final = 2

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

WRITES: Final = frozenset(
    {
        "ticket.create", "ticket.revoke", "kill", "loop.resume", "identity.revoke",
        "identity.restore", "login.end", "secret.set", "secret.delete",
    }
)  # fmt: skip
"""Calls that write to the evidence log, so need its lock where no gateway runs."""


LISTS: Final = frozenset({"ticket.list", "identity.list", "login.list"})
"""Calls that read the state database."""

CatchUp = Callable[[], Awaitable[bool]]


class EvidenceView(NamedTuple):
    """Where evidence is read, and how its index is kept fresh."""

    investigation: Investigation
    catch_up: CatchUp
    """Returns once the index has caught up with the log (true), or has had its time (false)."""
    discard: Callable[[str], object]
    """Forgets a damaged day of the index and all later ones; with an empty text, all of it."""


def gateway_evidence_view(
    data: Path, name: str, keys: KeyService, catch_up: CatchUp
) -> EvidenceView:
    """The evidence of a running gateway, whose index a process of its own keeps (``catch_up`` is
    that process's). ``keys`` is asked from a thread.
    """
    index = SqliteIndex(data / "index")
    reader = EvidenceReader(DiskFiles(), data / "evidence", name, keys)
    investigation = Investigation(
        index, EvidenceRecords(reader), lambda: time.time_ns() // 1_000_000
    )
    return EvidenceView(investigation, catch_up, index.discard)


class CallHandler(Protocol):
    """More calls: ``custody.app.admin.access_calls``, ``custody.app.admin.secret_calls``."""

    def handles(self, call: str) -> bool: ...

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document: ...


class CallDispatcher:
    """``dispatch`` fits the admin socket. What it was not given, it does not do."""

    def __init__(
        self,
        evidence: EvidenceView | None,
        tickets: TicketService | None,
        *calls: CallHandler,
        paused: Callable[[str], str] = lambda _: "",
    ) -> None:
        """``paused`` gives the quantity for which a loop waits to be let on, or nothing."""
        self._paused: Final = paused
        self._evidence: Final = evidence
        self._tickets: Final = tickets
        self._calls: Final = calls
        self._turn: Final = asyncio.Semaphore(READERS_AT_ONCE)

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.unknown-call``, ``admin.arguments``, and whatever the call raises."""
        evidence, tickets = self._evidence, self._tickets
        if evidence is not None and call in READS:
            wanted, answer = READS[call]
            document = await self._read(evidence, answer, _typed(arguments, wanted))
            return self._with_pauses(document) if call == "loops" else document
        for calls in self._calls:
            if calls.handles(call):
                return await calls.dispatch(call, arguments)
        match call:
            case "index.rebuild" if evidence is not None:
                _typed(arguments, _Nothing)
                await asyncio.to_thread(evidence.discard, "")
                fresh = await evidence.catch_up()
                return _document() if fresh else {**_document(), "behind": True}
            case "ticket.create" if tickets is not None:
                return _document(await tickets.create(_typed(arguments, TicketCreate)))
            case "ticket.list" if tickets is not None:
                return _document(*await tickets.list(_typed(arguments, TicketList)))
            case "ticket.revoke" if tickets is not None:
                return _document(await tickets.revoke(_typed(arguments, TicketRevoke)))
            case _:
                raise CustodyError(
                    "admin.unknown-call",
                    "The running gateway does not know this call.",
                    "Is the command of another version than the gateway? Restart the older one.",
                )

    def _with_pauses(self, document: Document) -> Document:
        """The evidence says that a budget was met; only the gateway, whether the loop waits now."""
        items = [{**item, "paused": self._paused(item["id"]) or None} for item in document["items"]]
        return {**document, "items": items}

    async def _read(
        self, evidence: EvidenceView, answer: ReadCall, asked: msgspec.Struct
    ) -> Document:
        async with self._turn:
            fresh = await evidence.catch_up()
            try:
                document = await asyncio.to_thread(answer, evidence.investigation, asked)
            except IndexDamagedError as error:
                await asyncio.to_thread(evidence.discard, error.day)
                fresh = await evidence.catch_up()
                document = await asyncio.to_thread(answer, evidence.investigation, asked)
        # What is not there because it was not indexed yet must not look as if it never was.
        return document if fresh else {**document, "behind": True}


def _document(*items: dict[str, Any]) -> Document:
    return {"items": list(items), "next": None}


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def _typed(arguments: Mapping[str, object], wanted: type[Arguments]) -> Arguments:
    try:
        return msgspec.convert(dict(arguments), wanted)
    except msgspec.ValidationError as error:
        raise CustodyError(
            "admin.arguments",
            f"The arguments do not fit: {error}.",
            "`--help` says what the command takes.",
        ) from None
