"""The words of a verdict: faults, their kinds, and the lines that say what was proved.

Law: a fault says what was found, where, in one sentence without any recorded content. A kind is a
stable code that scripts may match, and it alone decides the exit code.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Final

MAX_FAULTS: Final = 1000
"""What a report holds one by one; further ones are only counted."""


class Exit(IntEnum):
    PROVED = 0
    TAMPERED = 1
    INCOMPLETE = 2
    """Also stale, or unwitnessed against the policy given."""
    USAGE = 3
    CONSISTENT = 4
    """Everything checks, but nobody vouched for the key that signed it."""


class FaultKind(StrEnum):
    """What is wrong. Those in ``INCOMPLETE`` leave something unproved; all others are tampering."""

    NOTHING = "evidence.empty"
    FILE_NOT_REGULAR = "file.not-regular"
    FILE_TOO_LARGE = "file.too-large"
    FORMAT_FILE_MISSING = "format-file.missing"
    FORMAT_FILE_ALTERED = "format-file.altered"
    CHECKPOINT_MISSING = "checkpoint.missing"
    CHECKPOINT_MALFORMED = "checkpoint.malformed"
    CHECKPOINT_FORGED = "checkpoint.forged"
    CHECKPOINT_UNKNOWN_KEY = "checkpoint.unknown-key"
    CHECKPOINT_STALE = "checkpoint.stale"
    KEY_FILE_MISSING = "key-file.missing"
    KEY_FILE_ALTERED = "key-file.altered"
    UNSIGNED_AFTER_CLOSE = "unsigned.after-close"
    UNWITNESSED = "witness.quorum"
    TREE_ROOT = "tree.root"
    TILE_MISSING = "tile.missing"
    TILE_ALTERED = "tile.altered"
    ENTRIES_MISSING = "entries.missing"
    ENTRIES_ALTERED = "entries.altered"
    RECORD_ALTERED = "record.altered"
    RECORD_MISSING = "record.missing"
    RECORD_MISPLACED = "record.misplaced"
    SEGMENT_MISSING = "segment.missing"
    SEGMENT_DAMAGED = "segment.damaged"
    SEGMENT_SPARSE = "segment.sparse"
    FRAME_DAMAGED = "frame.damaged"
    FRAME_DIFFERS = "frame.differs"
    FRAME_DURABLE = "frame.durable"
    FRAME_FORMAT = "frame.format"
    TAIL_ALTERED = "tail.altered"
    LEAF_MALFORMED = "leaf.malformed"
    LEAF_SEGMENT = "leaf.segment"
    DAY_WENT_BACK = "day.went-back"
    PAYLOAD_CORRUPT = "payload.corrupt"
    PAYLOAD_COMMITMENT = "payload.commitment"
    PAYLOAD_DISAGREES = "payload.disagrees"
    DAY_KEY_MISSING = "day-key.missing"
    DAY_KEY_ALTERED = "day-key.altered"
    KEY_HEADER_ALTERED = "key-header.altered"
    KEY_LINE_ALTERED = "key-line.altered"
    KEY_LINE_UNBOUND = "key-line.unbound"
    ESCROW_ALTERED = "escrow.altered"
    SESSION_GAP = "session.gap"
    SESSION_LINK = "session.link"
    SESSION_START = "session.start"
    SESSION_UNFINISHED = "session.unfinished"
    HEARTBEAT = "heartbeat.sessions"
    RECOVERY = "recovery.sessions"
    YEAR_LINK = "year.link"
    ANCHOR_ROLLED_BACK = "anchor.rolled-back"
    ANCHOR_FORK = "anchor.fork"
    ANCHOR_UNREADABLE = "anchor.unreadable"
    ANCHOR_MISSING = "anchor.missing"


INCOMPLETE: Final = frozenset(
    {
        FaultKind.NOTHING,
        FaultKind.CHECKPOINT_MISSING,
        FaultKind.CHECKPOINT_STALE,
        FaultKind.KEY_FILE_MISSING,
        FaultKind.UNSIGNED_AFTER_CLOSE,
        FaultKind.UNWITNESSED,
        FaultKind.DAY_KEY_MISSING,
        FaultKind.DAY_KEY_ALTERED,
        FaultKind.ANCHOR_UNREADABLE,
        FaultKind.ANCHOR_MISSING,
        FaultKind.FORMAT_FILE_MISSING,
    }
)


class PayloadState(StrEnum):
    """What became of a record's sealed content."""

    OK = "ok"
    PRUNED = "pruned"
    SHREDDED = "shredded"
    """Its bytes stand, its key was destroyed."""
    ESCROWED = "escrowed"
    """Its bytes stand, its key is gone from here; a recipient of the day's escrow may open it."""
    MISSING = "missing"
    CORRUPT = "corrupt"
    EARLY = "early"
    """Pruned before its time."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An operator went on with an older copy, or without its anchor, at this record."""

    index: int
    lost: int
    """Signed records that are no longer here."""
    known: bool
    """Whether there was an anchor that knew how many they were."""


