"""What a server sends of its own accord, as few records.

Law: all of it is counted, the first of it kept, within a bound for each record.
"""

from typing import Final

from custody.model.record import Notification

KEPT_AT_MOST: Final = 64
KEPT_CHARACTERS: Final = 16_384


class NotificationBatch:
    """What came since it was taken last."""

    __slots__ = ("_bytes", "_count", "_kept", "_kept_characters", "_truncated")

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._count = self._bytes = self._kept_characters = 0
        self._truncated = False
        self._kept: list[tuple[str, str]] = []

    def add(self, came: Notification) -> None:
        self._count += came.count
        self._bytes += came.bytes
        self._truncated |= came.truncated
        for channel, payload in came.captured:
            size = len(channel) + len(payload)
            fits = self._kept_characters + size <= KEPT_CHARACTERS
            if fits and len(self._kept) < KEPT_AT_MOST:
                self._kept_characters += size
                self._kept.append((channel, payload))
            else:
                self._truncated = True

    def take(self) -> Notification | None:
        if not self._count:
            return None
        taken = Notification(self._count, self._bytes, tuple(self._kept), self._truncated)
        self._begin()
        return taken
