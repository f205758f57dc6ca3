"""The frames of one year, as they stand in the segments, damage and all.

Law: every readable frame is yielded once, in the order of days, numbers and bytes; unreadable bytes
are yielded as such, never skipped in silence. One segment is in memory at a time. A log that is
being written is read as far as it goes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from custody.evidence.record.frame import FRAME_MAX, Frame, FrameFault, find, read
from custody.evidence.verifier.file_access import names, read_written
from custody.evidence.verifier.survey import MAX_SEGMENT_BYTES

_PEEK_BYTES: Final = 64 * 1024
_LIVE: Final = 4
"""A running gateway writes to no segment before the last few."""
_NO_RECORD: Final = -1
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FILE: Final = re.compile(r"([0-9]{3,6})\.seg", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A readable frame. ``segment`` is ``<day>/<nnn>``."""

    frame: Frame
    segment: str


@dataclass(frozen=True, slots=True)
class UnreadableBytes:
    """Bytes between frames that are no frame; ``expected`` is the record that was due there."""

    expected: int
    segment: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class MisplacedFrame:
    """A frame whose record was read before, or is due elsewhere."""

    frame: Frame
    expected: int
    segment: str


@dataclass(frozen=True, slots=True)
class UnreadTail:
    """Written bytes behind the last frame of a part of the log: a torn tail, or what is being
    written now. The log goes on elsewhere with ``expected``, or ends.
    """

    expected: int
    size: int
    hash: str
    segment: str


WalkStep = PlacedFrame | UnreadableBytes | MisplacedFrame | UnreadTail


def segment_names(evidence: Path, year: str) -> list[str]:
    """A year's segments in order, as leaves name them."""
    found: list[tuple[str, int, str]] = []
    folder = evidence / "segments"
    for day in names(folder):
        if _DAY.fullmatch(day) and day.startswith(f"{year}-"):
            files = map(_FILE.fullmatch, names(folder / day))
            found += [(day, int(match[1]), match[1]) for match in files if match]
    return [f"{day}/{number}" for day, _, number in sorted(found)]


class YearWalk:
    """One pass over a year's segments."""

    def __init__(self, evidence: Path, year: str) -> None:
        self._folder = evidence / "segments"
        self.names = segment_names(evidence, year)
        self._position = 0
        self._expected = 0
        self._firsts: dict[str, int] = {}
        self._settled = frozenset(self.names[:-_LIVE])

    def __iter__(self) -> Iterator[WalkStep]:
        while self.segment:
            yield from self.rest()

    @property
    def segment(self) -> str:
        """Where the walk is; empty at the end."""
        return self.names[self._position] if self._position < len(self.names) else ""

    def passed(self, count: int, *, unused: bool) -> bool:
        """So many records of the segment were read elsewhere, each in its place. Whether that was
        all of it: nothing stands behind them (``unused``), and the log goes on in the next one.
        """
        self._expected += count
        following = self._position + 1
        if not unused or following >= len(self.names):
            return False
        if self._first(self.names[following]) != self._expected:
            return False
        self._position = following
        return True

    def rest(self, at: int = 0) -> Iterator[WalkStep]:
        """The segment from this byte on; leaves the walk where the log goes on."""
        position = self._position
        name = self.names[position]
        data = self._bytes(name)
        while True:
            match read(data, at):
                case Frame(index=index) as frame if index == self._expected:
                    yield PlacedFrame(frame, name)
                    self._expected += 1
                    at = frame.end
                    continue
                case found:
                    pass
            further = self._goes_on(position)
            if further is None and len(again := self._bytes(name)) and again[at:] != data[at:]:
                # More was written since; a gap is a gap only if it stays one.
                data = again
                continue
            if further is not None or found is FrameFault.UNUSED:
                break
            resumed = (at, found) if isinstance(found, Frame) else find(data, at + 1)
            if resumed is None:
                break
            if resumed[0] > at:
                yield UnreadableBytes(self._expected, name, at, resumed[0] - at)
            at = resumed[1].end
            if resumed[1].index < self._expected:
                yield MisplacedFrame(resumed[1], self._expected, name)
            else:
                yield PlacedFrame(resumed[1], name)
                self._expected = resumed[1].index + 1
        yield from self._tail(position, at, data, further)
        self._position = position + 1 if further is None else further

    def _tail(self, position: int, at: int, data: bytes, further: int | None) -> Iterator[WalkStep]:
        """What stands between here and where the log goes on; all that is left, if nowhere."""
        parts = [data[at:].rstrip(b"\x00")]
        skipped = self.names[position + 1 : further] if further is not None else []
        parts += [self._bytes(name).rstrip(b"\x00") for name in skipped]
        size = sum(map(len, parts))
        if size:
            digest = sha256()
            for part in parts:
                digest.update(part)
            yield UnreadTail(self._expected, size, digest.hexdigest(), self.names[position])

    def _goes_on(self, position: int) -> int | None:
        """The first later segment that begins with the expected record."""
        for further in range(position + 1, len(self.names)):
            if self._first(self.names[further]) == self._expected:
                return further
        return None

    def _first(self, name: str) -> int | None:
        known = self._firsts.get(name)
        if known is None:
            first = read(self._bytes(name, _PEEK_BYTES), 0)
            if first is FrameFault.SHORT:
                first = read(self._bytes(name, FRAME_MAX), 0)
            if isinstance(first, Frame):
                known = self._firsts[name] = first.index
            elif name in self._settled:
                known = self._firsts[name] = _NO_RECORD
            else:
                return None
        return known

    def _bytes(self, name: str, limit: int = MAX_SEGMENT_BYTES) -> bytes:
        return read_written(self._folder / f"{name}.seg", limit) or b""
