"""Finding a record's place by its index.

Law: a position from here is a hint: the caller reads and checks the frame at that position. The
first search of a segment reads all of its headers once; a bounded number of segments is cached.
"""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from typing import Final

from custody.evidence.disk.files import Files
from custody.evidence.disk.segment import (
    FramePosition,
    SegmentName,
    first_frame,
    segment_path,
    segments_of_year,
)
from custody.evidence.record.frame import HEADER_SIZE, Frame, find, measure

_SEGMENTS_HELD: Final = 16
_LOST: Final = (1 << 64) - 1
_LOST_AT_MOST: Final = 1 << 24
"""Records that one damaged stretch of a segment may have held."""
_READ_BYTES: Final = 256 * 1024


class _Starts:
    """Where the frames of a segment begin; the first has index ``first``. ``_LOST``: damaged."""

    __slots__ = ("end", "first", "offsets")

    def __init__(self, first: int, start: int) -> None:
        self.first = first
        self.offsets = array("Q")
        self.end = start


class RecordFinder:
    """Places of one evidence directory's records."""

    def __init__(self, files: Files, evidence: Path) -> None:
        self._files = files
        self._evidence = evidence
        self._held: OrderedDict[SegmentName, _Starts] = OrderedDict()
        self._firsts: dict[SegmentName, tuple[int, int]] = {}
        """Index and offset of a segment's first readable frame."""

    def find(self, year: str, index: int) -> FramePosition | None:
        """Where the frame of this index begins; ``None`` where there is none."""
        starts = self._starts(year, index)
        if starts is None:
            return None
        segment, known = starts
        at = index - known.first
        if at >= len(known.offsets) or known.offsets[at] == _LOST:
            return None
        return FramePosition(segment, known.offsets[at])

    def before(self, year: str, index: int) -> FramePosition | None:
        """Where the frame of this index begins or, at the end of the log, will be looked for."""
        starts = self._starts(year, index - 1)
        if starts is None:
            return None
        segment, known = starts
        at = index - known.first
        if at == len(known.offsets):
            return FramePosition(segment, known.end)
        return self.find(year, index)

    def after(self, year: str, index: int) -> tuple[int, FramePosition] | None:
        """The first record from this index on whose frame is readable, behind damage."""
        for first, segment in self.segments(year):
            starts = self._starts(year, max(first, index)) if first >= index else None
            if starts is None:
                starts = self._starts(year, index)
            if starts is None:
                continue
            found, known = starts
            if found != segment:
                continue
            for at in range(max(0, index - known.first), len(known.offsets)):
                if known.offsets[at] != _LOST:
                    return known.first + at, FramePosition(segment, known.offsets[at])
        return None

    def has_records(self, year: str) -> bool:
        """Whether this year's log has any record."""
        return bool(self.segments(year))

    def segments(self, year: str) -> list[tuple[int, SegmentName]]:
        """The segments that hold the log, with their first index. A torn segment, whose records
        were written again in a later one, is not among them.
        """
        found: list[tuple[int, SegmentName]] = []
        for segment in reversed(segments_of_year(self._files, self._evidence, year)):
            first = self._first(segment)
            if first is not None and (not found or first < found[-1][0]):
                found.append((first, segment))
        return found[::-1]

    def _starts(self, year: str, index: int) -> tuple[SegmentName, _Starts] | None:
        segments = self.segments(year)
        at = bisect_right([first for first, _ in segments], index) - 1
        if at < 0:
            return None
        first, segment = segments[at]
        known = self._held.pop(segment, None) or _Starts(first, self._firsts[segment][1])
        self._held[segment] = known
        if len(self._held) > _SEGMENTS_HELD:
            self._held.popitem(last=False)
        if index - first >= len(known.offsets):
            self._learn(segment, known)
            goes_on = at + 1 < len(segments)
            while index - first >= len(known.offsets) and self._resume(
                segment, known, until=segments[at + 1][0] if goes_on else None
            ):
                self._learn(segment, known)
        return segment, known

    def _learn(self, segment: SegmentName, known: _Starts) -> None:
        """Step over the headers from where it is known on."""
        opened = self._files.open(segment_path(self._evidence, segment))
        try:
            while buffer := opened.read_at(_READ_BYTES, known.end):
                at = 0
                while measured := measure(buffer, at):
                    index, length = measured
                    if index != known.first + len(known.offsets):
                        return
                    known.offsets.append(known.end + at)
                    at += length
                known.end += at
                if at == 0 or at <= len(buffer) - HEADER_SIZE:
                    return  # not for want of bytes: the frames end here
        finally:
            opened.close()

    def _resume(self, segment: SegmentName, known: _Starts, until: int | None) -> bool:
        """Pass over damage to the next readable frame of the segment, if there is any. ``until``:
        the record that the log goes on with in the next one.
        """
        expected = known.first + len(known.offsets)
        if until == expected:
            return False
        # The last header's length may be what is damaged: the next frame begins behind its start.
        last = known.offsets[-1] if known.offsets else _LOST
        begin = (known.end if last == _LOST else last) + 1
        opened = self._files.open(segment_path(self._evidence, segment))
        try:
            data = opened.read_at(opened.size() - begin, begin)
        finally:
            opened.close()
        at = 0
        while found := find(data, at):
            position, frame = found
            if expected <= frame.index < expected + _LOST_AT_MOST:
                known.offsets.extend([_LOST] * (frame.index - expected))
                known.end = begin + position
                return True
            at = frame.end
        return False

    def _first(self, segment: SegmentName) -> int | None:
        known = self._firsts.get(segment)
        if known is None:
            opened = self._files.open(segment_path(self._evidence, segment))
            try:
                frame = first_frame(opened)
                start = 0
                if not isinstance(frame, Frame) and opened.read_at(_READ_BYTES, 0).strip(b"\0"):
                    # Its first frame is damaged, or torn; those behind it may be whole.
                    found = find(opened.read_at(opened.size(), 0), 1)
                    start, frame = found or (0, frame)
            finally:
                opened.close()
            if not isinstance(frame, Frame):
                return None
            known = self._firsts[segment] = (frame.index, start)
        return known[0]
