"""Clean runs: consecutive records without a fault, summarised in one value.

Law: a ``CleanRun`` holds records that each pass every check that needs one record alone.
``records.py`` checks what needs the records before it: order, session links, heartbeats. The first
faulty or unusual record ends the runs of a segment; this module reports no fault, and
``records.py`` reads the rest of the segment record by record.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from custody.evidence.record.frame import HEADER_SIZE, LEAF_MAX, MAGIC, SEALED_MAX
from custody.evidence.record.leaf import Leaf, LeafError
from custody.evidence.record.leaf_parse_fast import LeafReader
from custody.evidence.tlog.merkle import HASH_BYTES
from custody.evidence.tlog.tile import TILE_WIDTH, Tile
from custody.evidence.verifier.contents import ContentsCheck
from custody.evidence.verifier.escrow_check import EscrowCheck
from custody.evidence.verifier.file_access import read_written
from custody.evidence.verifier.key_lines import RunKeys, binds
from custody.evidence.verifier.published_tree import PublishedTree
from custody.evidence.verifier.report import Findings, PayloadState
from custody.evidence.verifier.sessions import ENDS, LANDMARKS, STARTS, Visit
from custody.evidence.verifier.subtree_stack import Subtree, subtrees
from custody.evidence.verifier.survey import MAX_SEGMENT_BYTES
from custody.model.errors import CustodyError

_HEADER: Final = struct.Struct("<4sIIIQQ32sI")
_CHECKED: Final = HEADER_SIZE - 4
"""What the CRC covers of a header: all but the CRC itself."""


@dataclass(frozen=True, slots=True)
class CleanRun:
    """Records ``start`` to ``start + count - 1`` of one segment, whose frames end at ``end``."""

    start: int
    count: int
    end: int
    durable: tuple[int, int]
    """What the first and the last frame call durable; it never falls between them."""
    first: Leaf
    subtrees: tuple[Subtree, ...]
    visits: Mapping[str, Visit]
    """By session. A landmark, which is a run of its own, has none."""
    keys: RunKeys
    landmark: bool = False


@dataclass(frozen=True, slots=True)
class SegmentScan:
    """A segment's clean runs, consecutive from its first byte on."""

    segment: str
    runs: tuple[CleanRun, ...]
    unused: bool
    """Nothing but preallocated zeros stands behind them."""


_Seen = tuple[int, int, Leaf, bytes, int]
"""A record that is as it must be: index, durable, leaf, leaf hash, and where its frame ends. A
plain tuple: one is made for each record.
"""


