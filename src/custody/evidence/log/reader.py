"""Reading records back: in order, or one by its index.

Law: a reader writes nothing and returns each record once. Inside the gateway it stops at the
durable end that the writer reports; elsewhere it stops at the last whole frame. A record that
cannot be opened is returned as an error.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from custody.evidence.disk.damage import LostRecords, behind_damage
from custody.evidence.disk.files import Files, read_if_there
from custody.evidence.disk.find_record import RecordFinder
from custody.evidence.disk.segment import FramePosition, SegmentWalk, days, read_frame
from custody.evidence.disk.wrapped_keys import DayKey, WrappedDay, scope_of
from custody.evidence.disk.wrapped_keys import parse as parse_wrapped
from custody.evidence.log.open_day import wrapped_path
from custody.evidence.log.publish import log_directory
from custody.evidence.log.signed_sizes import signed_size
from custody.evidence.record.frame import Frame, FrameFault
from custody.evidence.record.leaf import Leaf, LeafError, parse
from custody.evidence.record.payload import decode
from custody.evidence.record.seal import SealError, derive, place, unseal
from custody.model.errors import CustodyError
from custody.model.record import Milliseconds, StoredRecord
from custody.model.words import LoopId, SessionId

_ENDS: Final = (None, FrameFault.UNUSED)
_DAYS_HELD: Final = 16
_KEYS_HELD: Final = 4096


class DayKeys(Protocol):
    """Who opens day keys: the key-holder, or a recipient of escrow."""

    def unwrap(self, day: str, wrapped: bytes) -> bytes:
        """The key of a day. Raises ``SealError``, or ``LogFailureError`` where nobody answers."""
        ...


class DurableEnd(NamedTuple):
    """How far the log that is being written may be read: what its writer says."""

    log: str
    size: int


class ReadRecord(NamedTuple):
    """A record that stands in the log, with the day that it is filed under. Where its content
    cannot be opened, ``record`` is the error that says why.
    """

    day: str
    number: int
    """Its index in the year's log."""
    record: StoredRecord | CustodyError


class RecordBatch(NamedTuple):
    """Records that follow each other. Read on with ``log`` and ``following``."""

    records: Sequence[ReadRecord]
    log: str
    following: int
    more: bool
    """Whether it is worth asking again at once."""
    lost: LostRecords | None = None
    """Records before ``following`` that damage hides."""


class EvidenceReader:
    """Reads one gateway's logs. For one thread at a time; close it. Without ``keys`` every record
    is said to be unopened.
    """

    def __init__(self, files: Files, evidence: Path, name: str, keys: DayKeys | None) -> None:
        self._files: Final = files
        self._evidence: Final = evidence
        self._name: Final = name
        self._contents: Final = PayloadReader(files, evidence, keys)
        self._finder: Final = RecordFinder(files, evidence)
        self._walk: SegmentWalk | None = None
        self._walk_log = ""

    def close(self) -> None:
        if self._walk is not None:
            self._walk.close()
            self._walk = None

    def logs(self) -> list[str]:
        """The origins of the logs that hold records, oldest first."""
        years = sorted({day[:4] for day in days(self._files, self._evidence)})
        return [f"{self._name}/{year}" for year in years if self._finder.has_records(year)]

    def follow(
        self, log: str, index: int, limit: int = 1000, durable: DurableEnd | None = None
    ) -> RecordBatch:
        """Up to ``limit`` records from ``index`` on, then from the next year's log.

        Cheap to call again where it left off. Raises ``CustodyError`` where no such place is.
        """
        walk = self._stand_at(log, index)
        if walk.index > index:
            return _lost(log, index, walk.index)
        end = durable.size if durable is not None and durable.log == log else None
        found = walk.take(end, limit)
        if not found and self._pass_damage(log, walk, end):
            return _lost(log, index, walk.index)
        if not found and (durable is None or durable.log > log):
            later = [each for each in self.logs() if each > log]
            if later:
                return RecordBatch((), later[0], 0, more=True)
        records = [self._read(log, each.frame) for each in found]
        following = index + len(found)
        more = len(found) == limit or (
            bool(found) and following < (self._signed(log) if end is None else end)
        )
        return RecordBatch(records, log, following, more)

    def first_of(self, day: str) -> tuple[str, int] | None:
        """Log and index of a day's first record; ``None`` where the day has none."""
        for first, segment in self._finder.segments(day[:4]):
            if segment.day == day:
                return f"{self._name}/{day[:4]}", first
        return None

    def record(self, log: str, index: int) -> ReadRecord | None:
        """One record; ``None`` where there is no such one."""
        where = self._finder.find(_year(log), index)
        found = None if where is None else self.record_at(log, where)
        return found if found is not None and found.number == index else None

    def record_at(self, log: str, where: FramePosition) -> ReadRecord | None:
        """The record whose frame begins at a place."""
        frame = read_frame(self._files, self._evidence, where)
        return self._read(log, frame) if isinstance(frame, Frame) else None

    def _read(self, log: str, frame: Frame) -> ReadRecord:
        try:
            leaf = parse(frame.leaf)
        except LeafError as error:
            return ReadRecord("", frame.index, error)
        day = leaf.seg[:10]
        try:
            return ReadRecord(day, frame.index, self._contents.open(log, frame, leaf))
        except CustodyError as error:
            return ReadRecord(day, frame.index, error)

    def _pass_damage(self, log: str, walk: SegmentWalk, end: int | None) -> bool:
        """Whether the walk went on behind bytes that it could not read."""
        index = walk.index
        vouched = end if end is not None else self._signed(log)
        if index >= vouched and (end is not None or walk.fault in _ENDS):
            return False
        files, evidence, year = self._files, self._evidence, _year(log)
        further = behind_damage(files, evidence, year, walk.place, index, vouched)
        if further is None or (end is not None and further.index > end):
            return False
        if further.index == index and further.place is None:
            return False
        walk.go_on_at(further.place, further.index)
        return True

    def _signed(self, log: str) -> int:
        """What the exposed checkpoint says; whether it is signed is for ``verify`` to say."""
        return signed_size(self._files, log_directory(self._evidence, log))

    def _stand_at(self, log: str, index: int) -> SegmentWalk:
        walk = self._walk
        if walk is not None and self._walk_log == log and walk.index == index:
            return walk
        self.close()
        start: FramePosition | None = None
        if index > 0:
            start = self._finder.before(_year(log), index)
            if start is None and (further := self._finder.after(_year(log), index)):
                index, start = further
            if start is None and index < (signed := self._signed(log)):
                index = signed  # nothing is left of the end
            elif start is None:
                raise CustodyError("evidence.no-record", f"{log} has no record {index - 1}.")
        self._walk = walk = SegmentWalk(self._files, self._evidence, _year(log), start, index)
        self._walk_log = log
        return walk


