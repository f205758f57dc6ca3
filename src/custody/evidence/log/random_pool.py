"""Random bytes in equal pieces, drawn many at a time.

Law: no piece is given out twice.
"""

from collections.abc import Callable
from typing import Final

_PIECES: Final = 128


class RandomPool:
    """A system call for each piece would cost more than the piece is worth."""

    __slots__ = ("_pieces", "_random", "_size")

    def __init__(self, random: Callable[[int], bytes], size: int) -> None:
        self._random = random
        self._size = size
        self._pieces: list[bytes] = []

    def take(self) -> bytes:
        if not self._pieces:
            drawn = self._random(self._size * _PIECES)
            self._pieces = [drawn[at : at + self._size] for at in range(0, len(drawn), self._size)]
        return self._pieces.pop()
