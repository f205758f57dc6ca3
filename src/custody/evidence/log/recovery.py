"""Recovery: examines a log before anything is added to it.

Law: nothing that was ever durable, acknowledged or signed is given up. Damage below the largest
size that anything vouches for is corruption, and the log does not open; bytes above it are a torn
tail, which no client was told is durable: recovery hashes it, leaves it in place and begins a new
segment.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from custody.evidence.disk.files import Files, read_if_there
from custody.evidence.disk.find_record import RecordFinder
from custody.evidence.disk.segment import (
    FramePosition,
    SegmentName,
    SegmentWalk,
    days,
    first_frame,
    segment_path,
    segments_of_year,
    walk_year,
)
from custody.evidence.disk.segment_pool import end_of_data
from custody.evidence.keys.keyring import KeyService, log_key
from custody.evidence.log.bookmark import Bookmark, read_bookmark
from custody.evidence.log.chains import Chain, follow
from custody.evidence.log.publish import Publisher, log_directory
from custody.evidence.record.frame import Frame, FrameFault, find
from custody.evidence.record.leaf import Leaf, LeafError, parse
from custody.evidence.tlog.checkpoint import Checkpoint, open_checkpoint
from custody.evidence.tlog.merkle import leaf_hash
from custody.evidence.tlog.tile import CHECKPOINT_PATH
from custody.model.errors import CustodyError, LogFailureError
from custody.model.gateway_records import AnchorAccepted

_GLANCE_SEGMENTS: Final = 8
_CURE: Final = "Run `custody verify` on the data directory; restore it from where it is intact."


class TornTail(NamedTuple):
    """What was set aside. SHA-256, hexadecimal, over its bytes."""

    size: int
    hash: str


NO_TAIL: Final = TornTail(0, hashlib.sha256(b"").hexdigest())


class RecoveredLog(NamedTuple):
    """A log as it stands on disk, fit to go on."""

    origin: str
    publisher: Publisher
    size: int
    chains: dict[str, Chain]
    closed: bool
    """Its last record says that it was closed, and no session was left open."""
    torn: TornTail
    place: FramePosition | None
    """Where the next frame goes; ``None``: at the start of a new segment."""
    last_day: str
    """The day of its last segment; empty for a new log."""
    given_up: AnchorAccepted | None
    """What an operator accepts to be lost; ``None`` where a new anchor was not accepted."""


def find_log(
    files: Files,
    evidence: Path,
    keys: KeyService,
    anchors: Mapping[str, Checkpoint],
    *,
    new_year: str,
    accept: bool,
) -> RecoveredLog:
    """Read the newest year's log through. With ``accept`` the log goes on although it contradicts
    its anchor or has none, and what that gives up is counted.

    Raises ``LogFailureError`` where going on would hide damage or fork the log. Writes nothing but
    a sync of what it found.
    """
    years = sorted({day[:4] for day in days(files, evidence)}, reverse=True)
    year = next((each for each in years if _begins(files, evidence, each)), new_year)
    origin = f"{keys.name}/{year}"
    for other, anchored in anchors.items():
        if other != origin and not accept:
            _check_other_year(files, evidence, keys, anchored)
    reading = _Reading(files, evidence, keys, origin, anchors.get(origin), accept=accept)
    return reading.read()


class _Reading:
    """One reading of one year's log."""

    def __init__(
        self,
        files: Files,
        evidence: Path,
        keys: KeyService,
        origin: str,
        anchored: Checkpoint | None,
        *,
        accept: bool,
    ) -> None:
        self._files = files
        self._evidence = evidence
        self._origin = origin
        self._year = origin.rpartition("/")[2]
        signed = read_checkpoint(files, evidence, keys, origin)
        self._bookmark = read_bookmark(files, evidence, origin)
        if anchored is None and not accept and (signed is not None or self._bookmark is not None):
            raise _anchor_lost(origin)
        vouched = (signed, None if accept else anchored)
        self._vouched = [each for each in vouched if each is not None]
        self._given_up = anchored
        """What the anchor knew, where an operator accepts that it is contradicted."""
        self._accept = accept
        self._kept_root = False
        self._publisher = Publisher(files, evidence, origin, keys, signed)
        self._chains: dict[str, Chain] = {}
        self._durable = 0
        self._last: Leaf | None = None

    def read(self) -> RecoveredLog:
        walk = self._start()
        start = walk.place
        try:
            while batch := walk.take():
                for located in batch:
                    self._take_up(located.frame, located.place)
                self._publisher.drop_published()
        finally:
            walk.close()
        tail = self._behind(walk.place)
        self._check_size(walk)
        segments = segments_of_year(self._files, self._evidence, self._year)
        used = [each for each in segments if walk.place and each <= walk.place.segment]
        for segment in used:
            # A batch may span several segments; what a bookmark covers was synced before it.
            if start is None or segment >= start.segment:
                self._sync_segment(segment)
        if any(chain.carried for chain in self._chains.values()):
            self._recall_carried()
        closed = (self._last is None or self._last.type == "log.close") and not self._chains
        return RecoveredLog(
            self._origin,
            self._publisher,
            walk.index,
            self._chains,
            closed and tail == NO_TAIL,
            tail,
            walk.place if tail == NO_TAIL else None,
            used[-1].day if used else "",
            self._accepted(walk.index) if self._accept else None,
        )

    def _accepted(self, size: int) -> AnchorAccepted:
        anchored = self._given_up
        if anchored is None:
            return AnchorAccepted(None, size, 0)
        lost = max(0, anchored.size - size)
        if anchored.size and not lost and not self._kept_root:
            lost = anchored.size  # other records stand in the place of the signed ones
        return AnchorAccepted(anchored.size, size, lost)

    def _recall_carried(self) -> None:
        """Which commands of sessions that were carried over the year's end are still unanswered.

        Their records stand in the old year's log; both are read once more. Rare: a crash with such
        sessions open.
        """
        chains: dict[str, Chain] = {}
        for year in (f"{int(self._year) - 1:04d}", self._year):
            for located in walk_year(self._files, self._evidence, year):
                with contextlib.suppress(LeafError):
                    leaf = parse(located.frame.leaf)
                    follow(chains, leaf, leaf_hash(located.frame.leaf).hex())
        for session, chain in self._chains.items():
            if session in chains:
                chain.unanswered = chains[session].unanswered

    def _start(self) -> SegmentWalk:
        """Where to read from: the bookmark, if it can be believed, else the beginning."""
        bookmark = None if self._accept else self._bookmark
        # Whatever was signed must be met on the way, so that its root can be compared.
        signed = min((each.size for each in self._vouched), default=0)
        if (
            bookmark is None
            or bookmark.size > signed
            or not self._glance(bookmark)
            or not self._publisher.resume(bookmark.size, bookmark.checkpoint.root)
        ):
            self._last = None
            return SegmentWalk(self._files, self._evidence, self._year)
        self._chains = bookmark.chains()
        for checkpoint in self._vouched:
            if checkpoint.size == bookmark.size:
                self._check_root(checkpoint)
        return SegmentWalk(self._files, self._evidence, self._year, bookmark.place, bookmark.size)

    def _glance(self, bookmark: Bookmark) -> bool:
        """Whether the newest segments before a bookmark are whole; all of a small log's."""
        segments = [
            (first, segment)
            for first, segment in RecordFinder(self._files, self._evidence).segments(self._year)
            if segment <= bookmark.place.segment
        ]
        walk = SegmentWalk(self._files, self._evidence, self._year)
        if len(segments) > _GLANCE_SEGMENTS:
            first, segment = segments[-_GLANCE_SEGMENTS]
            walk = SegmentWalk(
                self._files, self._evidence, self._year, FramePosition(segment, 0), first
            )
        last: Frame | None = None
        try:
            while batch := walk.take(bookmark.size):
                for located in batch:
                    self._durable = max(self._durable, located.frame.durable)
                last = batch[-1].frame
        finally:
            walk.close()
        if walk.index < bookmark.size or last is None:
            return False
        with contextlib.suppress(LeafError):
            self._last = parse(last.leaf)
        return self._last is not None

    def _take_up(self, frame: Frame, place: FramePosition) -> None:
        try:
            leaf = parse(frame.leaf)
        except LeafError as error:
            raise _damaged(frame.index, place, error.fault) from None
        hashed = leaf_hash(frame.leaf)
        self._publisher.add(frame.leaf, hashed)
        self._durable = max(self._durable, frame.durable)
        self._last = leaf
        follow(self._chains, leaf, hashed.hex())
        if self._given_up is not None and self._given_up.size == self._publisher.size:
            self._kept_root = self._publisher.root() == self._given_up.root
        for checkpoint in self._vouched:
            if checkpoint.size == self._publisher.size:
                self._check_root(checkpoint)

    def _check_root(self, checkpoint: Checkpoint) -> None:
        if self._publisher.root() != checkpoint.root:
            raise LogFailureError(
                "log.forked",
                f"The first {checkpoint.size} records of {self._origin} are not the ones that "
                "were signed.",
                _CURE,
            )

    def _check_size(self, walk: SegmentWalk) -> None:
        signed = max((each.size for each in self._vouched), default=0)
        if walk.index < self._durable or (walk.index < signed and walk.fault not in _ENDS):
            place = walk.place or FramePosition(SegmentName(f"{self._year}-01-01", 0), 0)
            raise _damaged(walk.index, place, f"{walk.fault or FrameFault.UNUSED} ")
        if walk.index < signed:
            raise LogFailureError(
                "log.rolled-back",
                f"{self._origin} holds {walk.index} records, but {signed} were signed: "
                "this is an older copy of it, or its end was cut off.",
                "Bring back the newest copy; or, knowing that records are lost, start once with "
                "--accept-new-anchor.",
            )

    def _behind(self, place: FramePosition | None) -> TornTail:
        """Everything behind the last good frame; also learns what it says was durable."""
        digest = hashlib.sha256()
        size = 0
        for segment in segments_of_year(self._files, self._evidence, self._year):
            if place is not None and segment < place.segment:
                continue
            start = place.offset if place is not None and segment == place.segment else 0
            opened = self._files.open(segment_path(self._evidence, segment))
            try:
                data = opened.read_at(end_of_data(opened, start) - start, start)
            finally:
                opened.close()
            digest.update(data)
            size += len(data)
            at = 0
            while found := find(data, at):
                # Read behind damage, a frame still says what had been synced before it.
                self._durable = max(self._durable, found[1].durable)
                at = found[1].end
        return TornTail(size, digest.hexdigest()) if size else NO_TAIL

    def _sync_segment(self, segment: SegmentName) -> None:
        """What a killed process had written but not synced is kept, so it is synced now."""
        opened = self._files.open(segment_path(self._evidence, segment), write=True)
        try:
            opened.sync()
        finally:
            opened.close()


