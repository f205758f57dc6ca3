"""COPY data from the client.

Law: data moves as it comes, but only behind its COPY, which was recorded before; it is counted and
digested whole and its beginning kept. Data that belongs to no COPY is ignored by the server; it is
counted all the same.
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
    def __init__(self, ledger: PendingQueue) -> None:
        self._ledger: Final = ledger
        self._header = 0
        """Bytes of a passing message's header that are still to come."""

    def data(self, data: bytes, position: int, stop: int) -> bool:
        """A whole CopyData message."""
        tap = self._ledger.tap or self._open()
        tap.pass_by(memoryview(data)[position:stop])
        return True

    def begin(self) -> None:
        """A CopyData message that will pass in pieces."""
        if self._ledger.tap is None:
            self._open()
        self._header = 5

    def piece(self, piece: memoryview, *, last: bool) -> Forward:
        del last
        skipped = min(self._header, len(piece))
        self._header -= skipped
        tap = self._ledger.tap or self._open()
        tap.pass_by(piece[skipped:])
        return Forward(Side.SERVER, (piece,))

    def end(self, wire: memoryview) -> StreamEnded | Forward:
        """CopyDone or CopyFail."""
        ledger = self._ledger
        due = self._taker()
        tap = ledger.tap or (self._open() if due is not None else None)
        ledger.tap = None
        if ledger.copying is not None:
            ledger.copy_ended = True
        elif due is not None:
            ledger.forward(PendingMessage(COPY_END, ledger.domain))
        if tap is None:
            return Forward(Side.SERVER, (wire,))
        stream = tap.stream("copy", ledger.encoding)
        return StreamEnded(stream, (wire,), tap.token, tap.index)

    def stragglers(self, more: bool) -> StreamEnded | None:  # noqa: FBT001  # what came behind
        """Data that came behind a COPY's end, once something else comes."""
        ledger = self._ledger
        tap = ledger.tap
        if more or tap is None or tap.token is not None:
            return None
        ledger.tap = None
        return StreamEnded(tap.stream("copy", ledger.encoding), (), None)

    def _taker(self) -> PendingMessage | None:
        """The command that the data is for: the one that takes it now, else the last one sent."""
        ledger = self._ledger
        if ledger.copying is not None:
            return None if ledger.copy_ended else ledger.copying
        for due in reversed(ledger.due):
            if due.kind == COPY_END:
                return None
            if due.kind in {QUERY, EXECUTE}:
                return due if due.merged or any(_takes(meant) for meant in due.meant) else None
        return None

    def _open(self) -> StreamTap:
        ledger = self._ledger
        due = self._taker()
        if due is None:
            tap = StreamTap(0, None, 0)
        else:
            index = _copying(due)
            tap = StreamTap(ledger.capture_bytes, due.token, index)
            if index < len(due.meant):
                meant = due.meant[index]
                tap.copy = meant.copy
                tap.origin = columns_of(meant.columns, meant.copy, meant.table)
                tap.relations, tap.resolved = meant.relations, meant.resolved
        ledger.tap = tap
        return tap


def _copying(due: PendingMessage) -> int:
    """Which of a message's commands takes the data: the first COPY FROM not yet answered."""
    for index in range(due.index, len(due.meant)):
        if _takes(due.meant[index]):
            return index
    return min(due.index, max(len(due.meant) - 1, 0))


def _takes(meant: Interpretation) -> bool:
    return meant.copy is not None and meant.copy.incoming
