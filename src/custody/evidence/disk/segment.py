"""Segments: where frames stand on disk, and how they are walked in order.

Law: the order of records is the order of days, of numbers within a day, of bytes within a segment.
A place where no next frame can be read ends a segment's part of the log: the log goes on in a later
segment whose first frame has the next index, or it ends there. So a torn tail stays where it fell,
and what was written after it stands in a segment of its own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from custody.evidence.disk.files import Files, OpenFile
from custody.evidence.record.frame import FRAME_MAX, HEADER_SIZE, Frame, FrameFault, read

SEGMENT_BYTES: Final = 16 * 1024 * 1024
_READ_BYTES: Final = 256 * 1024
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SEGMENT: Final = re.compile(r"([0-9]{3,6})\.seg", re.ASCII)


class SegmentName(NamedTuple):
    day: str
    number: int

    @property
    def text(self) -> str:
        """As a leaf's ``seg`` names it."""
        return f"{self.day}/{self.number:03d}"


class FramePosition(NamedTuple):
    """Where a frame begins."""

    segment: SegmentName
    offset: int


class LocatedFrame(NamedTuple):
    place: FramePosition
    frame: Frame


def segments_directory(evidence: Path) -> Path:
    return evidence / "segments"


def segment_path(evidence: Path, name: SegmentName) -> Path:
    return segments_directory(evidence) / name.day / f"{name.number:03d}.seg"


def days(files: Files, evidence: Path) -> list[str]:
    """The days that have a folder, oldest first."""
    return [name for name in files.names(segments_directory(evidence)) if _DAY.fullmatch(name)]


def segments_of(files: Files, evidence: Path, day: str) -> list[SegmentName]:
    """A day's segments in order."""
    found = map(_SEGMENT.fullmatch, files.names(segments_directory(evidence) / day))
    return sorted(SegmentName(day, int(match[1])) for match in found if match)


def segments_of_year(
    files: Files, evidence: Path, year: str, after: SegmentName | None = None
) -> list[SegmentName]:
    """A year's segments in order, or only those behind one of them."""
    first_day = after.day if after else year
    return [
        segment
        for day in days(files, evidence)
        if day.startswith(f"{year}-") and day >= first_day
        for segment in segments_of(files, evidence, day)
        if after is None or segment > after
    ]


class SegmentWalk:
    """The frames of one year's log, in order, from a place on.

    ``take`` may be called again when more has been written: it goes on where it stopped. Between
    calls ``place`` says where the next frame is expected, ``index`` which one, and ``fault`` why
    none was read there. Holds one open file; ``close`` it.
    """

    def __init__(
        self,
        files: Files,
        evidence: Path,
        year: str,
        start: FramePosition | None = None,
        index: int = 0,
    ) -> None:
        self._files = files
        self._evidence = evidence
        self._year = year
        self._file: OpenFile | None = None
        self.place = start
        self.index = index
        self.fault: FrameFault | None = None

    def take(self, end: int | None = None, limit: int = 4096) -> list[LocatedFrame]:
        """Up to ``limit`` frames, none with an index of ``end`` or above; none: there are no more
        for now.
        """
        found: list[LocatedFrame] = []
        while len(found) < limit and (end is None or self.index < end):
            if self.place is None and not self._enter_first():
                break
            before = len(found)
            self._read_here(found, limit, end)
            if len(found) == before and (self.fault is None or not self._go_on()):
                break
        return found

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def go_on_at(self, place: FramePosition | None, index: int) -> None:
        """Read on with this record, from there; from nowhere, where there is no place."""
        self.close()
        self.place, self.index, self.fault = place or self.place, index, None

    def _read_here(self, found: list[LocatedFrame], limit: int, end: int | None) -> None:
        """Frames out of one stretch of the present segment."""
        segment, start = self._here()
        if self._file is None:
            self._file = self._files.open(segment_path(self._evidence, segment))
        size = _READ_BYTES
        buffer = self._file.read_at(size, start)
        at = 0
        self.fault = None
        while len(found) < limit and (end is None or self.index < end):
            match read(buffer, at):
                case Frame(index=index) as frame if index == self.index:
                    found.append(LocatedFrame(FramePosition(segment, start + at), frame))
                    at = frame.end
                    self.index += 1
                case FrameFault.SHORT | FrameFault.UNUSED as fault if len(buffer) == size:
                    # The stretch ends inside this frame, or in front of it.
                    if at == 0 and (size > _READ_BYTES or fault is FrameFault.UNUSED):
                        self.fault = fault
                    elif at == 0:
                        size = FRAME_MAX
                        buffer = self._file.read_at(size, start)
                        continue
                    break
                case Frame():
                    self.fault = FrameFault.MAGIC
                    break
                case fault:
                    self.fault = fault
                    break
        self.place = FramePosition(segment, start + at)

    def _here(self) -> FramePosition:
        if self.place is None:
            raise AssertionError("a walk reads only where it stands")
        return self.place

    def _enter_first(self) -> bool:
        segments = segments_of_year(self._files, self._evidence, self._year)
        return self._enter(segments)

    def _go_on(self) -> bool:
        here, _ = self._here()
        return self._enter(segments_of_year(self._files, self._evidence, self._year, here))

    def _enter(self, segments: list[SegmentName]) -> bool:
        """Move to the first of these segments that begins with the expected frame."""
        for segment in segments:
            opened = self._files.open(segment_path(self._evidence, segment))
            first = first_frame(opened)
            if isinstance(first, Frame) and first.index == self.index:
                self.close()
                self._file = opened
                self.place = FramePosition(segment, 0)
                return True
            opened.close()
        return False


def first_frame(opened: OpenFile) -> Frame | FrameFault:
    head = opened.read_at(HEADER_SIZE, 0)
    if not any(head):
        return FrameFault.UNUSED
    first = read(opened.read_at(_READ_BYTES, 0))
    return read(opened.read_at(FRAME_MAX, 0)) if first is FrameFault.SHORT else first


def read_frame(files: Files, evidence: Path, place: FramePosition) -> Frame | FrameFault:
    """One frame, by its place."""
    opened = files.open(segment_path(evidence, place.segment))
    try:
        frame = read(opened.read_at(8192, place.offset))
        if frame is FrameFault.SHORT:
            frame = read(opened.read_at(FRAME_MAX, place.offset))
        return frame
    finally:
        opened.close()


def walk_year(files: Files, evidence: Path, year: str) -> Iterator[LocatedFrame]:
    """Every frame of a year's log that can be read in order."""
    walk = SegmentWalk(files, evidence, year)
    try:
        while batch := walk.take():
            yield from batch
    finally:
        walk.close()
