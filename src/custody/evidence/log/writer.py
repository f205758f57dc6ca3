"""The log's writer: numbers, links, seals and queues each record, in the order of ``append``.

Law: a record is whole before it is queued, and nothing that fails half-way leaves a trace: index,
``n`` and links move only when the frame is in the batch. After a failed write or sync nothing more
goes in: every waiter gets the error, and the process must end, since the disk's content is unknown.
"""

import asyncio
import errno
import re
from collections.abc import Callable
from typing import Final

from custody.evidence.disk.files import SyncFailedError
from custody.evidence.disk.segment import FramePosition
from custody.evidence.disk.segment_pool import Segment, SegmentPool
from custody.evidence.disk.wrapped_keys import LOG_SCOPE
from custody.evidence.log.chains import Chain, links_of, open_digest
from custody.evidence.log.committer import Batch, Committer
from custody.evidence.log.open_day import COMMITTED, OpenDay
from custody.evidence.log.publish import Publisher
from custody.evidence.log.random_pool import RandomPool
from custody.evidence.log.refusals import (
    LogBrokenError,
    check_loop,
    disk_full,
    is_fatal,
    new_chain,
    unsigned,
)
from custody.evidence.record.frame import HEADER_SIZE, LEAF_MAX, RANDOM_SIZE, pack
from custody.evidence.record.leaf_facts import (
    KINDS,
    LeafFacts,
    RecordKind,
    awaits_response,
    recovery_facts,
)
from custody.evidence.record.leaf_templates import (
    LeafTemplate,
    LeafTemplates,
    write_leaf,
)
from custody.evidence.record.payload import encode, encode_keyed, refuse_unmasked
from custody.evidence.record.seal import place as place_in_log
from custody.evidence.record.seal import seal
from custody.evidence.tlog.merkle import leaf_hash
from custody.model.errors import LogFailureError
from custody.model.gateway_records import ConfigLoaded, Heartbeat, Recovery
from custody.model.interfaces import Durable
from custody.model.record import (
    Body,
    CommandSeen,
    Milliseconds,
    Receipt,
    Record,
    Response,
    ResponseUnknown,
    SessionCarry,
    SessionStart,
)
from custody.model.words import SessionId

_CROWDED_BYTES: Final = 1 << 20
"""Queued bytes at which a sync does not wait for somebody to ask for it."""
_QUEUE_BYTES: Final = 64 * 1024 * 1024
_DIGEST: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_NONE: Final = ("", COMMITTED)
_FRAME_BESIDE: Final = HEADER_SIZE + LEAF_MAX
"""What a frame may need beside its sealed payload."""


