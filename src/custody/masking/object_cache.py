"""What was worked out for a value that comes again as the very same object.

Law: an answer is given again only for that object, which is kept, so that its identity cannot
become another's; within a bound. Hashing the value takes longer than what is remembered here.
"""

from collections.abc import Sized
from typing import Final, Generic, TypeVar

_KEPT: Final = 4096
_LONGEST: Final = 64
"""Items of a value that is kept."""

K = TypeVar("K", bound=Sized)
V = TypeVar("V")


class ObjectCache(Generic[K, V]):
    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: Final[dict[int, tuple[K, V]]] = {}

    def recall(self, key: K) -> V | None:
        known = self._kept.get(id(key))
        return known[1] if known is not None and known[0] is key else None

    def keep(self, key: K, answer: V) -> V:
        if len(key) > _LONGEST:
            return answer
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[id(key)] = key, answer
        return answer
