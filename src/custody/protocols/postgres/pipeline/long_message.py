"""Messages whose values are too long to be held: a Bind, a FunctionCall.

Law: the command is announced with what has come, judged and recorded before the first byte moves;
then the rest moves as it comes, counted, digested, and each value's beginning kept.
"""

from custody.model.event import Forward, StreamEnded
from custody.model.words import Side
from custody.protocols.postgres.values.bind import LongValues, ValueHead

PIECE = Forward | StreamEnded


class LongMessage(LongValues):
    """A long message on its way."""

    def __init__(self, head: ValueHead, room: int, each: int, token: int, size: int) -> None:
        super().__init__(head, room, each, token)
        self._size = size

    def piece(self, piece: memoryview, *, last: bool, encoding: str) -> PIECE:
        """More of it, to be forwarded."""
        self.pass_by(piece)
        if not last:
            return Forward(Side.SERVER, (piece,))
        stream = self.tap.stream("bind", encoding, self._size - 5)
        return StreamEnded(stream, (piece,), self.token)
