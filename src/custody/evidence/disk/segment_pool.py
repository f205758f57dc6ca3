"""Segments made ahead of need: the next one, and the reserve.

Law: a segment is zero-filled and synced, its directory too, before the first record goes in, so a
full disk is met here, not under a record. The reserve segment holds the records that the log writes
when the disk is full.
"""

import threading
from pathlib import Path
from typing import Final

from custody.evidence.disk.files import Files, OpenFile, make_durable_directory
from custody.evidence.disk.segment import (
    SegmentName,
    segment_path,
    segments_directory,
    segments_of,
)

_ZEROS: Final = bytes(1024 * 1024)
_RESERVE: Final = "reserve"
_UNFINISHED: Final = ".unfinished"


class Segment:
    """A segment that is written to. ``offset`` is where the next frame goes."""

    __slots__ = ("file", "name", "offset", "size", "text")

    def __init__(self, name: SegmentName, file: OpenFile, size: int, offset: int = 0) -> None:
        self.name = name
        self.text = name.text
        self.file = file
        self.size = size
        self.offset = offset

    def close(self) -> None:
        self.file.close()


class SegmentPool:
    """Thread-safe; all but ``ready`` and ``take`` of a ready segment may block on the disk."""

    def __init__(self, files: Files, evidence: Path, segment_bytes: int) -> None:
        self._files = files
        self._evidence = evidence
        self._directory = segments_directory(evidence)
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._next: dict[str, Segment] = {}
        self._reserve = False
        self._given: SegmentName | None = None
        """The last segment that was handed out; on disk it may still look unused."""
        self.failing = False
        """The last attempt to prepare a segment failed."""

    def ready(self, day: str) -> bool:
        return day in self._next and self._reserve

    def prepare(self, day: str) -> None:
        """See to it that the day has a next segment and the log its reserve. Raises ``OSError``."""
        with self._lock:
            try:
                if not self._reserve:
                    self._make_reserve()
                if day not in self._next:
                    self._next[day] = self._make_next(day)
            except BaseException:
                self.failing = True
                raise
            self.failing = False

    def take(self, day: str) -> Segment | None:
        """The day's next segment, if it is prepared."""
        segment = self._next.pop(day, None)
        if segment is not None:
            self._given = segment.name
        return segment

    def take_reserve(self, day: str) -> Segment | None:
        """The reserve, in the day's order. Raises ``OSError``."""
        with self._lock:
            if not self._reserve:
                return None
            name = self._new_name(day)
            path = segment_path(self._evidence, name)
            self._files.rename(self._directory / _RESERVE, path)
            self._files.sync_directory(path.parent)
            self._reserve = False
            self._given = name
            return self._open(name)

    def give_up_reserve(self) -> bool:
        """The log ends: make room for its last signature. Whether there was any to make."""
        with self._lock:
            self._reserve = False
            if _RESERVE not in self._files.names(self._directory):
                return False
            self._files.remove(self._directory / _RESERVE)
            return True

    def release(self, day: str) -> None:
        """The day is over: give back a segment that it did not need. Raises ``OSError``."""
        with self._lock:
            unused = self._next.pop(day, None)
            if unused is not None:
                unused.file.close()
                self._files.remove(segment_path(self._evidence, unused.name))

    def close(self) -> None:
        with self._lock:
            for segment in self._next.values():
                segment.file.close()
            self._next.clear()

    def _make_reserve(self) -> None:
        make_durable_directory(self._files, self._directory)
        if _RESERVE not in self._files.names(self._directory):
            self._fill(self._directory / _RESERVE)
        self._reserve = True

    def _make_next(self, day: str) -> Segment:
        name = self._unused_last(day)
        if name is None:
            name = self._new_name(day)
            make_durable_directory(self._files, self._directory / day)
            self._fill(segment_path(self._evidence, name))
        return self._open(name)

    def _unused_last(self, day: str) -> SegmentName | None:
        """A segment that an earlier run prepared and did not need."""
        names = segments_of(self._files, self._evidence, day)
        if not names or names[-1] == self._given:
            return None
        opened = self._files.open(segment_path(self._evidence, names[-1]))
        try:
            unused = opened.size() == self._segment_bytes and end_of_data(opened, 0) == 0
        finally:
            opened.close()
        return names[-1] if unused else None

    def _new_name(self, day: str) -> SegmentName:
        names = segments_of(self._files, self._evidence, day)
        return SegmentName(day, names[-1].number + 1 if names else 0)

    def _open(self, name: SegmentName) -> Segment:
        file = self._files.open(segment_path(self._evidence, name), write=True)
        return Segment(name, file, self._segment_bytes)

    def _fill(self, path: Path) -> None:
        """A synced file of zeros under its name, or none."""
        unfinished = self._directory / _UNFINISHED
        if _UNFINISHED in self._files.names(self._directory):
            self._files.remove(unfinished)
        file = self._files.create(unfinished)
        try:
            for offset in range(0, self._segment_bytes, len(_ZEROS)):
                file.write_at(_ZEROS[: self._segment_bytes - offset], offset)
            file.sync()
        except OSError:
            # Give the space back: what is in flight may need it.
            self._files.remove(unfinished)
            raise
        finally:
            file.close()
        self._files.rename(unfinished, path)
        self._files.sync_directory(path.parent)
        self._files.sync_directory(self._directory)


def end_of_data(opened: OpenFile, start: int) -> int:
    """Behind the last byte from ``start`` on that is not zero; ``start`` if there is none."""
    end = start
    offset = start
    while data := opened.read_at(len(_ZEROS), offset):
        used = len(data.rstrip(b"\x00"))
        if used:
            end = offset + used
        offset += len(data)
    return end
