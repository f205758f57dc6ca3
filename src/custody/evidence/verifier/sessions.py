"""Sessions: nothing was taken out of one, and no whole one vanished between two heartbeats.

Law: computed from leaves alone, in their order. Only open sessions are in memory.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from custody.evidence.record.leaf import Leaf
from custody.evidence.verifier.report import FaultKind, Findings, VerifyFault

ENDS: Final = frozenset({"session.end", "login.refused"})
STARTS: Final = frozenset({"session.start", "login.refused"})
LANDMARKS: Final = frozenset(
    {"log.open", "log.close", "heartbeat", "recovery", "session.carry", "anchor.accepted"}
)
"""Types that say something of more than their own session."""
_NAMED: Final = 10

Links = Mapping[str, tuple[int, str]]
"""By session: the ``n`` and the leaf hash, hexadecimal, of its last record."""


class Visit(NamedTuple):
    """What a session does in records that follow from each other: the first's ``n``, ``prev`` and
    whether it starts the session; the last's ``n``, leaf hash and whether it ends the session.
    """

    n: int
    prev: str
    starts: bool
    last_n: int
    last: str
    ends: bool


def digest_of(sessions: Links) -> str:
    """What a heartbeat carries: SHA-256 of a line ``<session> <n> <hash>`` for each, sorted."""
    lines = [f"{session} {n} {last}\n" for session, (n, last) in sorted(sessions.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(slots=True)
class SessionsCheck:
    """One log's sessions. ``carried`` are those still open at the end of the year before."""

    origin: str
    findings: Findings
    carried: Links | None = None
    open: dict[str, tuple[int, str]] = field(default_factory=dict)
    started: int = 0
    heartbeats: int = 0
    closed: bool = False
    """The last record is a ``log.close``."""
    _doubtful: bool = False

    def lost(self) -> None:
        """A record could not be read: heartbeats cannot be judged until all sessions are known."""
        self._doubtful = True

    def see(self, index: int, leaf: Leaf, hashed: str) -> None:
        """The next record, its leaf hash in hexadecimal."""
        self.closed = leaf.type == "log.close"
        if leaf.session:
            self._link(index, leaf)
            if leaf.type in ENDS:
                self.open.pop(leaf.session, None)
            else:
                self.open[leaf.session] = (leaf.n, hashed)
        match leaf.type:
            case "heartbeat":
                self.heartbeats += 1
                self._compare(index, leaf, FaultKind.HEARTBEAT, "heartbeat")
            case "recovery":
                self._compare(index, leaf, FaultKind.RECOVERY, "recovery")
                self.open.clear()
            case "log.close":
                self._unfinished(index)
            case _:
                pass
        if not self.open:
            self._doubtful = False

    def join(self, visits: Mapping[str, Visit]) -> bool:
        """See many records at once, none of them a landmark; false, and nothing seen, where ``see``
        would find a fault, or where doubts are left that need each record.
        """
        known = self.open
        if self._doubtful or not all(
            _follows(visit, known.get(session)) for session, visit in visits.items()
        ):
            return False
        for session, visit in visits.items():
            if session not in known:
                self.started += 1
            if visit.ends:
                known.pop(session, None)
            else:
                known[session] = (visit.last_n, visit.last)
        self.closed = False
        return True

    def _link(self, index: int, leaf: Leaf) -> None:
        known = self.open.get(leaf.session)
        if leaf.type == "session.carry" and known is None:
            known = None if self.carried is None else self.carried.get(leaf.session)
            if self.carried is None:
                return
        if known is None:
            self.started += 1
            if leaf.n > 0:
                self._add(FaultKind.SESSION_GAP, index, leaf, f"0 to {leaf.n - 1}")
            elif leaf.type not in STARTS:
                sentence = f"Session {leaf.session} begins with a {leaf.type}, record {index}."
                self._fault(FaultKind.SESSION_START, index, leaf.session, sentence)
            return
        n, last = known
        if leaf.n > n + 1:
            self._add(FaultKind.SESSION_GAP, index, leaf, f"{n + 1} to {leaf.n - 1}")
        elif leaf.n <= n or leaf.type in STARTS:
            sentence = f"Session {leaf.session} counts back from {n} to {leaf.n} at record {index}."
            self._fault(FaultKind.SESSION_START, index, leaf.session, sentence)
        elif leaf.prev != last:
            sentence = (
                f"Record {index} of session {leaf.session} does not follow from the one before it."
            )
            self._fault(FaultKind.SESSION_LINK, index, leaf.session, sentence)

    def _add(self, kind: FaultKind, index: int, leaf: Leaf, which: str) -> None:
        sentence = f"Session {leaf.session} lacks its records {which}, before record {index}."
        self._fault(kind, index, leaf.session, sentence)
        self._doubtful = True

    def _compare(self, index: int, leaf: Leaf, kind: FaultKind, what: str) -> None:
        said = (leaf.facts["open"], leaf.facts["digest"])
        if said == (len(self.open), digest_of(self.open)) or self._doubtful:
            return
        sentence = (
            f"The {what} at record {index} speaks of {said[0]} open sessions; the records before "
            f"it show {len(self.open)}, or others."
        )
        self._fault(kind, index, "", sentence)

    def _unfinished(self, index: int) -> None:
        for session in sorted(self.open)[:_NAMED]:
            sentence = f"Session {session} was never ended, though the log closed at {index}."
            self._fault(FaultKind.SESSION_UNFINISHED, index, session, sentence)

    def _fault(self, kind: FaultKind, index: int, session: str, sentence: str) -> None:
        self.findings.add(VerifyFault(kind, sentence, self.origin, index, session))


def _follows(visit: Visit, known: tuple[int, str] | None) -> bool:
    """Whether a session goes on from where it is known to be, or begins, as it must."""
    if known is None:
        return visit.starts and visit.n == 0
    return not visit.starts and visit.n == known[0] + 1 and visit.prev == known[1]
