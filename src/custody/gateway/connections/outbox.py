"""Bytes on their way to one side, in order, some of them waiting for the disk.

Law: what was put in later never leaves earlier. An entry that waits leaves only by ``release``;
an entry that is dropped never leaves.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from custody.gateway.connections.connection import Connection
from custody.model.command import Wire

_JOINED_AT_MOST: Final = 8
"""Pieces that leave together; each more is copied once more."""


class OutboxEntry:
    """One place in the line. What is rarely set stands on the class."""

    ready = False
    size = 0
    """Bytes of ``wire``."""
    box: "Outbox | None" = None
    """The line that it stands in."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def release(self) -> None:
        """It may leave; also before it stands in line."""
        self.ready = True
        if self.box is not None:
            self.box.flush()

    def sent(self) -> None:
        """Called once its bytes are handed to the connection."""


class _Act(OutboxEntry):
    """No bytes: something to do in its turn."""

    ready = True

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(())
        self.sent = act  # type: ignore[method-assign]  # one act for this entry alone


def _size(wire: Wire) -> int:
    if len(wire) == 1:  # nearly always
        return len(wire[0])
    return sum(map(len, wire))


class Outbox:
    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection
        self._line: Final[deque[OutboxEntry]] = deque()
        self.gathered: Wire = ()
        """Bytes that wait for no more than the next ``flush``; nothing is in line then."""
        self.waiting = 0
        """Bytes in line."""
        self.sent = 0
        """Bytes handed to the connection."""

    def put(self, wire: Wire) -> None:
        """Bytes that wait for nothing but their turn."""
        line = self._line
        if not line:
            if self.gathered:
                self._part()
            self.sent += _size(wire)
            self._connection.write_all(wire)
            return
        last = line[-1]
        if type(last) is not _Act and len(last.wire) < _JOINED_AT_MOST:
            size = _size(wire)
            last.wire = (*last.wire, *wire)
            last.size += size
            self.waiting += size
        else:
            entry = OutboxEntry(wire)
            entry.ready = True
            self.hold(entry)

    def gather(self, wire: Wire) -> None:
        """As ``put``, but until the next ``flush`` they may wait for what leaves with them."""
        if self._line:
            self.put(wire)
            return
        self.gathered = (*self.gathered, *wire)
        if len(self.gathered) > _JOINED_AT_MOST:
            self._part()

    def hold(self, entry: OutboxEntry) -> None:
        """Bytes that wait until their entry is released, if it was not already."""
        if self.gathered:
            entry.wire = (*self.gathered, *entry.wire)
            self.gathered = ()
        entry.box = self
        entry.size = size = _size(entry.wire)
        self.waiting += size
        self._line.append(entry)
        if entry.ready:
            self.flush()

    def call_after(self, act: Callable[[], None]) -> None:
        """Call ``act`` once everything that is in line now has left; at once if nothing is."""
        if self.gathered:
            self._part()
        if self._line:
            self.hold(_Act(act))
        else:
            act()

    def flush(self) -> None:
        if self.gathered:
            self._part()
        line = self._line
        while line and line[0].ready:
            entry = line.popleft()
            self.waiting -= entry.size
            self.sent += entry.size
            self._connection.write_all(entry.wire)
            entry.sent()

    def clear(self) -> None:
        """Drop what has not left."""
        self._line.clear()
        self.gathered = ()
        self.waiting = 0

    def _part(self) -> None:
        gathered, self.gathered = self.gathered, ()
        self.put(gathered)
