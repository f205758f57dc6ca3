"""Key lines: what leaves commit to of the files in ``wrapped``.

Law: since format 2 a leaf commits to the line of a key no later than the first record that the key
seals, so a key that was altered or taken out is found without any key. Format 1 commits to nothing.
Commitments of one day are in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from custody.evidence.disk.wrapped_keys import WrappedDay, scope_of
from custody.evidence.record.leaf import Leaf
from custody.evidence.verifier.report import FaultKind

DAY_LINE: Final = ""
"""In the place of a scope: the line of the day's own key."""


class KeyLineFault(NamedTuple):
    kind: FaultKind
    scope: str
    what: str


def binds(leaf: Leaf, version: int, durable: int) -> bool:
    """Whether a frame's header says what its leaf says; format 1 says nothing of it."""
    return leaf.version == version and (version == 1 or leaf.durable == durable)


@dataclass(slots=True)
class RunKeys:
    """What records of one segment commit to, and whose keys they need. Those of format 1
    (``unbound``) need none that is committed to.
    """

    commitments: dict[str, tuple[str, int]]
    """By scope: the line's hash, and the record that commits to it."""
    scopes: set[str]
    escrows: list[str] = field(default_factory=list)
    """What they commit to of the day's escrow lines."""
    unbound: int = 0
    format: int = 0
    """Of the first record; the others have none below it."""

    def add(self, index: int, leaf: Leaf) -> None:
        if not self.format:
            self.format = leaf.version
        if leaf.version == 1:
            self.unbound += 1
            return
        scope = scope_of(leaf.loop, leaf.session)
        self.scopes.add(scope)
        if leaf.key:
            self.commitments[scope] = (leaf.key, index)
        if leaf.day_key:
            self.commitments[DAY_LINE] = (leaf.day_key, index)
        if leaf.escrow:
            self.escrows.append(leaf.escrow)


@dataclass(slots=True)
class KeyLines:
    """The commitments of the day that is being read."""

    day: str = ""
    _known: dict[str, tuple[str, int]] = field(default_factory=dict)

    def enter(self, day: str) -> None:
        if day != self.day:
            self.day = day
            self._known = {}

    def learn(self, day: str, index: int, scope: str, leaf: Leaf) -> None:
        self.enter(day)
        if leaf.key:
            self._known[scope] = (leaf.key, index)
        if leaf.day_key:
            self._known[DAY_LINE] = (leaf.day_key, index)

    def with_run(self, day: str, keys: RunKeys) -> "KeyLines":
        """These and those of a run."""
        known: Mapping[str, tuple[str, int]] = self._known if day == self.day else {}
        if not keys.commitments:
            return self if day == self.day else KeyLines(day)
        return KeyLines(day, {**known, **keys.commitments})

    def fault(self, wrapped: WrappedDay, scope: str, *, alone: bool = False) -> KeyLineFault | None:
        """What is wrong with the lines that a record of this scope needs. ``alone``: a commitment
        may stand in a record that was not seen.
        """
        for line, stored in (
            (DAY_LINE, wrapped.day_hash),
            (scope, wrapped.hashes.get(scope, "")),
        ):
            known = self._known.get(line)
            if known is None:
                if not alone:
                    return KeyLineFault(
                        FaultKind.KEY_LINE_UNBOUND, line, "is needed, and no record commits to it"
                    )
            elif known[0] != stored:
                what = "was altered" if stored else "was taken out or damaged"
                return KeyLineFault(
                    FaultKind.KEY_LINE_ALTERED,
                    line,
                    f"{what}: record {known[1]} commits to another",
                )
        return None