@dataclass(frozen=True, slots=True)
class VerifyFault:
    """One thing that is wrong. ``log`` is an origin; ``path`` is relative to the evidence."""

    kind: FaultKind
    sentence: str
    log: str = ""
    index: int | None = None
    session: str = ""
    path: str = ""

    @property
    def exit(self) -> Exit:
        return Exit.INCOMPLETE if self.kind in INCOMPLETE else Exit.TAMPERED


@dataclass(frozen=True, slots=True)
class LogSummary:
    """One year's log. ``records`` counts all that were read, ``signed`` those under the
    checkpoint; ``closed`` is true where the last record says that the gateway stopped.
    """

    origin: str
    records: int
    signed: int
    root: str
    """Hexadecimal; empty where there is no checkpoint."""
    signer: str
    """The key that signed, as its verifier key text; empty for none."""
    vouched: bool
    """The policy given names that key."""
    witnesses: tuple[str, ...]
    durability: str
    closed: bool
    torn_tails: int
    torn_bytes: int
    """Of the torn tails that recoveries accounted for."""
    unread_tail: int
    """Bytes behind the last record that nothing accounts for: torn, or being written."""
    given_up: tuple[GivenUp, ...]
    sessions: int
    """Sessions begun."""
    open_sessions: int
    heartbeats: int


@dataclass(frozen=True, slots=True)
class EscrowAccess:
    """A recipient of escrow, by one key and one term."""

    recipient: str
    key: str
    lasting: bool
    """Also when retention is over."""
    days: int
    """For which a line stands here."""
    left_out: int
    """For which this copy leaves the line out."""

    def with_day(self, *, left_out: bool) -> "EscrowAccess":
        if left_out:
            return replace(self, left_out=self.left_out + 1)
        return replace(self, days=self.days + 1)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole verdict."""

    faults: tuple[VerifyFault, ...]
    more_faults: int
    logs: tuple[LogSummary, ...]
    payloads: Mapping[PayloadState, int]
    opened: int
    """Payloads whose content was opened and compared."""
    unbound: int
    """Payloads of format 1 that were not opened: their leaves bind neither the random bytes nor the
    keys that they need, so they may never open."""
    voucher: str
    """Whose policy vouched for the keys; empty where nobody did."""
    proved: tuple[str, ...]
    not_proved: tuple[str, ...]
    escrow: tuple[EscrowAccess, ...]
    """Who may open contents without the gateway's keys."""

    @property
    def exit(self) -> Exit:
        exits = {fault.exit for fault in self.faults}
        if Exit.TAMPERED in exits:
            return Exit.TAMPERED
        if exits:
            return Exit.INCOMPLETE
        return Exit.PROVED if self.voucher else Exit.CONSISTENT

    @property
    def verdict(self) -> str:
        """One line."""
        records = sum(log.records for log in self.logs)
        match self.exit:
            case Exit.PROVED:
                return (
                    f"PROVED against {self.voucher}: {counted(records, 'record')}, nothing "
                    f"altered, removed or reordered{self._contents}."
                )
            case Exit.CONSISTENT:
                return (
                    f"CONSISTENT, but nobody vouched for the key: {counted(records, 'record')} "
                    f"agree with each other{self._contents}."
                )
            case Exit.TAMPERED:
                return f"TAMPERED: {counted(self._count, 'fault')} in {counted(records, 'record')}."
            case _:
                return f"INCOMPLETE: {counted(self._count, 'thing')} missing for a proof."

    @property
    def _contents(self) -> str:
        """What a good verdict does not say of the contents."""
        sealed = self.payloads[PayloadState.OK] - self.opened - self.unbound
        said = ""
        if sealed > 0:
            said += f"; {counted(sealed, 'content')} not opened"
        if self.unbound:
            said += (
                f"; whether {counted(self.unbound, 'content')} of format 1 can be opened is open"
            )
        return said

    @property
    def _count(self) -> int:
        return len(self.faults) + self.more_faults


@dataclass(slots=True)
class Findings:
    """What the checks found so far."""

    faults: list[VerifyFault] = field(default_factory=list)
    more: int = 0
    payloads: Counter[PayloadState] = field(default_factory=Counter)
    opened: int = 0
    unbound: int = 0
    proved: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)
    escrow: list[EscrowAccess] = field(default_factory=list)

    def add(self, fault: VerifyFault) -> None:
        """Keep a fault. One that makes the verdict worse is kept even when there are many."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)
            return
        self.more += 1
        if fault.exit is Exit.TAMPERED and all(
            each.exit is not Exit.TAMPERED for each in self.faults
        ):
            self.faults[-1] = fault

    def report(self, logs: tuple[LogSummary, ...], voucher: str) -> Report:
        """``voucher``: whose policy was given; empty for none."""
        return Report(
            tuple(self.faults),
            self.more,
            logs,
            {state: self.payloads[state] for state in PayloadState},
            self.opened,
            self.unbound,
            voucher,
            tuple(self.proved),
            tuple(self.not_proved),
            tuple(self.escrow),
        )


def printable(text: str) -> str:
    """A stranger's text on one line, in ASCII: it moves no cursor and forges no verdict."""
    escaped = text.encode("ascii", "backslashreplace").decode()
    return "".join(each if " " <= each <= "~" else f"\\x{ord(each):02x}" for each in escaped)


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2 records``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
