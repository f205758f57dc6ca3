"""Texts that wait for a worker.

Law: askers take turns, one text each; who asks for much waits behind his own. Long texts wait in a
line of their own, so that a short one never waits for all of them.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final

from custody.wire.sql.syntax import Analysis

LONG: Final = 16 * 1024
"""Bytes from which a text is a long one."""
TEXTS_AT_MOST: Final = 1_024
TEXTS_OF_ONE_AT_MOST: Final = 256
BYTES_AT_MOST: Final = 128 * 1024 * 1024


class WaitingText:
    """Its answer is settled once: by a worker, by time, or by the end."""

    __slots__ = ("asker", "data", "length", "over", "settle")

    def __init__(
        self,
        data: bytes,
        length: int,
        asker: Hashable,
        settle: Callable[[Analysis], None],
        over: Callable[[], bool],
    ) -> None:
        self.data: Final = data
        self.length: Final = length
        """In characters."""
        self.asker: Final = asker
        self.settle: Final = settle
        self.over: Final = over
        """Whether nobody waits for it any more."""

    @property
    def long(self) -> bool:
        return len(self.data) >= LONG


class WaitingTexts:
    def __init__(self) -> None:
        self._short: Final[OrderedDict[Hashable, deque[WaitingText]]] = OrderedDict()
        self._long: Final[OrderedDict[Hashable, deque[WaitingText]]] = OrderedDict()
        self._of: Final[dict[Hashable, int]] = {}
        self._texts = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._texts

    def add(self, text: WaitingText) -> bool:
        """Whether there is room for it."""
        of_asker = self._of.get(text.asker, 0)
        if (
            self._texts >= TEXTS_AT_MOST
            or of_asker >= TEXTS_OF_ONE_AT_MOST
            or (self._texts and self._bytes + len(text.data) > BYTES_AT_MOST)
        ):
            return False
        self._of[text.asker] = of_asker + 1
        self._texts += 1
        self._bytes += len(text.data)
        line = self._long if text.long else self._short
        line.setdefault(text.asker, deque()).append(text)
        return True

    def next(self, *, long: bool) -> WaitingText | None:
        """Whose turn it is; a long text only where ``long`` ones may be taken, and before a short
        one then, for another worker takes only those.
        """
        return (self._take(self._long) if long else None) or self._take(self._short)

    def _take(self, line: OrderedDict[Hashable, deque[WaitingText]]) -> WaitingText | None:
        if not line:
            return None
        asker, texts = line.popitem(last=False)
        text = texts.popleft()
        if texts:
            line[asker] = texts  # behind the others
        self._texts -= 1
        self._bytes -= len(text.data)
        left = self._of[asker] - 1
        if left:
            self._of[asker] = left
        else:
            del self._of[asker]
        return text
