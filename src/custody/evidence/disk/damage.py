"""What stands behind bytes that cannot be read.

Law: damage hides nothing but itself. A reader goes on with the next frame that it can read and says
which records lie between; it takes for damage only what somebody vouches for (a signature, a
writer, a frame's own ``durable``), since bytes above that are a torn tail, which is no record's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from custody.evidence.disk.files import Files
from custody.evidence.disk.segment import FramePosition, segment_path, segments_of_year
from custody.evidence.record.frame import Frame, find


class LostRecords(NamedTuple):
    """Records ``first`` to ``end - 1`` of a log cannot be read."""

    log: str
    first: int
    end: int


class ReadableFrame(NamedTuple):
    index: int  # type: ignore[assignment]  # the log's word; nobody calls tuple.index here
    place: FramePosition | None
    """``None``: at the end of what is vouched for, behind which nothing can be read."""


def behind_damage(  # noqa: PLR0917 - where a reading stands
    files: Files,
    evidence: Path,
    year: str,
    place: FramePosition | None,
    index: int,
    vouched: int,
) -> ReadableFrame | None:
    """Where a reading that expects record ``index`` at ``place`` may go on; ``None`` where the log
    ends there. ``vouched``: how many records somebody says that there are.
    """
    first: ReadableFrame | None = None
    for position, frame in _frames(files, evidence, year, place):
        if frame.index < index:
            continue
        first = first or ReadableFrame(frame.index, position)
        if max(vouched, frame.durable) > index:
            return first
    return ReadableFrame(vouched, None) if vouched > index else None


def _frames(
    files: Files, evidence: Path, year: str, place: FramePosition | None
) -> Iterator[tuple[FramePosition, Frame]]:
    """Every readable frame behind a place."""
    for segment in segments_of_year(files, evidence, year):
        if place is not None and segment < place.segment:
            continue
        here = place is not None and segment == place.segment
        start = place.offset + 1 if place is not None and here else 0
        opened = files.open(segment_path(evidence, segment))
        try:
            data = opened.read_at(opened.size() - start, start)
        finally:
            opened.close()
        at = 0
        while found := find(data, at):
            yield FramePosition(segment, start + found[0]), found[1]
            at = found[1].end