def _lost(log: str, first: int, end: int) -> RecordBatch:
    lost = LostRecords(log, first, end) if end > first else None
    return RecordBatch((), log, end, more=True, lost=lost)


class PayloadReader:
    """Opens payloads, and keeps the keys that it needed last."""

    def __init__(self, files: Files, evidence: Path, keys: DayKeys | None) -> None:
        self._files = files
        self._evidence = evidence
        self._service = keys
        self._days: OrderedDict[str, DayKey] = OrderedDict()
        self._wrapped: dict[str, WrappedDay] = {}
        self._keys: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def open(self, log: str, frame: Frame, leaf: Leaf) -> StoredRecord:
        """The record. Raises ``SealError``, or as the key service does."""
        key = self._key(leaf.seg[:10], scope_of(leaf.loop, leaf.session))
        where = place(log.encode(), frame.index)
        payload = unseal(derive(key, frame.random, where), where, frame.sealed, leaf.pc)
        return StoredRecord(
            log,
            frame.index,
            leaf.n,
            Milliseconds(leaf.t),
            LoopId(leaf.loop) if leaf.loop else None,
            SessionId(leaf.session) if leaf.session else None,
            decode(payload),
        )

    def _key(self, day: str, scope: str) -> bytes:
        known = self._keys.get((day, scope))
        if known is not None:
            self._keys.move_to_end((day, scope))
            return known
        day_key = self._day(day)
        if scope not in self._wrapped[day].keys:
            self._wrapped[day] = self._read_wrapped(day)  # a running gateway adds lines
        wrapped = self._wrapped[day].keys.get(scope)
        if wrapped is None:
            raise SealError("evidence.no-key", f"The key of {scope} on {day} is gone.")
        key = self._keys[day, scope] = day_key.unwrap(scope, wrapped)
        if len(self._keys) > _KEYS_HELD:
            self._keys.popitem(last=False)
        return key

    def _day(self, day: str) -> DayKey:
        known = self._days.get(day)
        if known is not None:
            self._days.move_to_end(day)
            return known
        if self._service is None:
            raise SealError("evidence.no-keys", "Contents are sealed, and there are no keys.")
        wrapped = self._wrapped[day] = self._read_wrapped(day)
        try:
            secret = self._service.unwrap(day, wrapped.day_key)
        except SealError:
            if wrapped.day_key:
                raise
            raise SealError("evidence.no-key", f"The key of {day} is gone.") from None
        key = self._days[day] = DayKey(day, secret)
        if len(self._days) > _DAYS_HELD:
            oldest, _ = self._days.popitem(last=False)
            self._wrapped.pop(oldest, None)
        return key

    def _read_wrapped(self, day: str) -> WrappedDay:
        return parse_wrapped(
            read_if_there(self._files, wrapped_path(self._evidence, day)) or b"", day
        )


def _year(log: str) -> str:
    return log.rpartition("/")[2]
