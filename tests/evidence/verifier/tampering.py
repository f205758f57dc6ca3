"""What an intruder does to a small log's files, without its keys.

Law: each act changes one thing and leaves the rest as the writer left it.
"""

import shutil
from pathlib import Path

from tests.evidence.small_log import SmallLog

from custody.evidence.record import frame
from custody.evidence.record.frame import Frame
from custody.evidence.tlog.tile import Bundle, decode_bundle, encode_bundle


def segment(log: SmallLog, index: int) -> Path:
    return log.evidence / "segments" / f"{log.places[index][0]}.seg"


def published(log: SmallLog, path: str) -> Path:
    return log.evidence / "log" / "2026" / path


def flip(path: Path, at: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= mask
    path.write_bytes(data)


def framed(log: SmallLog, index: int) -> bytes:
    _, start, length = log.places[index]
    return segment(log, index).read_bytes()[start : start + length]


def put_frame(log: SmallLog, index: int, data: bytes) -> None:
    _, start, length = log.places[index]
    path = segment(log, index)
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + data + whole[start + length :])


def cut_frame(log: SmallLog, index: int) -> None:
    """Take a frame out and close the gap."""
    _, _, length = log.places[index]
    path = segment(log, index)
    put_frame(log, index, b"")
    path.write_bytes(path.read_bytes() + bytes(length))


def blank_frame(log: SmallLog, index: int) -> None:
    put_frame(log, index, bytes(log.places[index][2]))


def swap_frames(log: SmallLog, index: int) -> None:
    first, second = framed(log, index), framed(log, index + 1)
    assert segment(log, index) == segment(log, index + 1)
    _, start, _ = log.places[index]
    path = segment(log, index)
    whole = path.read_bytes()
    end = start + len(first) + len(second)
    path.write_bytes(whole[:start] + second + first + whole[end:])


def repack(log: SmallLog, index: int, **changed: object) -> None:
    """Change fields of a frame and correct its checksum."""
    found = frame.read(framed(log, index))
    assert isinstance(found, Frame)
    fields = {
        name: getattr(found, name) for name in ("index", "durable", "random", "leaf", "sealed")
    }
    put_frame(log, index, frame.pack(**{**fields, "version": found.format, **changed}))


def swap_indexes(log: SmallLog, index: int) -> None:
    """Two records change places, their frames' own indexes and checksums corrected."""
    swap_frames(log, index)
    path = segment(log, index)
    whole = path.read_bytes()
    _, at, _ = log.places[index]
    parts = []
    end = at
    for position in (index, index + 1):
        found = frame.read(whole, end)
        assert isinstance(found, Frame)
        parts.append(frame.pack(position, found.durable, found.random, found.leaf, found.sealed))
        end = found.end
    path.write_bytes(whole[:at] + b"".join(parts) + whole[end:])


def change_entries(log: SmallLog, change: "dict[int, int | None]") -> None:
    """Replace published entries by others, or take them out, in the newest bundle."""
    bundle = Bundle(0, log.size)
    path = published(log, bundle.path)
    entries = decode_bundle(path.read_bytes(), bundle)
    changed = [
        entries[change.get(at, at) or 0]
        for at in range(len(entries))
        if at not in change or change[at] is not None
    ]
    path.write_bytes(encode_bundle(changed))


def remove_session(log: SmallLog, session: str) -> None:
    """All of a session's frames."""
    for index in reversed(range(log.size)):
        if session.encode() in log.leaves[index]:
            cut_frame(log, index)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
