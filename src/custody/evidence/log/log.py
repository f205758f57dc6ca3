"""An open log: the writer, and the work that goes on beside it.

Law: publishing and the preparation of segments and days run in a thread and never block ``append``.
The end of a year is the only exception.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from custody.evidence.disk.days import (
    ClockWatch,
    LogClock,
    day_of,
    milliseconds_to_midnight,
    next_day,
)
from custody.evidence.disk.files import Files, OpenFile
from custody.evidence.disk.segment import SEGMENT_BYTES
from custody.evidence.disk.segment_pool import Segment, SegmentPool
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.keys.keyring import KeyService
from custody.evidence.log.atomic import append_all
from custody.evidence.log.committer import SyncTimes
from custody.evidence.log.escrow import escrow_record
from custody.evidence.log.format_file import write_log_description
from custody.evidence.log.open_day import OpenDay, open_day
from custody.evidence.log.publish import Publisher
from custody.evidence.log.publish_rounds import PublishRounds
from custody.evidence.log.refusals import is_fatal
from custody.evidence.log.thread import in_thread
from custody.evidence.log.writer import Writer
from custody.evidence.tlog.checkpoint import Checkpoint
from custody.model.errors import LogFailureError
from custody.model.gateway_records import AdminAct, ClockJump, LogClose, LogOpen
from custody.model.interfaces import Durable
from custody.model.record import Body, Milliseconds, Receipt, Record

_PREPARE_AHEAD_MS: Final = 600_000
_LAST_ROUND_S: Final = 2.0
"""So long ``run`` waits, once it is to stop, for work that a disk may keep for ever."""


class LogOptions(msgspec.Struct, frozen=True):
    """What a log is opened with. Times in seconds."""

    evidence: Path
    """``data/evidence``."""
    anchor: Path
    version: str
    """Of the program, for ``log.open``."""
    durability: str = "disk"
    responses: str = "async"
    accept_new_anchor: bool = False
    recipients: tuple[EscrowRecipient, ...] = ()
    """For whom each day's key is sealed, beside this gateway."""
    segment_bytes: int = SEGMENT_BYTES
    publish_every: float = 1.0
    """Between two rounds that sign what is new."""
    look_every: float = 1.0
    """The clock, the backlog and the segments ahead are looked at so often."""
    heartbeat_every: float = 60.0
    unpublished_bytes: int = 64 * 1024 * 1024
    """So much of what cannot be published is held in memory; past it, new work is refused."""


class LogEnvironment(NamedTuple):
    """Clock, chance and disk, which come in from outside."""

    clock: LogClock
    nanoseconds: Callable[[], int]
    random: Callable[[int], bytes]
    files: Files


