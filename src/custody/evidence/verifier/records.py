"""The records: frames against published entries, leaves against each other, in one pass.

Law: a record is what was signed; a frame that says otherwise is at fault, and a hole below anything
that vouches for a size (a signature, the anchor, a frame's own ``durable``) is tampering.
Unreadable bytes above all of these are a torn tail: no client was ever told that their records are
durable.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from custody.evidence.record.frame import Frame
from custody.evidence.record.leaf import Leaf, LeafError
from custody.evidence.record.leaf_parse_fast import LeafReader
from custody.evidence.tlog.checkpoint import Checkpoint
from custody.evidence.tlog.merkle import HASH_BYTES, leaf_hash
from custody.evidence.verifier.clean_runs import CleanRun, SegmentScan
from custody.evidence.verifier.contents import ContentsCheck
from custody.evidence.verifier.entries import Entries
from custody.evidence.verifier.key_lines import binds
from custody.evidence.verifier.report import (
    FaultKind,
    Findings,
    GivenUp,
    PayloadState,
    VerifyFault,
)
from custody.evidence.verifier.sessions import SessionsCheck
from custody.evidence.verifier.subtree_stack import SubtreeStack
from custody.evidence.verifier.walk import (
    MisplacedFrame,
    PlacedFrame,
    UnreadableBytes,
    UnreadTail,
    WalkStep,
    YearWalk,
)

_HELD_BACK: Final = 1000
_EACH: Final = 4096


@dataclass(slots=True)
class RecordsCheck:
    """One year's records. ``vouched`` are the trees that this log must begin with."""

    origin: str
    walk: YearWalk
    entries: Entries
    vouched: tuple[Checkpoint, ...]
    sessions: SessionsCheck
    contents: ContentsCheck
    findings: Findings
    durability: str = ""
    torn_tails: int = 0
    torn_bytes: int = 0
    given_up: list[GivenUp] = field(default_factory=list)
    unread_tail: int = 0
    """Bytes behind the last record: torn, or being written."""
    first: Leaf | None = None
    tree: SubtreeStack = field(default_factory=SubtreeStack)
    roots: dict[int, bytes] = field(default_factory=dict)
    """The computed root at each vouched size that was reached."""
    _durable: int = 0
    _format: int = 0
    _segment: str = ""
    _tails: list[UnreadTail] = field(default_factory=list)
    _damage: list[UnreadableBytes] = field(default_factory=list)
    _holes: list[tuple[int, int]] = field(default_factory=list)
    _misplaced: dict[int, MisplacedFrame] = field(default_factory=dict)
    _ended: bool = False
    _absent_segments: set[str] = field(default_factory=set)
    _reader: LeafReader = field(default_factory=LeafReader)

    def run(self, scans: Iterator[SegmentScan], progress: Callable[[int], None]) -> None:
        """``scans``: what was found of each of the walk's segments, in their order."""
        while segment := self.walk.segment:
            end = self._join_all(_of(segment, scans), progress)
            if end is None:
                continue
            for found in self.walk.rest(end):
                self._take(found)
                if not self.tree.size % _EACH:
                    progress(self.tree.size)
        for index in range(self.tree.size, self.entries.extent):
            self._record(index, None, "")
        progress(self.tree.size)
        self._judge_damage()

    @property
    def must_have(self) -> int:
        """How many records somebody vouches for."""
        return max([self._durable, *(each.size for each in self.vouched)])

    def _join_all(self, scan: SegmentScan, progress: Callable[[int], None]) -> int | None:
        """Take over what was found of a segment, as far as it goes on from what stands before it.
        The byte from which on it must be read record by record; ``None`` for none.
        """
        end = count = 0
        for clean_run in scan.runs:
            if not self._join(clean_run, scan.segment):
                self.walk.passed(count, unused=False)
                return end
            end = clean_run.end
            count += clean_run.count
            progress(self.tree.size)
        return None if self.walk.passed(count, unused=scan.unused) else end

    def _join(self, clean_run: CleanRun, segment: str) -> bool:
        """Whether it goes on from here without a fault; nothing is taken over of one that has."""
        if (
            self._ended
            or clean_run.start != self.tree.size
            or clean_run.durable[0] < self._durable
            or _order(segment) < _order(self._segment)
            or not self._same_format(clean_run.keys.format)
            or not self.contents.joins(clean_run.first.seg[:10], clean_run.keys)
            or not (clean_run.landmark or self.sessions.join(clean_run.visits))
        ):
            return False
        self._durable = clean_run.durable[1]
        self.contents.join(clean_run.first.seg[:10], clean_run.keys)
        self._format = max(self._format, clean_run.keys.format)
        for level, found in clean_run.subtrees:
            self._grow(level, found)
        if self.first is None:
            self.first = clean_run.first
        self._segment = segment
        if clean_run.landmark:
            self._say(clean_run.start, clean_run.first, clean_run.subtrees[0].hash)
        self.findings.payloads[PayloadState.OK] += clean_run.count
        if self.contents.opens(clean_run.first.seg[:10]):
            self.findings.opened += clean_run.count
        else:
            self.findings.unbound += clean_run.keys.unbound
        return True

    def _same_format(self, version: int) -> bool:
        """Whether records of this format may follow: a log never goes back to an earlier one."""
        return version >= self._format

    def _grow(self, level: int, found: bytes) -> None:
        self.tree.add(level, found)
        for checkpoint in self.vouched:
            if checkpoint.size == self.tree.size:
                self.roots[checkpoint.size] = self.tree.root()

    def _take(self, found: WalkStep) -> None:
        match found:
            case PlacedFrame(frame, segment):
                self._placed(frame, segment)
            case MisplacedFrame(frame):
                self._durable = max(self._durable, frame.durable)
                if len(self._misplaced) < _HELD_BACK:
                    self._misplaced[frame.index] = found
            case UnreadableBytes():
                if len(self._damage) < _HELD_BACK:
                    self._damage.append(found)
            case UnreadTail():
                if len(self._tails) < _HELD_BACK:
                    self._tails.append(found)

    def _placed(self, frame: Frame, segment: str) -> None:
        if frame.durable > frame.index or frame.durable < self._durable:
            self._add(
                FaultKind.FRAME_DURABLE,
                frame.index,
                f"The frame of record {frame.index} calls {frame.durable} records durable.",
                segment,
            )
        self._durable = max(self._durable, min(frame.durable, frame.index))
        signed = max((each.size for each in self.vouched), default=0)
        if frame.index > self.tree.size and frame.index > max(signed, self.entries.extent):
            # A hole that no signature covers: what stands behind it may be a torn batch.
            self._hole(self.tree.size, frame.index)
            self._ended = True
        if self._ended:
            return
        for index in range(self.tree.size, frame.index):
            self._record(index, None, "")
        self._record(frame.index, frame, segment)

    def _record(self, index: int, frame: Frame | None, segment: str) -> None:
        """One record: what is published of it, and its frame where there is one."""
        entry = self.entries.get(index)
        if frame is None:
            self._hole(index, index + 1)
        elif entry in {None, frame.leaf} or self.entries.hash_of(index) == leaf_hash(frame.leaf):
            # Where they differ, it is the entry that was altered; the check of the tree said so.
            entry = frame.leaf
        else:
            self._add(
                FaultKind.FRAME_DIFFERS,
                index,
                f"The frame of record {index} does not hold the leaf that was published.",
                segment,
            )
        hashed = leaf_hash(entry) if entry is not None else bytes(HASH_BYTES)
        self._grow(0, hashed)
        if entry is None:
            self.sessions.lost()
            self.findings.payloads[PayloadState.MISSING] += 1
            return
        try:
            leaf = self._reader.read(entry)
        except LeafError as error:
            self._add(FaultKind.LEAF_MALFORMED, index, f"Record {index}: {error.fault}")
            self.sessions.lost()
            return
        self._leaf(index, leaf, hashed, frame, segment)

    def _leaf(
        self, index: int, leaf: Leaf, hashed: bytes, frame: Frame | None, segment: str
    ) -> None:
        if self.first is None:
            self.first = leaf
        if _order(leaf.seg) < _order(self._segment):
            self._add(
                FaultKind.DAY_WENT_BACK,
                index,
                f"Record {index} is filed under {leaf.seg}, behind one under {self._segment}.",
            )
        self._segment = leaf.seg
        if not self._same_format(leaf.version):
            sentence = f"Record {index} is of format {leaf.version}, behind one of {self._format}."
            self._add(FaultKind.FRAME_FORMAT, index, sentence)
        self._format = max(self._format, leaf.version)
        self._say(index, leaf, hashed)
        self.contents.learn(index, leaf)
        state = PayloadState.MISSING
        if frame is not None and frame.leaf and leaf_hash(frame.leaf) == hashed:
            self._bound(index, leaf, frame, segment)
            if leaf.seg != segment:
                self._add(
                    FaultKind.LEAF_SEGMENT,
                    index,
                    f"Record {index} stands in segment {segment}, but was written to {leaf.seg}.",
                    segment,
                )
            state = self.contents.see(index, leaf, frame.random, frame.sealed)
        elif frame is None and leaf.seg not in self.walk.names:
            self._absent(leaf.seg, index)
        self.findings.payloads[state] += 1

    def _bound(self, index: int, leaf: Leaf, frame: Frame, segment: str) -> None:
        """The frame's header is the one that the leaf speaks of."""
        if frame.format != leaf.version:
            sentence = (
                f"The frame of record {index} calls itself format {frame.format}, not "
                f"{leaf.version}."
            )
            self._add(FaultKind.FRAME_FORMAT, index, sentence, segment)
        elif not binds(leaf, frame.format, frame.durable):
            sentence = (
                f"The frame of record {index} calls {frame.durable} records durable, its leaf "
                f"{leaf.durable}."
            )
            self._add(FaultKind.FRAME_DURABLE, index, sentence, segment)

    def _say(self, index: int, leaf: Leaf, hashed: bytes) -> None:
        """What a leaf says of those before it."""
        if leaf.type == "log.open":
            self.durability = str(leaf.facts["durability"])
        if leaf.type == "recovery":
            self._recovered(index, leaf)
        if leaf.type == "anchor.accepted":
            self.given_up.append(
                GivenUp(index, int(str(leaf.facts["lost"])), "signed" in leaf.facts)
            )
        self.sessions.see(index, leaf, hashed.hex())

    def _absent(self, segment: str, index: int) -> None:
        if segment not in self._absent_segments and len(self._absent_segments) < _HELD_BACK:
            self._absent_segments.add(segment)
            self._add(
                FaultKind.SEGMENT_MISSING,
                index,
                f"Segment {segment} is missing, from record {index} on.",
                segment,
            )

    def _recovered(self, index: int, leaf: Leaf) -> None:
        """A recovery accounts for the torn tail that it found, byte by byte."""
        torn, size, digest = leaf.facts["torn"], leaf.facts["size"], leaf.facts["hash"]
        if not torn:
            return
        self.torn_tails += 1
        self.torn_bytes += int(str(torn))
        if (size, torn, digest) not in [
            (tail.expected, tail.size, tail.hash) for tail in self._tails
        ]:
            self._add(
                FaultKind.TAIL_ALTERED,
                index,
                f"The torn tail that the recovery at record {index} set aside was altered.",
            )
        self._tails = [tail for tail in self._tails if tail.expected != size]

    def _hole(self, start: int, end: int) -> None:
        """Records without a frame; neighbours are one fault."""
        if self._holes and self._holes[-1][1] == start:
            self._holes[-1] = (self._holes[-1][0], end)
        elif len(self._holes) < _HELD_BACK:
            self._holes.append((start, end))

    def _judge_damage(self) -> None:
        """Once all is read, it is known what anybody vouches for."""
        limit = self.must_have
        damaged = {each.expected: each for each in self._damage}
        tails = {each.expected: each for each in self._tails}
        if self.tree.size < limit and not self._ended:
            self._hole(self.tree.size, limit)
        for start, end in self._holes:
            if start >= limit:
                continue
            self._name_hole(start, min(end, limit), damaged.get(start), tails.get(start))
        for index, found in self._misplaced.items():
            self._add(
                FaultKind.RECORD_MISPLACED,
                index,
                f"A frame of record {index} stands where record {found.expected} was due.",
                found.segment,
            )
        holes = {start for start, _ in self._holes}
        for damage in self._damage:
            if damage.expected not in holes and damage.expected < limit:
                self._segment_damage(damage.expected, damage.segment, damage.offset)
        self.unread_tail = sum(tail.size for tail in self._tails)

    def _name_hole(
        self, start: int, end: int, damage: UnreadableBytes | None, tail: UnreadTail | None
    ) -> None:
        if damage is not None or tail is not None:
            segment = damage.segment if damage is not None else tail.segment if tail else ""
            self._add(
                FaultKind.FRAME_DAMAGED,
                start,
                f"The frame of record {start} in segment {segment} cannot be read"
                + (f", nor those up to record {end - 1}." if end > start + 1 else "."),
                segment,
            )
        elif all(index in self._misplaced for index in range(start, min(end, start + _HELD_BACK))):
            return
        else:
            which = f"record {start}" if end == start + 1 else f"records {start} to {end - 1}"
            self._add(FaultKind.RECORD_MISSING, start, f"No frame is left of {which}.")

    def _segment_damage(self, expected: int, segment: str, offset: int) -> None:
        self._add(
            FaultKind.SEGMENT_DAMAGED,
            expected,
            f"Bytes were put into segment {segment} at {offset}, before record {expected}.",
            segment,
        )

    def _add(self, kind: FaultKind, index: int, sentence: str, segment: str = "") -> None:
        path = f"segments/{segment}.seg" if segment else ""
        self.findings.add(VerifyFault(kind, sentence, self.origin, index, path=path))


def _of(segment: str, scans: Iterator[SegmentScan]) -> SegmentScan:
    """The one of this segment; those before it are of segments that the walk left out."""
    return next(
        (scan for scan in scans if scan.segment == segment),
        SegmentScan(segment, (), unused=False),
    )


def _order(segment: str) -> tuple[str, int]:
    day, _, number = segment.partition("/")
    return day, int(number or 0)
