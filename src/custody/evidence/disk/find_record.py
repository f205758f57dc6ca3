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
from custody.evidence.record.frame import HEADER_SIZE, Frame, measure

_SEGMENTS_HELD: Final = 16
_READ_BYTES: Final = 256 * 1024


class _Starts:
    """Where the frames of a segment begin; the first has index ``first``."""

    __slots__ = ("end", "first", "offsets")

    def __init__(self, first: int) -> None:
        self.first = first
        self.offsets = array("Q")
        self.end = 0


class RecordFinder:
    """Places of one evidence directory's records."""

    def __init__(self, files: Files, evidence: Path) -> None:
        self._files = files
        self._evidence = evidence
        self._held: OrderedDict[SegmentName, _Starts] = OrderedDict()
        self._firsts: dict[SegmentName, int] = {}

    def find(self, year: str, index: int) -> FramePosition | None:
        """Where the frame of this index begins; ``None`` where there is none."""
        starts = self._starts(year, index)
        if starts is None:
            return None
        segment, known = starts
        at = index - known.first
        return FramePosition(segment, known.offsets[at]) if at < len(known.offsets) else None

    def before(self, year: str, index: int) -> FramePosition | None:
        """Where the frame of this index begins or, at the end of the log, will be looked for."""
        starts = self._starts(year, index - 1)
        if starts is None:
            return None
        segment, known = starts
        at = index - known.first
        if at > len(known.offsets):
            return None
        return FramePosition(segment, known.offsets[at] if at < len(known.offsets) else known.end)

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
        known = self._held.pop(segment, None) or _Starts(first)
        self._held[segment] = known
        if len(self._held) > _SEGMENTS_HELD:
            self._held.popitem(last=False)
        if index - first >= len(known.offsets):
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

    def _first(self, segment: SegmentName) -> int | None:
        known = self._firsts.get(segment)
        if known is None:
            opened = self._files.open(segment_path(self._evidence, segment))
            try:
                frame = first_frame(opened)
            finally:
                opened.close()
            if not isinstance(frame, Frame):
                return None
            known = self._firsts[segment] = frame.index
        return known
