"""The statements that a session has prepared, by name, as one immutable value.

Law: a change costs what is new, not all that there is: a session of thousands of statements copies
a few of them for each, and the rest once in a while.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from custody.wire.sql.syntax import Statement

AT_MOST: Final = 10_000
_NEW_AT_MOST: Final = 128
"""Close to the square root of ``AT_MOST``, where copying costs the least."""


class PreparedStatements(Mapping[str, Statement]):
    __slots__ = ("_new", "_old")

    def __init__(self, old: Mapping[str, Statement], new: Mapping[str, Statement | None]) -> None:
        self._old: Final = old
        self._new: Final = new
        """What changed since; ``None`` for a name that is gone."""

    def put(self, name: str, statement: Statement | None) -> "PreparedStatements":
        """With this statement, or with ``None`` without one of that name. Of too many the oldest
        go: EXECUTE of a name that is not known has the effect ``unknown``.
        """
        new = {**self._new, name: statement}
        if len(new) < _NEW_AT_MOST:
            return PreparedStatements(self._old, new)
        both = {**self._old, **new}
        kept = {name: statement for name, statement in both.items() if statement is not None}
        for oldest in list(islice(kept, max(0, len(kept) - AT_MOST))):
            del kept[oldest]
        return PreparedStatements(kept, {})

    def __getitem__(self, name: str) -> Statement:
        statement = self._new[name] if name in self._new else self._old[name]
        if statement is None:
            raise KeyError(name)
        return statement

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._old if name not in self._new)
        yield from (name for name, statement in self._new.items() if statement is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


NONE: Final = PreparedStatements({}, {})