@dataclass(slots=True)
class SegmentExaminer:
    """Examines segments of one year's log, each alone.

    ``extent`` is how many entries are published, ``cuts`` the sizes whose roots will be asked.
    ``secrets`` are the open day keys by day; ``None`` where contents stay sealed.
    """

    evidence: Path
    origin: str
    extent: int
    cuts: tuple[int, ...]
    secrets: Mapping[str, bytes | None] | None = field(repr=False)
    _reader: LeafReader = field(default_factory=LeafReader)
    _published: PublishedTree = field(init=False)
    _contents: ContentsCheck = field(init=False)
    _tile: int = -1
    _hashes: bytes = b""

    def __post_init__(self) -> None:
        year = self.origin.rpartition("/")[2]
        self._published = PublishedTree(self.evidence / "log" / year)
        self._contents = self._new_contents()

    def examine(self, segment: str) -> SegmentScan:
        """Raises ``CustodyError`` where the segment may not be read."""
        path = self.evidence / "segments" / f"{segment}.seg"
        data = read_written(path, MAX_SEGMENT_BYTES) or b""
        runs = tuple(self._runs(self._records(data, segment)))
        end = runs[-1].end if runs else 0
        return SegmentScan(segment, runs, unused=not data[end:].strip(b"\x00"))

    def _runs(self, records: Iterator[_Seen]) -> Iterator[CleanRun]:
        building = _Building(self.cuts)
        for seen in records:
            leaf = seen[2]
            if leaf.type in LANDMARKS:
                yield from building.take()
                building.add(seen)
                yield from building.take(landmark=True)
                continue
            if building.format not in {0, leaf.version}:
                yield from building.take()
            if leaf.session and not building.visit(leaf, seen[3]):
                yield from building.take()
                building.visit(leaf, seen[3])
            building.add(seen)
        yield from building.take()

    def _records(self, data: bytes, segment: str) -> Iterator[_Seen]:
        """From the segment's beginning, up to the first record that is not as it must be."""
        unpack, crc32, read = _HEADER.unpack_from, zlib.crc32, self._reader.read
        at, size, expected, least = 0, len(data), -1, 0
        while at + HEADER_SIZE <= size:
            magic, version, leaf_size, sealed_size, index, durable, random, check = unpack(data, at)
            leaf_at = at + HEADER_SIZE
            sealed_at = leaf_at + leaf_size
            end = sealed_at + sealed_size
            if magic != MAGIC or end > size:
                break
            if leaf_size > LEAF_MAX or sealed_size > SEALED_MAX:
                break
            if crc32(data[leaf_at:end], crc32(data[at : at + _CHECKED])) != check:
                break
            if index != expected >= 0 or not least <= durable <= index:
                break
            entry = data[leaf_at:sealed_at]
            hashed = sha256(b"\x00" + entry).digest()
            try:
                leaf = read(entry)
            except LeafError:
                break
            if leaf.seg != segment or not self._is_published(index, hashed):
                break
            if not binds(leaf, version, durable):
                break
            if not self._is_whole(index, leaf, random, data[sealed_at:end]):
                break
            yield index, durable, leaf, hashed, end
            at, expected, least = end, index + 1, durable

    def _is_whole(self, index: int, leaf: Leaf, random: bytes, sealed: bytes) -> bool:
        """Whether nothing at all is to be said of the content, nor of its day's key file."""
        state = self._contents.see(index, leaf, random, sealed)
        if not self._contents.findings.faults:
            return state is PayloadState.OK
        self._contents = self._new_contents()
        return False

    def _new_contents(self) -> ContentsCheck:
        opens = self._secret if self.secrets is not None else None
        escrow = EscrowCheck(self.evidence)
        return ContentsCheck(self.evidence, self.origin, Findings(), opens, escrow, alone=True)

    def _is_published(self, index: int, hashed: bytes) -> bool:
        """Whether each tile that has this record, if it is published, has this hash for it."""
        if index >= self.extent:
            return True
        tile, place = divmod(index, TILE_WIDTH)
        if tile != self._tile:
            widths = self._published.widths(Tile(0, tile))
            found = [self._published.read(Tile(0, tile, width)) or b"" for width in widths]
            longest = found[-1] if found else b""
            agree = all(longest.startswith(each) for each in found)
            self._tile, self._hashes = tile, longest if agree else b""
        return self._hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES] == hashed

    def _secret(self, day: str, _wrapped: bytes) -> bytes | None:
        if self.secrets is None or day not in self.secrets:
            raise CustodyError("evidence.wrapped-key", f"The key of {day} did not open.")
        return self.secrets[day]


class _Building:
    """The clean run that is growing."""

    __slots__ = ("_cuts", "_first", "_firsts", "_hashes", "_keys", "_last", "_lasts")

    def __init__(self, cuts: tuple[int, ...]) -> None:
        self._cuts = cuts
        self._begin()

    def _begin(self) -> None:
        self._first: _Seen | None = None
        self._last: _Seen | None = None
        self._hashes: list[bytes] = []
        self._keys = RunKeys({}, set())
        self._firsts: dict[str, tuple[int, str, bool]] = {}
        self._lasts: dict[str, tuple[int, str, bool]] = {}
        """By session, the two halves of a ``Visit``."""

    @property
    def format(self) -> int:
        """Of the records so far; 0 before the first."""
        return self._keys.format

    def add(self, seen: _Seen) -> None:
        if self._first is None:
            self._first = seen
        self._last = seen
        self._hashes.append(seen[3])
        self._keys.add(seen[0], seen[2])

    def visit(self, leaf: Leaf, hashed: bytes) -> bool:
        """Whether the record follows from its session's last one here, if that had any."""
        session, n, starts = leaf.session, leaf.n, leaf.type in STARTS
        known = self._lasts.get(session)
        if known is None:
            self._firsts[session] = (n, leaf.prev, starts)
        else:
            last_n, last, ended = known
            if n != last_n + 1 or leaf.prev != last or ended or starts:
                return False
        self._lasts[session] = (n, hashed.hex(), leaf.type in ENDS)
        return True

    def take(self, *, landmark: bool = False) -> Iterator[CleanRun]:
        """What was built, if anything; and begin anew."""
        first, last, hashes, keys = self._first, self._last, self._hashes, self._keys
        if first is None or last is None:
            return
        visits = {
            session: Visit(*begun, *self._lasts[session]) for session, begun in self._firsts.items()
        }
        self._begin()
        yield CleanRun(
            start=first[0],
            count=len(hashes),
            end=last[4],
            durable=(first[1], last[1]),
            first=first[2],
            subtrees=subtrees(first[0], hashes, self._cuts),
            visits=visits,
            keys=keys,
            landmark=landmark,
        )
