"""The words of a verdict: faults, their kinds, and the lines that say what was proved.

Law: a fault says what was found, where, in one sentence without any recorded content. A kind is a
stable code that scripts may match, and it alone decides the exit code.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
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


class FaultKind(StrEnum):
    """What is wrong. Those in ``INCOMPLETE`` leave something unproved; all others are tampering."""

    NOTHING = "evidence.empty"
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
    FRAME_DAMAGED = "frame.damaged"
    FRAME_DIFFERS = "frame.differs"
    FRAME_DURABLE = "frame.durable"
    TAIL_ALTERED = "tail.altered"
    LEAF_MALFORMED = "leaf.malformed"
    LEAF_SEGMENT = "leaf.segment"
    DAY_WENT_BACK = "day.went-back"
    PAYLOAD_CORRUPT = "payload.corrupt"
    PAYLOAD_COMMITMENT = "payload.commitment"
    PAYLOAD_DISAGREES = "payload.disagrees"
    DAY_KEY_MISSING = "day-key.missing"
    DAY_KEY_ALTERED = "day-key.altered"
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
    }
)


class PayloadState(StrEnum):
    """What became of a record's sealed content."""

    OK = "ok"
    PRUNED = "pruned"
    SHREDDED = "shredded"
    """Its bytes stand, its key was destroyed."""
    MISSING = "missing"
    CORRUPT = "corrupt"
    EARLY = "early"
    """Pruned before its time."""


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
    sessions: int
    """Sessions begun."""
    open_sessions: int
    heartbeats: int


@dataclass(frozen=True, slots=True)
class Report:
    """The whole verdict."""

    faults: tuple[VerifyFault, ...]
    more_faults: int
    logs: tuple[LogSummary, ...]
    payloads: Mapping[PayloadState, int]
    opened: int
    """Payloads whose content was opened and compared."""
    proved: tuple[str, ...]
    not_proved: tuple[str, ...]

    @property
    def exit(self) -> Exit:
        exits = {fault.exit for fault in self.faults}
        if Exit.TAMPERED in exits:
            return Exit.TAMPERED
        return Exit.INCOMPLETE if exits else Exit.PROVED

    @property
    def verdict(self) -> str:
        """One line."""
        records = sum(log.records for log in self.logs)
        match self.exit:
            case Exit.PROVED:
                return (
                    f"PROVED: {counted(records, 'record')}, nothing altered, removed or reordered."
                )
            case Exit.TAMPERED:
                return f"TAMPERED: {counted(self._count, 'fault')} in {counted(records, 'record')}."
            case _:
                return f"INCOMPLETE: {counted(self._count, 'thing')} missing for a proof."

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
    proved: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)

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

    def report(self, logs: tuple[LogSummary, ...]) -> Report:
        return Report(
            tuple(self.faults),
            self.more,
            logs,
            {state: self.payloads[state] for state in PayloadState},
            self.opened,
            tuple(self.proved),
            tuple(self.not_proved),
        )


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2 records``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
