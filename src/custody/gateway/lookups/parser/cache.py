"""What texts were found to mean, within bounds.

Law: an analysis is given again only for the text that it was made from, or for one that differs in
the values of integers alone where every statement of it says that these do not matter.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from custody.wire.sql.syntax import Analysis, Statements, Unreadable
from custody.wire.sql.text.blind import blank_integers

_FLEETING: Final = frozenset(("time-out", "overload"))
"""Reasons that may not hold the next time."""
_PER_ENTRY: Final = 600
_PER_STATEMENT: Final = 2_000
_PER_MARK: Final = 300
"""Rough bytes in memory, for the bound."""
LONGEST_KEPT: Final = 256 * 1024
"""Characters of a text that is kept: longer ones hardly come again, and would crowd out others."""


class AnalysisCache:
    """Least recently used go first; bounded by number and, roughly, by bytes."""

    def __init__(self, *, entries: int = 8_192, size: int = 64 * 1024 * 1024) -> None:
        self._entries: Final = entries
        self._size: Final = size
        self._used = 0
        self._kept: Final[OrderedDict[str, tuple[Analysis, int]]] = OrderedDict()
        self._blind_used = 0
        self._blind: Final[OrderedDict[str, Analysis]] = OrderedDict()
        self._stamp = 0

    def recall(self, text: str) -> Analysis | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found[0]
        if not self._blind:
            return None
        key = blank_integers(text)
        if key is None:
            return None
        shared = self._blind.get(key)
        if shared is not None:
            self._blind.move_to_end(key)
        return shared

    def keep(self, text: str, analysis: Analysis) -> Analysis:
        """Keep it, stamped, and give it back as it will be recalled."""
        if len(text) > LONGEST_KEPT:
            return analysis if isinstance(analysis, Unreadable) else self._stamped(analysis)
        if isinstance(analysis, Unreadable):
            if analysis.reason not in _FLEETING:
                self._store(text, analysis, _PER_ENTRY + 4 * len(text))
            return analysis
        stamped = self._stamped(analysis)
        key = blank_integers(text) if _blind(analysis) else None
        if key is not None:
            # Texts that differ in numbers only would crowd out all others by themselves.
            if key not in self._blind:
                self._blind_used += len(key)
            self._blind[key] = stamped
            while len(self._blind) > self._entries or self._blind_used > self._size // 4:
                oldest, _ = self._blind.popitem(last=False)
                self._blind_used -= len(oldest)
        else:
            self._store(text, stamped, _weight(text, stamped))
        return stamped

    def _stamped(self, analysis: Statements) -> Statements:
        stamped = []
        for statement in analysis.statements:
            self._stamp += 1
            stamped.append(msgspec.structs.replace(statement, stamp=self._stamp))
        return Statements(tuple(stamped))

    def _store(self, text: str, analysis: Analysis, weight: int) -> None:
        if weight > self._size // 4:
            return
        previous = self._kept.pop(text, None)
        if previous is not None:
            self._used -= previous[1]
        self._kept[text] = (analysis, weight)
        self._used += weight
        while self._used > self._size or len(self._kept) > self._entries:
            _, (_, freed) = self._kept.popitem(last=False)
            self._used -= freed


def _blind(analysis: Statements) -> bool:
    return bool(analysis.statements) and all(statement.blind for statement in analysis.statements)


def _weight(text: str, analysis: Statements) -> int:
    marks = sum(len(statement.marks) for statement in analysis.statements)
    return (
        _PER_ENTRY + 4 * len(text) + _PER_STATEMENT * len(analysis.statements) + _PER_MARK * marks
    )