_ENDS: Final = (None, FrameFault.UNUSED)


def read_checkpoint(
    files: Files, evidence: Path, keys: KeyService, origin: str
) -> Checkpoint | None:
    """The exposed checkpoint, if there is one. Raises ``LogFailureError`` if it is not ours."""
    path = log_directory(evidence, origin) / CHECKPOINT_PATH
    note = read_if_there(files, path)
    if note is None:
        return None
    try:
        return open_checkpoint(note, [log_key(keys, origin)]).checkpoint
    except CustodyError as error:
        raise LogFailureError(
            "log.checkpoint", f"{path} is not signed by this log's key: {error.fault}", _CURE
        ) from None


def _begins(files: Files, evidence: Path, year: str) -> bool:
    """Whether this year's log has a first record. Without one, whatever stands there is the torn
    beginning of a year, and the old year's log is still the newest.
    """
    for segment in segments_of_year(files, evidence, year):
        opened = files.open(segment_path(evidence, segment))
        try:
            first = first_frame(opened)
        finally:
            opened.close()
        if isinstance(first, Frame) and first.index == 0:
            return True
    return False


def _check_other_year(files: Files, evidence: Path, keys: KeyService, anchored: Checkpoint) -> None:
    signed = read_checkpoint(files, evidence, keys, anchored.origin)
    if signed is None or signed.size < anchored.size:
        raise LogFailureError(
            "log.rolled-back",
            f"{anchored.origin} was signed with {anchored.size} records, but its checkpoint is "
            "missing or older.",
            "Bring back the newest copy of the data; or, knowing that records are lost, start "
            "once with --accept-new-anchor.",
        )


def _anchor_lost(origin: str) -> LogFailureError:
    return LogFailureError(
        "log.anchor-missing",
        f"{origin} was signed before, but the anchor knows nothing of it: the anchor was lost, or "
        "this data is an older copy, or another gateway's.",
        "Bring the anchor back, or correct `anchor` in the configuration; or, knowing that an "
        "older copy of the log would not be noticed, start once with --accept-new-anchor.",
    )


def _damaged(index: int, place: FramePosition, why: str) -> LogFailureError:
    return LogFailureError(
        "log.damaged",
        f"Record {index} cannot be read at segments/{place.segment.text}.seg, byte "
        f"{place.offset} ({why.strip()}); it was durable once.",
        _CURE,
    )
