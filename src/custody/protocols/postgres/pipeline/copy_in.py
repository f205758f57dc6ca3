"""COPY data from the client.

Law: CopyData is forwarded as it arrives, after its COPY command was recorded. The codec counts and
digests all of it and keeps its first bytes. The server ignores CopyData outside a COPY; the codec
counts it too.
"""

from typing import Final

from custody.model.event import Forward, StreamEnded
from custody.model.words import Side
from custody.protocols.postgres.pipeline.pending_queue import (
    COPY_END,
    EXECUTE,
    QUERY,
    PendingMessage,
    PendingQueue,
)
from custody.protocols.postgres.statements.interpretation import Interpretation
from custody.protocols.postgres.values.copy_data import StreamTap, columns_of


class CopyIn:
    def __init__(self, pending: PendingQueue) -> None:
        self._pending: Final = pending
        self._header = 0
        """Bytes of a passing message's header that are still to come."""

    def data(self, data: bytes, position: int, stop: int) -> bool:
        """A whole CopyData message."""
        tap = self._pending.tap or self._open()
        tap.pass_by(memoryview(data)[position:stop])
        return True

    def begin(self) -> None:
        """A CopyData message that will pass in pieces."""
        if self._pending.tap is None:
            self._open()
        self._header = 5

    def piece(self, piece: memoryview, *, last: bool) -> Forward:
        del last
        skipped = min(self._header, len(piece))
        self._header -= skipped
        tap = self._pending.tap or self._open()
        tap.pass_by(piece[skipped:])
        return Forward(Side.SERVER, (piece,))

    def end(self, wire: memoryview) -> StreamEnded | Forward:
        """CopyDone or CopyFail."""
        pending = self._pending
        due = self._taker()
        tap = pending.tap or (self._open() if due is not None else None)
        pending.tap = None
        if pending.copying is not None:
            pending.copy_ended = True
        elif due is not None:
            pending.forward(PendingMessage(COPY_END, pending.domain))
        if tap is None:
            return Forward(Side.SERVER, (wire,))
        stream = tap.stream("copy", pending.encoding)
        return StreamEnded(stream, (wire,), tap.token, tap.index)

    def stragglers(self, more: bool) -> StreamEnded | None:  # noqa: FBT001  # what came behind
        """Data that came behind a COPY's end, once something else comes."""
        pending = self._pending
        tap = pending.tap
        if more or tap is None or tap.token is not None:
            return None
        pending.tap = None
        return StreamEnded(tap.stream("copy", pending.encoding), (), None)

    def _taker(self) -> PendingMessage | None:
        """The command that the data is for: the one that takes it now, else the last one sent."""
        pending = self._pending
        if pending.copying is not None:
            return None if pending.copy_ended else pending.copying
        for due in reversed(pending.due):
            if due.kind == COPY_END:
                return None
            if due.kind in {QUERY, EXECUTE}:
                return (
                    due
                    if due.merged
                    or any(_takes(interpretation) for interpretation in due.interpretations)
                    else None
                )
        return None

    def _open(self) -> StreamTap:
        pending = self._pending
        due = self._taker()
        if due is None:
            tap = StreamTap(0, None, 0)
        else:
            index = _copying(due)
            tap = StreamTap(pending.capture_bytes, due.token, index)
            if index < len(due.interpretations):
                interpretation = due.interpretations[index]
                tap.copy, tap.types = interpretation.copy, interpretation.types
                tap.origin = columns_of(
                    interpretation.columns, interpretation.copy, interpretation.table
                )
                tap.relations, tap.resolved = interpretation.relations, interpretation.resolved
        pending.tap = tap
        return tap


def _copying(due: PendingMessage) -> int:
    """Which of a message's commands takes the data: the first COPY FROM not yet answered."""
    for index in range(due.index, len(due.interpretations)):
        if _takes(due.interpretations[index]):
            return index
    return min(due.index, max(len(due.interpretations) - 1, 0))


def _takes(interpretation: Interpretation) -> bool:
    return interpretation.copy is not None and interpretation.copy.incoming
