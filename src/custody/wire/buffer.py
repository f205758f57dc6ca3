"""Bytes that wait to be read as frames.

Law: bytes come out in the order in which they went in, each once. A frame that has not arrived
whole costs one copy when it has, however small the pieces; nothing is copied where a frame lies
within one piece.
"""


class Buffer:
    """``data[position:]`` is what can be read now; ``ensure`` makes more of it contiguous.

    Readers take slices of ``data`` and move ``position``; ``data`` itself never changes, so a
    slice stays valid after it.
    """

    __slots__ = ("_waiting", "data", "dry", "ended", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0
        self.ended = False
        self.dry = False
        """Nothing has come since ``ensure`` last wanted more."""
        self._waiting = bytearray()

    def receive(self, data: bytes) -> None:
        """Take bytes in; ``b""`` is the end of file, behind which nothing is taken any more."""
        if self.ended:
            return
        self.dry = False
        if not data:
            self.ended = True
        elif self.position == len(self.data) and not self._waiting:
            self.data = data
            self.position = 0
        else:
            self._waiting += data

    def ensure(self, count: int) -> bool:
        """Whether ``count`` bytes can be read at ``position``."""
        ready = len(self.data) - self.position
        if ready >= count:
            return True
        if not self._waiting or ready + len(self._waiting) < count:
            self.dry = not self.ended
            return False
        self._join()
        return True

    def gather(self) -> int:
        """Make all that has arrived readable; how many bytes that is."""
        if self._waiting:
            self._join()
        return len(self.data) - self.position

    def advance(self, position: int) -> None:
        """What lies before ``position`` has been read."""
        self.position = position
        if position == len(self.data) and not self._waiting:
            self.dry = not self.ended

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes, which ``ensure`` has found."""
        start = self.position
        self.position = start + count
        return memoryview(self.data)[start : self.position]

    def drop(self) -> None:
        """Forget all that has arrived."""
        self.data = b""
        self.position = 0
        self._waiting.clear()

    def __len__(self) -> int:
        return self.size()

    def size(self) -> int:
        """Bytes that were received and not read."""
        return len(self.data) - self.position + len(self._waiting)

    def _join(self) -> None:
        self.data = self.data[self.position :] + bytes(self._waiting)
        self.position = 0
        self._waiting = bytearray()
