"""Logs in scenes: a clock that is turned by hand, a disk in memory, and records worth keeping."""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tests.evidence.log.simulated_disk import SimulatedDisk

from custody.evidence.disk.days import LogClock
from custody.evidence.disk.files import Files
from custody.evidence.keys.anchor import Anchor
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.keys.keyring import Keyring
from custody.evidence.log.log import Log, LogEnvironment, LogOptions
from custody.evidence.log.reader import EvidenceReader
from custody.evidence.log.startup import open_log
from custody.model.command import Command
from custody.model.errors import LogFailureError
from custody.model.gateway_records import ConfigLoaded
from custody.model.record import (
    Body,
    CommandSeen,
    Milliseconds,
    Receipt,
    Record,
    Response,
    SessionEnd,
    SessionStart,
    StoredRecord,
)
from custody.model.words import Decision, Effect, LoopId, Outcome, SessionId

NAME = "gw1.example.com"
LOOP = LoopId("loop_" + "a" * 20)
SESSION = SessionId("ses_" + "b" * 20)
OTHER = SessionId("ses_" + "c" * 20)
POLICY = "ab" * 32
MASK = "cd" * 32
DATA = Path("/data")
EVIDENCE = DATA / "evidence"
ANCHOR = Path("/outside/anchor")


def at(text: str) -> int:
    """Milliseconds of a UTC time such as ``2026-03-01 12:00``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def session_start() -> SessionStart:
    return SessionStart(
        "orders", "postgres", "ci", "local", ("agents",), "127.0.0.1:5", "app", "orders", "psql", ""
    )


def session_end() -> SessionEnd:
    return SessionEnd("client", 1, 0, 10, 20)


def command(text: str = "SELECT 1", decision: Decision = Decision.ALLOW) -> CommandSeen:
    seen = Command("SELECT", frozenset({Effect.READ}), ("public.orders",), True, text)
    return CommandSeen(seen, decision, "grant", "", POLICY, "orders")


def response(n: int, rows: tuple[tuple[str | None, ...], ...] = ()) -> Response:
    return Response(n, Outcome.OK, f"SELECT {len(rows)}", len(rows), 20, 5, captured=rows)


@dataclass
class Scene:
    """One gateway's evidence, across openings and crashes."""

    disk: SimulatedDisk = field(default_factory=SimulatedDisk)
    files: Files | None = None
    """Where not the simulated disk."""
    evidence: Path = EVIDENCE
    anchor: Path = ANCHOR
    now: int = at("2026-03-01 12:00")
    steady: int = 1_000_000
    segment_bytes: int = 64 * 1024
    seed: int = 0
    broken: list[LogFailureError] = field(default_factory=list)
    acknowledged: list[tuple[str, Receipt, Body]] = field(default_factory=list)
    failed: list[LogFailureError] = field(default_factory=list)
    accept_new_anchor: bool = False
    sync_ns: int = 0
    recipients: tuple[EscrowRecipient, ...] = ()
    _drawn: Iterator[int] = field(default_factory=count)

    def keys(self, files: Files | None = None) -> Keyring:
        files = files or self.files or self.disk
        anchor = Anchor(files, self.anchor, accept_new=self.accept_new_anchor)
        return Keyring(NAME, b"L" * 32, b"K" * 32, anchor, self.random)

    def random(self, size: int) -> bytes:
        """Never the same twice in a scene."""
        drawn = b"".join(
            hashlib.sha256(b"%d/%d" % (self.seed, next(self._drawn))).digest()
            for _ in range(-(-size // 32))
        )
        return drawn[:size]

    def wait(self, milliseconds: int) -> None:
        """Time passes, by every clock."""
        self.now += milliseconds
        self.steady += milliseconds

    def options(self) -> LogOptions:
        return LogOptions(
            self.evidence,
            self.anchor,
            "0.1.0",
            segment_bytes=self.segment_bytes,
            accept_new_anchor=self.accept_new_anchor,
            recipients=self.recipients,
        )

    def environment(self) -> LogEnvironment:
        ticks = count(0, max(self.sync_ns, 1))
        return LogEnvironment(
            LogClock(lambda: self.now, lambda: self.steady),
            lambda: next(ticks),
            self.random,
            self.files or self.disk,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Log]:
        keys = self.keys()
        async with open_log(self.options(), keys, self.environment(), self.broken.append) as log:
            yield log

    def append(
        self, log: Log, body: Body, session: SessionId | None = None, loop: LoopId | None = LOOP
    ) -> Receipt:
        """Append, and note the acknowledgement when it comes."""
        origin = log.origin

        def told(outcome: Receipt | LogFailureError) -> None:
            if isinstance(outcome, Receipt):
                self.acknowledged.append((origin, outcome, body))
            else:
                self.failed.append(outcome)

        return log.append(Record(Milliseconds(self.now), body, loop, session), told)

    def configure(self, log: Log) -> None:
        self.append(log, ConfigLoaded(POLICY, MASK, "one target"), loop=None)

    def play(self, act: Callable[[Log], Awaitable[None]]) -> None:
        """Open the log, act, close it."""

        async def whole() -> None:
            async with self.open() as log:
                await act(log)

        asyncio.run(whole())

    def reader(self) -> EvidenceReader:
        return EvidenceReader(self.files or self.disk, self.evidence, NAME, self.keys())

    def stored(self, year: str = "2026") -> list[StoredRecord]:
        """Every record of a year's log, opened."""
        reader = self.reader()
        found: list[StoredRecord] = []
        log = f"{NAME}/{year}"
        while True:
            passage = reader.follow(log, len(found))
            for each in passage.records:
                if not isinstance(each.record, StoredRecord):
                    raise each.record
                found.append(each.record)
            if not passage.records:
                reader.close()
                return found

    def die_from(self, operation: int) -> None:
        """From this operation on nothing reaches the disk."""
        self.disk.fails = lambda number, _what, _path: errno.EIO if number >= operation else None
