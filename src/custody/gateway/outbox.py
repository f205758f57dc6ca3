"""Bytes on their way to one side, in order, some of them waiting for the disk.

Law: what was put in later never leaves earlier. An entry that waits leaves only by ``release``;
an entry that is dropped never leaves.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from custody.gateway.connection import Connection
from custody.model.command import Wire


class Entry:
    """One place in the line."""

    __slots__ = ("_box", "left", "ready", "size", "wire")

    def __init__(self, box: "Outbox", wire: Wire) -> None:
        self._box = box
        self.wire = wire
        self.size = 0
        """Bytes of ``wire``."""
        self.ready = False
        self.left: Callable[[], None] | None = None

    def release(self) -> None:
        self.ready = True
        self._box.flush()


def _size(wire: Wire) -> int:
    if len(wire) == 1:  # nearly always
        return len(wire[0])
    return sum(map(len, wire))


class Outbox:
    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection
        self._line: Final[deque[Entry]] = deque()
        self.waiting = 0
        """Bytes in line."""
        self.sent = 0
        """Bytes handed to the connection."""

    def put(self, wire: Wire) -> None:
        """Bytes that wait for nothing but their turn."""
        if self._line:
            self.hold(wire).ready = True
            return
        self.sent += _size(wire)
        self._connection.write_all(wire)

    def hold(self, wire: Wire) -> Entry:
        """Bytes that wait until their entry is released."""
        entry = Entry(self, wire)
        entry.size = size = _size(wire)
        self.waiting += size
        self._line.append(entry)
        return entry

    def then(self, act: Callable[[], None]) -> None:
        """Call ``act`` once everything that is in line now has left; at once if nothing is."""
        if not self._line:
            act()
            return
        entry = self.hold(())
        entry.left = act
        entry.ready = True

    def flush(self) -> None:
        line = self._line
        while line and line[0].ready:
            entry = line.popleft()
            self.waiting -= entry.size
            self.sent += entry.size
            self._connection.write_all(entry.wire)
            if entry.left is not None:
                entry.left()

    def clear(self) -> None:
        """Drop what has not left."""
        self._line.clear()
        self.waiting = 0

    @property
    def empty(self) -> bool:
        return not self._line
