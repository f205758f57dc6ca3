"""A copy of an evidence directory that ends at its checkpoints, taken while a gateway writes.

Law: the checkpoint is read first, and nothing behind it is copied: no record, no tile. So the copy
holds what was signed, whatever is written meanwhile. What only helps its owner (lock, bookmark,
reserve), and whatever else is not named here, stays behind; so do the escrow lines of recipients
who do not outlive retention, of which the copy says that they were left out.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from custody.evidence.disk.escrow_file import escrow_path, lasting_lines_only
from custody.evidence.disk.files import Files, OpenFile, read_if_there, read_whole
from custody.evidence.disk.segment import (
    FramePosition,
    SegmentName,
    SegmentWalk,
    days,
    first_frame,
    segment_path,
    segments_of_year,
)
from custody.evidence.record.frame import Frame
from custody.evidence.tlog.checkpoint import Checkpoint, CheckpointError, parse_body
from custody.evidence.tlog.tile import CHECKPOINT_PATH, Bundle, tiles_of
from custody.model.errors import LogFailureError

_CHUNK: Final = 1024 * 1024
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
_DESCRIPTIONS: Final = ("FORMAT.md", "log.vkey")


def read_checkpoints(files: Files, evidence: Path) -> dict[str, Checkpoint]:
    """What each year's checkpoint says, unproved. Raises ``log.copy-checkpoint``."""
    return {year: _parse(year, note) for year, note in _notes(files, evidence).items()}


def copy_log(files: Files, evidence: Path, target: Path) -> Mapping[str, Checkpoint]:
    """Copy into the new directory ``target``; the checkpoints, by year, that the copy ends at.

    Raises ``LogFailureError`` where a checkpoint or a record below it cannot be read, and
    ``OSError``.
    """
    notes = _notes(files, evidence)
    checkpoints = {year: _parse(year, note) for year, note in notes.items()}
    for year, checkpoint in checkpoints.items():
        _copy_records(files, evidence, target, year, checkpoint.size)
        _copy_tree(files, evidence, target, year, checkpoint.size)
        _write(files, target / "log" / year / CHECKPOINT_PATH, notes[year])
    for day in days(files, evidence):
        wrapped = read_if_there(files, evidence / "wrapped" / day)
        if wrapped is not None and day[:4] in checkpoints:
            _write(files, target / "wrapped" / day, wrapped)
        escrow = read_if_there(files, escrow_path(evidence, day))
        if escrow is not None and day[:4] in checkpoints:
            _write(files, escrow_path(target, day), lasting_lines_only(escrow, day))
    for name in _DESCRIPTIONS:
        described = read_if_there(files, evidence / name)
        if described is not None:
            _write(files, target / name, described)
    return checkpoints


def _notes(files: Files, evidence: Path) -> dict[str, bytes]:
    logs = evidence / "log"
    found = {
        year: read_if_there(files, logs / year / CHECKPOINT_PATH)
        for year in files.names(logs)
        if _YEAR.fullmatch(year)
    }
    return {year: note for year, note in found.items() if note is not None}


def _parse(year: str, note: bytes) -> Checkpoint:
    try:
        return parse_body(note.partition(b"\n\n")[0].decode() + "\n")
    except (CheckpointError, UnicodeDecodeError):
        raise LogFailureError(
            "log.copy-checkpoint",
            f"The checkpoint of {year} cannot be read.",
            "`custody verify` says what is wrong with the evidence.",
        ) from None


def _copy_records(files: Files, evidence: Path, target: Path, year: str, size: int) -> None:
    end = _end_of(files, evidence, year, size)
    if end is None:
        return
    for segment in segments_of_year(files, evidence, year):
        if segment <= end.segment:
            cut = end.offset if segment == end.segment else None
            _copy_segment(files, evidence, target, segment, cut)


def _end_of(files: Files, evidence: Path, year: str, size: int) -> FramePosition | None:
    """Behind record ``size - 1``: in the last segment that begins at or before it."""
    if size == 0:
        return None
    walk = SegmentWalk(files, evidence, year)
    for segment in reversed(segments_of_year(files, evidence, year)):
        opened = files.open(segment_path(evidence, segment))
        try:
            first = first_frame(opened)
        finally:
            opened.close()
        if isinstance(first, Frame) and first.index < size:
            walk.go_on_at(FramePosition(segment, 0), first.index)
            break
    try:
        while walk.take(end=size):
            pass
    finally:
        walk.close()
    if walk.index < size or walk.place is None:
        raise LogFailureError(
            "log.copy-damaged",
            f"Record {walk.index} of {year} was signed and cannot be read.",
            "`custody verify` says what is wrong with the evidence.",
        )
    return walk.place


def _copy_segment(
    files: Files, evidence: Path, target: Path, segment: SegmentName, cut: int | None
) -> None:
    """Up to ``cut``, or all of it; what is zero is left out of the file, not of its length."""
    source = files.open(segment_path(evidence, segment))
    try:
        copy = _create(files, segment_path(target, segment))
        try:
            length = source.size() if cut is None else cut
            _copy_bytes(source, copy, length)
            copy.sync()
        finally:
            copy.close()
    finally:
        source.close()


def _copy_bytes(source: OpenFile, copy: OpenFile, length: int) -> None:
    for offset in range(0, length, _CHUNK):
        chunk = source.read_at(min(_CHUNK, length - offset), offset)
        if any(chunk):
            copy.write_at(chunk, offset)
    if length and copy.size() < length:
        copy.write_at(b"\0", length - 1)


def _copy_tree(files: Files, evidence: Path, target: Path, year: str, size: int) -> None:
    log = Path("log") / year
    for tile in tiles_of(size):
        paths = [tile.path]
        if tile.level == 0:
            paths.append(Bundle(tile.index, tile.width).path)
        for path in paths:
            _write(files, target / log / path, read_whole(files, evidence / log / path))


def _create(files: Files, path: Path) -> OpenFile:
    files.make_directory(path.parent)
    return files.create(path)


def _write(files: Files, path: Path, data: bytes) -> None:
    opened = _create(files, path)
    try:
        opened.write_at(data, 0)
        opened.sync()
    finally:
        opened.close()