class Writer:
    """The hot half of the log; runs in the event loop only. ``EvidenceLog`` for the gateway."""

    def __init__(
        self,
        *,
        pool: SegmentPool,
        day: OpenDay,
        segment: Segment,
        publisher: Publisher,
        size: int,
        event_loop: asyncio.AbstractEventLoop,
        nanoseconds: Callable[[], int],
        random: Callable[[int], bytes],
        on_broken: Callable[[LogFailureError], None],
    ) -> None:
        self.day = day
        self.publisher = publisher
        self.chains: dict[str, Chain] = {}
        self.durable = size
        """Records of this year's log that are on disk."""
        self.size = size
        self.committer: Final = Committer(event_loop, self._finish, nanoseconds)
        self.wants_segment: Callable[[], None] = lambda: None
        """Called when a segment was taken, so that the next one gets prepared."""
        self._origin = publisher.origin.encode()
        self._pool = pool
        self._segment = segment
        self._random: Final = RandomPool(random, RANDOM_SIZE).take
        self._event_loop = event_loop
        self._on_broken = on_broken
        self._forms: Final = LeafTemplates()
        self._mask = ""
        self._policy = ""
        """The policy digest that was seen, and checked, last."""
        self._loops: set[str] = set()
        self.behind = False
        """So much could not be published that no new work is taken in."""
        self.queued_bytes = 0
        self._full = False
        self._on_reserve = False
        self._refusal: Callable[[], LogFailureError] | None = None
        self._broken = False

    @property
    def accepting(self) -> bool:
        return self._refusal is None and not self._full and not self.behind

    @property
    def broken(self) -> bool:
        return self._broken

    def append(self, record: Record, durable: Durable | None = None) -> Receipt:
        """As ``EvidenceLog.append``."""
        body, session = record.body, record.session
        kind = KINDS[type(body)]
        # ``accepting``, spelt out: every record passes here.
        if self._refusal or self._full or self.behind or self.queued_bytes > _QUEUE_BYTES:
            self._refuse(kind)
        refuse_unmasked(body)
        chain = self.chains.get(session) if session is not None else None
        facts: LeafFacts | LeafTemplate | None = None
        if chain is not None and record.loop is not None:
            facts = self._forms.of(body)
        if facts is None:
            facts = self._facts(kind, body)
        payload = encode_keyed(body, self.day.content_key)
        if session is None:
            return self._add(record, None, kind, facts, payload, durable)
        if chain is None:
            chain = new_chain(session, kind)
        elif type(body) is SessionStart:
            raise LogFailureError("log.session-twice", "A session was started twice.")
        receipt = self._add(record, chain, kind, facts, payload, durable)
        self._follow(session, chain, kind, record)
        return receipt

    @property
    def place(self) -> FramePosition:
        """Where the next frame goes."""
        return FramePosition(self._segment.name, self._segment.offset)

    def recover(self, time: int, recovery: Recovery) -> None:
        """Write a recovery, which closes every open session."""
        facts = recovery_facts(recovery, open_digest(links_of(self.chains)))
        record = Record(Milliseconds(time), recovery)
        self._add(record, None, KINDS[Recovery], facts, encode(recovery), None)
        self.chains.clear()

    def heartbeat(self, time: int) -> Receipt:
        """Bind all open sessions as they stand."""
        body = Heartbeat(len(self.chains), open_digest(links_of(self.chains)))
        return self.append(Record(Milliseconds(time), body))

    def enter_day(self, day: OpenDay, segment: Segment) -> None:
        """From here on records belong to this later day."""
        self.committer.batch.retired.append(self.day)
        self.day = day
        self._retire(segment)
        self._on_reserve = False

    def enter_year(self, publisher: Publisher) -> None:
        """A new log begins with the next record; the caller has closed and signed the old one."""
        self.publisher = publisher
        self._origin = publisher.origin.encode()
        self.size = self.durable = 0

    def carry(self, time: int) -> None:
        """Carry every open session over into the new year's log."""
        kind = KINDS[SessionCarry]
        for session, chain in self.chains.items():
            body = SessionCarry(chain.n, chain.last)
            record = Record(Milliseconds(time), body, None, SessionId(session))
            self._add(record, chain, kind, {}, encode(body), None)

    def pool_changed(self) -> None:
        """Segments were prepared, or could not be: whether new work is taken in follows from it."""
        ready = self._pool.ready(self.day.day)
        if ready and self._on_reserve and (segment := self._pool.take(self.day.day)):
            self._on_reserve = False
            self._retire(segment)
            self.wants_segment()
        left = self._segment.size - self._segment.offset
        low = left < max(self._segment.size // 8, 2 * LEAF_MAX) or self._on_reserve
        self._full = not ready and self._pool.failing and low

    def refuse_all(self, why: Callable[[], LogFailureError] | None) -> None:
        """Take nothing in until further notice, or again."""
        if not self._broken:
            self._refusal = why

    def fail_for_good(self, error: OSError) -> LogFailureError:
        """The disk failed: nothing more goes in, and the process must end."""
        reason = error.strerror or "input/output error"
        if not self._broken:
            self._broken = True
            self._refusal = lambda: LogBrokenError(reason)
            self._on_broken(LogBrokenError(reason))
        return LogBrokenError(reason)

    def close(self) -> None:
        self.committer.close()
        self._segment.close()
        self.day.close()

    def _add(  # noqa: PLR0917 - the parts of one frame, on the hot path
        self,
        record: Record,
        chain: Chain | None,
        kind: RecordKind,
        facts: LeafFacts | LeafTemplate,
        payload: bytes,
        durable: Durable | None,
    ) -> Receipt:
        """``facts``: what the leaf says, or the form that it is written from."""
        index, day, loop = self.size, self.day, record.loop
        key_line = b""
        if chain is not None and chain.key_day == day.day:
            key, commitment = chain.key, chain.commitment
        else:
            key, key_line, commitment = day.scope_key(record.session, loop)
        random = self._random()
        sealed, pc, ct = seal(key, random, place_in_log(self._origin, index), payload)
        if key_line and day.left < len(key_line) and self._pool.failing:
            raise disk_full()
        segment = self._room(_FRAME_BESIDE + len(sealed), kind)
        if loop is not None and loop not in self._loops:
            check_loop(self._loops, loop)
        n, last = (-1, "") if chain is None else (chain.n + 1, chain.last)
        synced, commitments = self.durable, (commitment, day.commitment)
        links = (ct, synced, loop, n, pc, last, segment.text)
        if commitments != _NONE and isinstance(facts, tuple):
            facts = self._facts(kind, record.body)
        leaf = write_leaf(record, kind, facts, links, commitments)
        frame = pack(index, synced, random, leaf, sealed)
        hashed = leaf_hash(leaf)
        # From here on nothing can fail.
        committer = self.committer
        batch = committer.batch
        if commitment:
            self._commit(record, chain, key, (key_line, commitment))
        day.commitment = COMMITTED
        batch.add(segment, frame, leaf, hashed)
        self.size = index + 1
        self.queued_bytes += len(frame)
        if chain is not None:
            chain.n = n
            chain.last = hashed.hex()
        receipt = Receipt(index, n)
        if durable is not None:
            batch.waiters.append((receipt, durable))
            committer.wake()
        elif self.queued_bytes > _CROWDED_BYTES:
            committer.wake()
        else:
            committer.wake_later()
        return receipt

    def _commit(
        self, record: Record, chain: Chain | None, key: bytes, line: tuple[bytes, str]
    ) -> None:
        """The record that is being queued commits to the line of its scope's key, which goes to
        disk with it where it is new.
        """
        day, (new, commitment) = self.day, line
        if new:
            self.committer.batch.keys.append((day, new))
        day.queued(record.session or record.loop or LOG_SCOPE, new)
        if chain is not None:
            chain.committed(key, day.day, commitment)

    def _facts(self, kind: RecordKind, body: Body) -> LeafFacts:
        facts = kind.facts(body)
        if "policy" in facts:
            self._check_digests(body, facts)
        if kind.masked and self._mask:
            facts["mask"] = self._mask
        self._forms.learn(kind, body, facts)
        return facts

    def _follow(self, session: str, chain: Chain, kind: RecordKind, record: Record) -> None:
        """What the session's newest record makes of its chain."""
        body = record.body
        if kind.closes:
            self.chains.pop(session, None)
        elif not chain.n:
            chain.loop = record.loop or ""
            self.chains[session] = chain
        elif type(body) is CommandSeen:
            if awaits_response(body):
                chain.unanswered.add(chain.n)
        elif isinstance(body, (Response, ResponseUnknown)) and body.command is not None:
            chain.unanswered.discard(body.command)

    def _refuse(self, kind: RecordKind) -> None:
        """Raise what stands against taking in a record of this kind, if it does."""
        if self._refusal is not None:
            raise self._refusal()
        if self._full and kind.starts_work:
            raise disk_full()
        if self.behind and kind.starts_work:
            raise unsigned()
        if self.queued_bytes > _QUEUE_BYTES:
            raise LogFailureError("log.overloaded", "Too much waits for the disk.")

    def _check_digests(self, body: Body, facts: LeafFacts) -> None:
        for name in ("policy", "mask"):
            digest = facts.get(name, self._policy)
            if digest != self._policy and not _DIGEST.fullmatch(str(digest)):
                raise LogFailureError("log.digest", f"A record's {name} digest is no SHA-256.")
        self._policy = str(facts["policy"])
        if isinstance(body, ConfigLoaded):
            self._mask = body.mask
            self._forms.forget()

    def _room(self, size: int, kind: RecordKind) -> Segment:
        """A segment with at least this much space left."""
        segment = self._segment
        if segment.size - segment.offset >= size:
            if self._on_reserve and kind.starts_work:
                raise disk_full()
            return segment
        return self._next_segment(size, kind)

    def _next_segment(self, size: int, kind: RecordKind) -> Segment:
        if size > self._segment.size:
            raise LogFailureError("log.record-too-large", "A record is larger than a segment.")
        day = self.day.day
        segment = self._pool.take(day)
        if segment is None:
            try:
                # Need outran preparation: this once the loop waits for the disk.
                self._pool.prepare(day)
            except OSError as error:
                if is_fatal(error):
                    raise self.fail_for_good(error) from None
                self._full = True
            segment = self._pool.take(day)
        self._on_reserve = segment is None
        if segment is None:
            segment = self._reserve(kind)
        self._retire(segment)
        self.wants_segment()
        return segment

    def _reserve(self, kind: RecordKind) -> Segment:
        if kind.starts_work:
            raise disk_full()
        try:
            segment = self._pool.take_reserve(self.day.day)
        except SyncFailedError as error:
            raise self.fail_for_good(error) from None
        except OSError:
            segment = None
        if segment is None:
            raise disk_full()
        return segment

    def _retire(self, segment: Segment) -> None:
        self.committer.batch.retired.append(self._segment)
        self._segment = segment

    def _finish(self, batch: Batch, error: OSError | None) -> None:
        """A batch is durable, or it is lost; its waiters hear in the order of their appends."""
        failure: LogFailureError | None = None
        if error is not None or self._broken:
            failure = self.fail_for_good(error or OSError(errno.EIO, "an earlier batch was lost"))
        else:
            self.durable += len(batch.leaves)
        for receipt, durable in batch.waiters:
            try:
                durable(failure or receipt)
            except Exception as fault:  # noqa: BLE001  # one waiter's must not reach the others
                self._event_loop.call_exception_handler(
                    {"message": "A waiter for a durable record failed.", "exception": fault}
                )
        if failure is None:
            self.publisher.extend(batch.leaves)
            self.queued_bytes -= batch.size
            for retired in batch.retired:
                retired.close()
            if batch.reached is not None:
                batch.reached()
