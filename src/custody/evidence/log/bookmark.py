"""The bookmark: where a reading of the log may begin, so that a start need not read it all.

Law: derived and expendable. Recovery uses a bookmark only if its tree has the signed root;
otherwise recovery reads the whole log. The records before it were checked when it was written;
``verify`` reads everything.
"""

import zlib
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from custody.evidence.disk.files import Files, read_if_there, replace_file
from custody.evidence.disk.segment import FramePosition, SegmentName
from custody.evidence.log.chains import Chain
from custody.evidence.tlog.checkpoint import Checkpoint

_VERSION: Final = b"custody-bookmark/1 "
_FILE: Final = "bookmark"


class OpenSession(msgspec.Struct, frozen=True, array_like=True):
    session: str
    loop: str
    n: int
    last: str
    unanswered: tuple[int, ...]


class Bookmark(msgspec.Struct, frozen=True):
    """A log of ``size`` records, as it stood when its checkpoint of that size was exposed."""

    origin: str
    size: int
    root: str
    """Hexadecimal."""
    day: str
    segment: int
    offset: int
    """Where the next frame goes."""
    sessions: tuple[OpenSession, ...]

    @property
    def place(self) -> FramePosition:
        return FramePosition(SegmentName(self.day, self.segment), self.offset)

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self.size, bytes.fromhex(self.root))

    def chains(self) -> dict[str, Chain]:
        """The open sessions as they stood."""
        chains: dict[str, Chain] = {}
        for each in self.sessions:
            chain = chains[each.session] = Chain(each.n, each.last)
            chain.loop = each.loop
            chain.unanswered.update(each.unanswered)
        return chains


class BookmarkPosition(NamedTuple):
    """Where the writer stands, taken in one moment of the event loop."""

    size: int
    place: FramePosition
    sessions: tuple[OpenSession, ...]


def bookmark_position(
    size: int, place: FramePosition, chains: dict[str, Chain]
) -> BookmarkPosition:
    sessions = [
        OpenSession(session, chain.loop, chain.n, chain.last, tuple(sorted(chain.unanswered)))
        for session, chain in chains.items()
    ]
    return BookmarkPosition(size, place, tuple(sessions))


def write_bookmark(
    files: Files, evidence: Path, checkpoint: Checkpoint, standing: BookmarkPosition
) -> None:
    """For a standing at the checkpoint's size. Raises ``OSError``."""
    segment, offset = standing.place
    bookmark = Bookmark(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root.hex(),
        segment.day,
        segment.number,
        offset,
        standing.sessions,
    )
    data = msgspec.json.encode(bookmark)
    line = _VERSION + b"%08x " % zlib.crc32(data) + data + b"\n"
    replace_file(files, evidence / _FILE, line)


def read_bookmark(files: Files, evidence: Path, origin: str) -> Bookmark | None:
    """The bookmark of this log, if there is one that can be read."""
    line = read_if_there(files, evidence / _FILE)
    if line is None or not line.startswith(_VERSION):
        return None
    check, _, data = line[len(_VERSION) :].rstrip(b"\n").partition(b" ")
    if check != b"%08x" % zlib.crc32(data):
        return None
    try:
        bookmark = msgspec.json.decode(data, type=Bookmark)
    except msgspec.DecodeError:
        return None
    return bookmark if bookmark.origin == origin and bookmark.size > 0 else None
