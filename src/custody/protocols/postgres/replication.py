"""A replication connection: bytes that are forwarded unread, both ways.

Law: the stream is recorded as opaque before its first byte moves, and counted and digested to its
end.
"""

from typing import Final

from custody.model.event import Event, Forward, RecordFirst, SideEnded, StreamEnded
from custody.model.record import Opaque
from custody.model.words import Side
from custody.protocols.postgres.values.copy_data import StreamTap
from custody.wire.buffer import Buffer

_DIRECTIONS: Final = {Side.CLIENT: "up", Side.SERVER: "down"}


class OpaqueSession:
    def __init__(self, client: Buffer, server: Buffer) -> None:
        self._buffers: Final = {Side.CLIENT: client, Side.SERVER: server}
        self._taps: Final = {
            side: StreamTap(0, None, 0, direction) for side, direction in _DIRECTIONS.items()
        }
        self._begun = False
        self._closed: Final[set[Side]] = set()
        self._over: Final[set[Side]] = set()

    def next_event(self, side: Side) -> Event | None:
        buffer, tap = self._buffers[side], self._taps[side]
        if side in self._over:
            return None
        if side in self._closed:
            self._over.add(side)
            return SideEnded("client.closed" if side is Side.CLIENT else "server.closed")
        size = buffer.gather()
        if not size:
            if not buffer.ended:
                return None
            self._closed.add(side)
            return StreamEnded(tap.stream("replication", "utf-8"), (), None)
        piece = buffer.take(size)
        tap.pass_by(piece)
        to = Side.SERVER if side is Side.CLIENT else Side.CLIENT
        if not self._begun:
            self._begun = True
            return RecordFirst(to, Opaque("a replication connection's stream", size), (piece,))
        return Forward(to, (piece,))