class Log:
    """``EvidenceLog`` for the gateway; ``run`` beside it keeps it published and supplied.

    All of it belongs to the event loop that opened it.
    """

    def __init__(
        self,
        options: LogOptions,
        keys: KeyService,
        environment: LogEnvironment,
        writer: Writer,
        *,
        pool: SegmentPool,
        lock: OpenFile,
    ) -> None:
        self.options: Final = options
        self.writer: Final = writer
        self._keys = keys
        self._environment = environment
        self._pool = pool
        self._lock = lock
        self._watch = ClockWatch(environment.clock)
        self._prepared: OpenDay | None = None
        self._wanted_day = ""
        self._unsaid_jump = 0
        self._unsaid_keys = False
        self._rounds: Final = PublishRounds(
            writer, keys, environment.files, options.evidence, options.unpublished_bytes
        )
        self._wanted = asyncio.Event()
        self._stop = asyncio.Event()
        writer.wants_segment = self._wanted.set

    def append(self, record: Record, durable: Durable | None = None) -> Receipt:
        """As ``EvidenceLog.append``."""
        return self.writer.append(record, durable)

    def append_all(
        self, records: Sequence[Record], durable: Durable | None = None
    ) -> Sequence[Receipt]:
        """As ``EvidenceLog.append_all``."""
        return append_all(self.writer, records, durable)

    @property
    def accepting(self) -> bool:
        return self.writer.accepting

    @property
    def origin(self) -> str:
        return self.writer.publisher.origin

    @property
    def size(self) -> int:
        """Records that were given an index in this year's log."""
        return self.writer.size

    @property
    def durable_size(self) -> int:
        """Those of them that are on disk; a reader in this process reads no further."""
        return self.writer.durable

    @property
    def signed(self) -> Checkpoint | None:
        return self.writer.publisher.signed

    @property
    def signed_size(self) -> int:
        return self.signed.size if self.signed else 0

    @property
    def publish_fault(self) -> LogFailureError | OSError | None:
        """Why nothing is published now; ``None`` once it is again."""
        return self._rounds.fault

    @property
    def sync_times(self) -> SyncTimes:
        """Of this process."""
        return self.writer.committer.sync_times

    @property
    def clock_trusted(self) -> bool:
        """False while the wall clock leapt ahead and nobody confirmed it: prune nothing then."""
        return self._watch.trusted

    async def run(self) -> None:
        """Publish, prepare, beat, until ``stop``; and a moment longer, where a round runs. One task
        of the caller's group.
        """
        self._wanted.set()
        with contextlib.suppress(TimeoutError):  # closing says what could not be published
            async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as group:
                group.create_task(self._tick_regularly())
                group.create_task(self._publish_regularly())
                group.create_task(self._prepare_when_wanted())
                group.create_task(self._beat_regularly())
                await self._stop.wait()
                patience.reschedule(asyncio.get_running_loop().time() + _LAST_ROUND_S)

    def stop(self) -> None:
        """Let ``run`` come to its end."""
        self._stop.set()
        self._wanted.set()

    def heartbeat(self) -> None:
        """Bind all open sessions as they stand now."""
        self.writer.heartbeat(self._environment.clock.wall_ms())

    def confirm_clock(self, actor: str) -> None:
        """An operator confirms that a clock that leapt ahead is right."""
        self._note(AdminAct("clock.confirm", actor, self.origin))
        self._watch.confirm()

    def note_escrow(self) -> None:
        """Say who can open this day without the gateway, if anybody. Raises ``LogFailureError``."""
        if (escrow := self.writer.day.escrow).lines:
            self._note(escrow_record(escrow))

    def tick(self) -> None:
        """Look at the clock; enter the next day when it has come and is prepared."""
        self._unsaid_jump += self._watch.look() or 0
        if self._unsaid_jump:
            with contextlib.suppress(LogFailureError):  # no room: it is said once there is
                self._note(ClockJump(self._unsaid_jump))
                self._unsaid_jump = 0
        if self._unsaid_keys:
            self._say_keys()
        if not self._watch.trusted:
            return
        wall = self._environment.clock.wall_ms()
        today, current = day_of(wall), self.writer.day.day
        tomorrow = next_day(today)
        # A year's first day is prepared once it has come: its folder announces a log.
        if milliseconds_to_midnight(wall) < _PREPARE_AHEAD_MS and tomorrow[:4] == current[:4]:
            self._want_day(max(tomorrow, current))
        if today > current:
            if self._prepared is not None and self._prepared.day == today:
                self._enter(self._prepared)
            else:
                self._want_day(today)

    def publish(self) -> None:
        """Sign and expose all that is durable, here and now; raises as ``publish_now``."""
        self._rounds.publish_now()

    def bookmark(self) -> None:
        """Publish, and note where the next start may begin to read. Raises as ``publish``."""
        self._rounds.publish_now(bookmark=True)

    def prepare(self) -> None:
        """Make what will be needed next: blocks. Raises ``OSError`` or ``LogFailureError``."""
        day = self._wanted_day
        if day and (self._prepared is None or self._prepared.day != day):
            files, evidence, keys = self._environment.files, self.options.evidence, self._keys
            random, recipients = self._environment.random, self.options.recipients
            opened = open_day(files, evidence, keys, day, random, recipients)
            self._pool.prepare(day)
            opened.extend()
            write_log_description(files, evidence, keys, f"{keys.name}/{day[:4]}")
            self._prepared = opened
        self._pool.prepare(self.writer.day.day)
        self.writer.day.extend()

    def close(self) -> None:
        """The last record, the last checkpoint, and the lock. Raises where these fail.

        With sessions still open there is no ``log.close``: the next start accounts for them.
        """
        try:
            if not self.writer.broken:
                self._close_log()
        finally:
            self.writer.close()
            self._pool.close()
            if self._prepared is not None:
                self._prepared.close()
            self._lock.close()

    def _close_log(self) -> None:
        if not self.writer.chains:
            self._note(LogClose("closed"))
        self.writer.committer.flush()
        if self.writer.broken:
            return  # ``on_broken`` has said so
        try:
            self._sign_last()
        except OSError as error:
            raise LogFailureError(
                "log.closed-unsigned",
                f"The last records are durable but could not be signed: {error.strerror}.",
                "Repair the disk and start the gateway again: it signs them then.",
            ) from error

    def _sign_last(self) -> None:
        """On a full disk, in the place of the reserve: nothing more is to be recorded."""
        try:
            self.publish()
        except OSError as error:
            if is_fatal(error) or not self._pool.give_up_reserve():
                raise
            self.publish()
        with contextlib.suppress(OSError):  # a start then reads more
            self.bookmark()

    def _note(self, body: Body) -> None:
        self.append(Record(Milliseconds(self._environment.clock.wall_ms()), body))

    def _want_day(self, day: str) -> None:
        if day not in (self._wanted_day, self.writer.day.day):
            self._wanted_day = day
            self._wanted.set()

    def _enter(self, day: OpenDay) -> None:
        if day.day[:4] != self.writer.day.day[:4] and not self._end_year():
            return
        segment = self._first_segment(day.day)
        if segment is None:
            self.writer.refuse_all(None)
            return
        left = self.writer.day.day
        self.writer.enter_day(day, segment)
        self._prepared, self._wanted_day = None, ""
        if day.day[:4] != left[:4]:
            self._begin_year(day.day[:4])
        self._say_keys()
        with contextlib.suppress(OSError):  # unused zeros of a past day: no harm if they stay
            self._pool.release(left)
        self._wanted.set()

    def _say_keys(self) -> None:
        """Of a day that began; its first leaf commits to the lines, whatever record that is."""
        self._unsaid_keys = True
        with contextlib.suppress(LogFailureError):  # no room: it is said once there is
            self.note_escrow()
            self._unsaid_keys = False

    def _first_segment(self, day: str) -> Segment | None:
        segment = self._pool.take(day)
        if segment is None:
            try:
                self._pool.prepare(day)
            except OSError:
                return None  # the disk is full: the old day goes on
            segment = self._pool.take(day)
        return segment

    def _end_year(self) -> bool:
        """Sign all of this year's log; false where that must be tried again."""
        writer = self.writer
        if self._rounds.running:
            return False
        try:
            writer.refuse_all(_between_years)
            writer.committer.flush()
            self.publish()
        except (LogFailureError, OSError) as error:
            writer.refuse_all(None)
            self._rounds.note_failure(error)
            return False
        return not writer.broken

    def _begin_year(self, year: str) -> None:
        """The first records of a new year's log: where it comes from, and who is still here."""
        writer = self.writer
        previous = writer.publisher.note.decode()
        origin = f"{self._keys.name}/{year}"
        environment = self._environment
        writer.enter_year(Publisher(environment.files, self.options.evidence, origin, self._keys))
        writer.refuse_all(None)
        options = self.options
        self._note(LogOpen(options.version, options.durability, options.responses, previous))
        writer.carry(environment.clock.wall_ms())

    async def _tick_regularly(self) -> None:
        while not await _set_within(self._stop, self.options.look_every):
            self.tick()
            self._rounds.check_backlog()

    async def _publish_regularly(self) -> None:
        while not await _set_within(self._stop, self.options.publish_every):
            if not self.writer.broken:
                await self._rounds.run(in_thread)

    async def _prepare_when_wanted(self) -> None:
        while not self._stop.is_set():
            await _set_within(self._wanted, self.options.look_every)
            self._wanted.clear()
            day = self.writer.day
            if self._pool.ready(day.day) and not day.low and not self._wanted_day:
                continue
            try:
                await in_thread(self.prepare)
            except OSError as error:
                if is_fatal(error):
                    self.writer.fail_for_good(error)
            except LogFailureError as error:
                self._rounds.fault = error
            self.writer.pool_changed()

    async def _beat_regularly(self) -> None:
        while not await _set_within(self._stop, self.options.heartbeat_every):
            if not self.writer.broken:
                with contextlib.suppress(LogFailureError):  # no room: the next beat binds the same
                    self.heartbeat()
                self._rounds.bookmark_due = True


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _between_years() -> LogFailureError:
    return LogFailureError(
        "log.year", "The old year's log is being closed.", "Try again in a moment."
    )
