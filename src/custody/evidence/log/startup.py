"""Opening a log: lock, recovery, first records; and closing it again.

Law: only one process writes a log; recovery examines the log before anything is added; a log that
has lost durable records does not open.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from custody.evidence.disk.days import LogClock, day_of
from custody.evidence.disk.files import (
    DiskFiles,
    Files,
    OpenFile,
    make_durable_directory,
)
from custody.evidence.disk.segment import segment_path
from custody.evidence.disk.segment_pool import Segment, SegmentPool
from custody.evidence.keys.anchor import read_anchor, read_anchor_if_whole
from custody.evidence.keys.keyring import KeyService
from custody.evidence.log.chains import Chain
from custody.evidence.log.format_file import write_format, write_log_description
from custody.evidence.log.log import Log, LogEnvironment, LogOptions
from custody.evidence.log.open_day import OpenDay, open_day
from custody.evidence.log.recovery import RecoveredLog, find_log
from custody.evidence.log.writer import Writer
from custody.evidence.record.leaf import DURABILITIES, RESPONSES
from custody.model.errors import LogFailureError
from custody.model.gateway_records import LogOpen, Recovery
from custody.model.record import Body, Milliseconds, Record, ResponseUnknown
from custody.model.words import LoopId, SessionId

_LOCK: Final = "lock"


class _Ready(NamedTuple):
    """Everything of a log that blocks to get, got."""

    lock: OpenFile
    found: RecoveredLog
    day: OpenDay
    pool: SegmentPool
    segment: Segment


def system_environment() -> LogEnvironment:
    """The machine's own clocks, chance and disk."""
    steady = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    clock = LogClock(
        lambda: time.time_ns() // 1_000_000, lambda: time.clock_gettime_ns(steady) // 1_000_000
    )
    return LogEnvironment(clock, time.perf_counter_ns, os.urandom, DiskFiles())


def _ignore(_failure: LogFailureError) -> None:
    pass


@asynccontextmanager
async def open_log(
    options: LogOptions,
    keys: KeyService,
    environment: LogEnvironment | None = None,
    on_broken: Callable[[LogFailureError], None] = _ignore,
) -> AsyncIterator[Log]:
    """The log, open for writing. Run ``log.run()`` beside it; leaving closes and signs it.

    Raises ``LogFailureError`` where it is locked, damaged or rolled back, and when its last
    checkpoint cannot be signed. ``on_broken`` is called once if the disk fails: end the process.
    """
    if options.durability not in DURABILITIES or options.responses not in RESPONSES:
        raise LogFailureError("log.options", "Unknown durability or responses.")
    environment = environment or system_environment()
    ready = await asyncio.to_thread(_make_ready, options, keys, environment)
    writer = Writer(
        pool=ready.pool,
        day=ready.day,
        segment=ready.segment,
        publisher=ready.found.publisher,
        size=ready.found.size,
        event_loop=asyncio.get_running_loop(),
        nanoseconds=environment.nanoseconds,
        random=environment.random,
        on_broken=on_broken,
    )
    log = Log(options, keys, environment, writer, pool=ready.pool, lock=ready.lock)
    try:
        _first_records(log, ready.found, environment.clock.wall_ms())
        log.tick()
        yield log
    finally:
        log.close()


def _make_ready(options: LogOptions, keys: KeyService, environment: LogEnvironment) -> _Ready:
    files, evidence = environment.files, options.evidence
    try:
        make_durable_directory(files, evidence)
        lock = files.lock(evidence / _LOCK)
        try:
            today = day_of(environment.clock.wall_ms())
            accept = options.accept_new_anchor
            read = read_anchor_if_whole if accept else read_anchor
            anchors = read(files, options.anchor)
            found = find_log(files, evidence, keys, anchors, new_year=today[:4], accept=accept)
            write_format(files, evidence)
            write_log_description(files, evidence, keys, found.origin)
            name = _day_to_open(found, today)
            random, recipients = environment.random, options.recipients
            day = open_day(files, evidence, keys, name, random, recipients)
            pool = SegmentPool(files, evidence, options.segment_bytes)
            segment = _segment(files, options, found, name, pool)
            return _Ready(lock, found, day, pool, segment)
        except BaseException:
            lock.close()
            raise
    except OSError as error:
        raise LogFailureError(
            "log.disk",
            f"The evidence log cannot be opened: {error.strerror or error}.",
            "Check the disk's space and state, and who owns the data directory.",
        ) from error


def _day_to_open(found: RecoveredLog, today: str) -> str:
    """Days never go back; and a new year begins only after the old one's log was closed."""
    year = found.origin.rpartition("/")[2]
    if today[:4] == year:
        return max(today, found.last_day)
    return found.last_day or today


def _segment(
    files: Files, options: LogOptions, found: RecoveredLog, day: str, pool: SegmentPool
) -> Segment:
    """Where to go on: behind the last frame, or in a new segment behind a torn tail, or behind a
    segment of another length, such as a copy that ends with its last record.
    """
    if found.place is not None and found.place.segment.day == day:
        opened = files.open(segment_path(options.evidence, found.place.segment), write=True)
        if opened.size() == options.segment_bytes:
            return Segment(found.place.segment, opened, opened.size(), found.place.offset)
        opened.close()
    pool.prepare(day)
    segment = pool.take(day)
    if segment is None:
        raise AssertionError("a pool that was prepared gives a segment")
    return segment


def _first_records(log: Log, found: RecoveredLog, now: int) -> None:
    """Say that the log is open, and account for what a crash left open."""

    def note(body: Body, loop: str | None = None, session: str | None = None) -> None:
        log.append(
            Record(
                Milliseconds(now),
                body,
                LoopId(loop) if loop else None,
                SessionId(session) if session else None,
            )
        )

    options = log.options
    log.writer.chains = found.chains
    note(LogOpen(options.version, options.durability, options.responses))
    log.note_escrow()
    if found.given_up is not None:
        note(found.given_up)
    if not found.closed:
        for session, chain in list(found.chains.items()):
            for command in sorted(chain.unanswered):
                note(ResponseUnknown(command), chain.loop, session)
        log.writer.recover(
            now,
            Recovery(
                found.torn.size,
                found.torn.hash,
                found.size,
                _last_counters(found.chains),
                (found.given_up.lost or None) if found.given_up else None,
            ),
        )
    log.writer.committer.flush()


def _last_counters(chains: Mapping[str, Chain]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((session, chain.n) for session, chain in chains.items()))
