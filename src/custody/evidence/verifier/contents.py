"""Contents: sealed bytes are the ones committed to and, where keys open, agree with the leaf.

Law: without keys only the sealed bytes are checked, and the report says so. Opened content is
compared and forgotten; none of it reaches a fault's sentence.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from custody.evidence.disk.wrapped_keys import DayKey, WrappedDay, header, parse, scope_of
from custody.evidence.record.leaf import Fact, Leaf
from custody.evidence.record.seal import SealError, derive, place, sealed_hash, unseal
from custody.evidence.verifier.escrow_check import EscrowCheck
from custody.evidence.verifier.file_access import read_bytes
from custody.evidence.verifier.key_lines import KeyLines, RunKeys
from custody.evidence.verifier.report import FaultKind, Findings, PayloadState, VerifyFault
from custody.evidence.verifier.survey import MAX_KEYS_BYTES
from custody.model.errors import CustodyError

DayKeyOpener = Callable[[str, bytes], bytes | None]
"""``open_day(day, wrapped)``: the day key that stands wrapped in ``wrapped/<day>``; ``None`` where
it was never for this opener. Raises ``CustodyError`` where it cannot be opened."""

_PAYLOAD: Final = "custody-payload/1"
_HEAD_BYTES: Final = 1024
_ABSENT: Final = WrappedDay(b"", {}, 0, "", {})


@dataclass(slots=True)
class _Day:
    """The keys of the day that is being read."""

    name: str
    wrapped: WrappedDay
    there: bool
    """Whether its file is."""
    key: DayKey | None
    sessions: dict[str, bytes] = field(default_factory=dict)


def open_days(
    evidence: Path, days: Iterable[str], open_day: DayKeyOpener
) -> dict[str, bytes | None]:
    """What opens, by day; about the others, ``ContentsCheck`` says what is wrong."""
    found: dict[str, bytes | None] = {}
    for name in days:
        data = read_bytes(evidence / "wrapped" / name, _HEAD_BYTES) or b""
        # The day key's line is the second; the last one read may be cut short.
        wrapped = parse(data, name).day_key
        if wrapped:
            with contextlib.suppress(CustodyError):
                found[name] = open_day(name, wrapped)
    return found


@dataclass(slots=True)
class ContentsCheck:
    evidence: Path
    origin: str
    findings: Findings
    open_day: DayKeyOpener | None
    escrow: EscrowCheck
    alone: bool = False
    """What stands before these records is not known: who knows it asks ``joins``."""
    _lines: KeyLines = field(default_factory=KeyLines)
    _day: _Day | None = None
    _told: set[tuple[str, str, FaultKind]] = field(default_factory=set)

    def see(self, index: int, leaf: Leaf, random: bytes, sealed: bytes) -> PayloadState:
        """Check the payload of a record whose leaf is proven or will be, with its frame's random
        bytes.
        """
        if sealed_hash(leaf.version, random, sealed) != leaf.ct:
            what = "sealed content" if leaf.version == 1 else "sealed content, or its random bytes,"
            sentence = f"The {what} of record {index} was altered."
            self._add(FaultKind.PAYLOAD_CORRUPT, index, sentence)
            return PayloadState.CORRUPT
        name, scope = leaf.seg[:10], scope_of(leaf.loop, leaf.session)
        self.learn(index, leaf)
        day = self._keys(name, scope)
        if leaf.version > 1 and day.there and not self._bound(day, scope, index):
            return self._gone(name)
        if scope not in day.wrapped.keys or not day.wrapped.day_key:
            self._once(name, scope, FaultKind.DAY_KEY_MISSING, "is missing or has no key", index)
            return self._gone(name)
        if day.key is not None:
            return self._compare(day, day.key, scope, index, leaf, random, sealed)
        self.findings.unbound += leaf.version == 1
        return PayloadState.OK

    def _gone(self, day: str) -> PayloadState:
        """Nothing is shredded where somebody may still hold its key."""
        return PayloadState.ESCROWED if self.escrow.may_open(day) else PayloadState.SHREDDED

    def opens(self, day: str) -> bool:
        """Whether the contents of that day are opened and compared."""
        return self.open_day is not None and self._find_day(day).key is not None

    def _compare(  # noqa: PLR0917 - what a payload is checked against
        self,
        day: _Day,
        key: DayKey,
        scope: str,
        index: int,
        leaf: Leaf,
        random: bytes,
        sealed: bytes,
    ) -> PayloadState:
        try:
            payload = self._open(day, key, scope, index, leaf, random, sealed)
        except SealError as error:
            kind = (
                FaultKind.DAY_KEY_ALTERED
                if error.code == "evidence.wrapped-key"
                else FaultKind.PAYLOAD_COMMITMENT
            )
            self._add(kind, index, f"Record {index} cannot be opened. {error.fault}")
            return PayloadState.CORRUPT
        self.findings.opened += 1
        if not _agrees(payload, leaf):
            self._add(
                FaultKind.PAYLOAD_DISAGREES,
                index,
                f"The content of record {index} is not what its leaf says that it is.",
            )
            return PayloadState.CORRUPT
        return PayloadState.OK

    def learn(self, index: int, leaf: Leaf) -> None:
        """What a leaf commits to, whether or not its frame is there."""
        if leaf.key or leaf.day_key:
            self._lines.learn(leaf.seg[:10], index, scope_of(leaf.loop, leaf.session), leaf)
        if leaf.escrow:
            self._learn_escrow(leaf.seg[:10], index, leaf.escrow)

    def _learn_escrow(self, day: str, index: int, commitment: str) -> None:
        what = self.escrow.fault(day, commitment)
        if not what:
            self.escrow.learn(day, commitment)
        elif (day, commitment, FaultKind.ESCROW_ALTERED) not in self._told:
            self._told.add((day, commitment, FaultKind.ESCROW_ALTERED))
            path = f"escrow/{day}"
            sentence = f"The escrow file {path} {what}: record {index} commits to others."
            self.findings.add(
                VerifyFault(FaultKind.ESCROW_ALTERED, sentence, self.origin, index, path=path)
            )

    def joins(self, day: str, keys: RunKeys) -> bool:
        """Whether the key lines that these records need are the ones committed to."""
        if not keys.scopes:
            return True
        if any(self.escrow.fault(day, each) for each in keys.escrows):
            return False
        known = self._lines.with_run(day, keys)
        found = self._keys(day, next(iter(keys.scopes)))
        for scope in keys.scopes:
            if known.fault(found.wrapped, scope) and known.fault(
                self._keys(day, scope).wrapped, scope
            ):
                return False
        return True

    def join(self, day: str, keys: RunKeys) -> None:
        """Take over what these records commit to."""
        if keys.commitments:
            self._lines = self._lines.with_run(day, keys)
        for each in keys.escrows:
            self.escrow.learn(day, each)

    def _bound(self, day: _Day, scope: str, index: int) -> bool:
        """Whether the key lines that a record needs are the ones that leaves commit to."""
        self._lines.enter(day.name)
        fault = self._lines.fault(day.wrapped, scope, alone=self.alone)
        if fault is None:
            return True
        kind, whose, what = fault
        self._once(day.name, whose, kind, what, index)
        return False

    def _open(  # noqa: PLR0917 - what a payload is checked against
        self,
        day: _Day,
        key: DayKey,
        scope: str,
        index: int,
        leaf: Leaf,
        random: bytes,
        sealed: bytes,
    ) -> bytes:
        session_key = day.sessions.get(scope)
        if session_key is None:
            session_key = day.sessions[scope] = key.unwrap(scope, day.wrapped.keys[scope])
        where = place(self.origin.encode(), index)
        return unseal(derive(session_key, random, where), where, sealed, leaf.pc)

    def _find_day(self, name: str) -> _Day:
        if self._day is None or self._day.name != name:
            self._day = self._read(name)
        return self._day

    def _keys(self, name: str, scope: str) -> _Day:
        day = self._find_day(name)
        if (
            scope not in day.wrapped.keys
            and (name, scope, FaultKind.DAY_KEY_MISSING) not in self._told
        ):
            # A running gateway adds a line before the first record that needs it.
            day = self._day = self._read(name)
        return day

    def _path(self, name: str) -> Path:
        return self.evidence / "wrapped" / name

    def _read(self, name: str) -> _Day:
        data = read_bytes(self._path(name), MAX_KEYS_BYTES)
        if data is None:
            return _Day(name, _ABSENT, there=False, key=None)
        wrapped = parse(data, name)
        # A line that a crash cut short sealed nothing; one that is needed will be missed.
        # The header is on disk before the file has its name, so no crash leaves another one.
        if not data.startswith(header(name)):
            what = "was altered: its first line is not this day's"
            self._once(name, "", FaultKind.KEY_HEADER_ALTERED, what, None)
        key = None
        if self.open_day is not None and wrapped.day_key:
            try:
                secret = self.open_day(name, wrapped.day_key)
                key = None if secret is None else DayKey(name, secret)
            except CustodyError as error:
                self._once(
                    name, "", FaultKind.DAY_KEY_ALTERED, f"does not open: {error.fault}", None
                )
        return _Day(name, wrapped, there=True, key=key)

    def _once(self, day: str, scope: str, kind: FaultKind, what: str, index: int | None) -> None:
        if (day, scope, kind) not in self._told and len(self._told) < 10_000:
            self._told.add((day, scope, kind))
            path = f"wrapped/{day}"
            whose = f" for {scope}" if scope else ""
            fault = VerifyFault(
                kind, f"The key file {path}{whose} {what}.", self.origin, index, path=path
            )
            self.findings.add(fault)

    def _add(self, kind: FaultKind, index: int, sentence: str) -> None:
        self.findings.add(VerifyFault(kind, sentence, self.origin, index))


_FACTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "log.open": {
        "durability": ("durability",),
        "responses": ("responses",),
        "previous": ("previous",),
    },
    "command": {
        "effects": ("command", "effects"),
        "verdict": ("decision",),
        "stage": ("stage",),
        "policy": ("policy",),
    },
    "response": {"outcome": ("outcome",), "command": ("command",)},
    "response.unknown": {"command": ("command",)},
    "injected": {"command": ("command",)},
    "stream": {"command": ("command",)},
    "transaction": {"ended": ("ended",), "first": ("first",), "last": ("last",)},
    "notification": {"count": ("count",)},
    "gap": {"count": ("count",)},
    "anchor.accepted": {"lost": ("lost",), "signed": ("signed",), "size": ("size",)},
    "config": {"mask": ("mask",), "policy": ("policy",)},
    "clock": {"offset": ("offset_ms",)},
    "heartbeat": {"digest": ("digest",), "open": ("open",)},
    "recovery": {
        "torn": ("torn_bytes",),
        "hash": ("torn_hash",),
        "size": ("size",),
        "open": ("sessions",),
    },
}
"""By type: each fact that a leaf shows, and where its payload has it. The ``digest`` of a recovery
(the links of open sessions) stands in the leaf alone; it is recomputed, as that of a heartbeat is.
"""

_NO_FACTS: Final[Mapping[str, tuple[str, ...]]] = {}


def _agrees(payload: bytes, leaf: Leaf) -> bool:
    """Whether an opened payload is of the leaf's type and has the facts that the leaf shows."""
    due: dict[str, Fact] = {}
    try:
        whole = json.loads(payload.decode())
        body = whole["body"]
        if whole["v"] != _PAYLOAD or body["type"] != leaf.type:
            return False
        for name, path in _FACTS.get(leaf.type, _NO_FACTS).items():
            fact = _fact(body, path)
            if fact is not None and fact != "":
                due[name] = fact
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return due == _shown(leaf)


def _shown(leaf: Leaf) -> Mapping[str, Fact]:
    """Those of a leaf's facts that its payload has, too."""
    if "mask" in leaf.facts and leaf.type != "config":
        # Which mask a text was seen by stands in the leaf alone.
        return {name: fact for name, fact in leaf.facts.items() if name != "mask"}
    if leaf.type == "recovery":
        return {name: fact for name, fact in leaf.facts.items() if name != "digest"}
    return leaf.facts


def _fact(body: object, path: tuple[str, ...]) -> Fact | None:
    """A value of a payload as a leaf would show it."""
    for name in path:
        body = body[name]  # type: ignore[index]  # what is no mapping raises, as the caller expects
    if isinstance(body, (str, int)):
        return body
    if isinstance(body, list):
        return len(body) if path == ("sessions",) else tuple(sorted(body))
    return None
