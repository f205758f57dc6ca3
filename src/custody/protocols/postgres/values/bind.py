"""The values of a Bind and of a FunctionCall ("Message Formats").

Law: a message that fits its bound is read whole; of a longer one the beginning of each value is
kept as it passes, within a bound for all of them together.
"""

from typing import Final

import msgspec

from custody.model.command import Argument
from custody.protocols.postgres.frames import COUNT16, INT32, malformed
from custody.protocols.postgres.types.value_types import STATIC, Types
from custody.protocols.postgres.values.copy_data import StreamTap
from custody.protocols.postgres.values.row_capture import MARGIN
from custody.protocols.postgres.values.text import TEXT, argument


class ValueHead(msgspec.Struct, frozen=True):
    """What stands before the values. ``position`` is where the first value's length stands."""

    portal: bytes
    statement: bytes
    formats: tuple[int, ...]
    count: int
    position: int


def bind_names(data: bytes, position: int, end: int) -> tuple[bytes, bytes, int]:
    """Portal, statement, and the position behind them."""
    first = data.find(b"\0", position, end)
    second = data.find(b"\0", first + 1, end) if first >= 0 else -1
    if second < 0:
        raise malformed("Bind")
    return data[position:first], data[first + 1 : second], second + 1


def bind_head(data: bytes, position: int, end: int) -> ValueHead:
    """The head of a Bind's body. Raises ``WireError`` where it is not whole."""
    portal, statement, position = bind_names(data, position, end)
    formats, count, position = value_head(data, position, end, "Bind")
    return ValueHead(portal, statement, formats, count, position)


def bind_values(data: bytes, position: int, end: int) -> ValueHead:
    """As ``bind_head``, from behind the names on."""
    return ValueHead(b"", b"", *value_head(data, position, end, "Bind"))


def value_head(data: bytes, position: int, end: int, what: str) -> tuple[tuple[int, ...], int, int]:
    """Formats, the number of values, and the position of the first value's length."""
    formats, position = format_codes(data, position, end, what)
    if position + 2 > end:
        raise malformed(what)
    return formats, COUNT16.unpack_from(data, position)[0], position + 2


def format_codes(data: bytes, position: int, end: int, what: str) -> tuple[tuple[int, ...], int]:
    if position + 2 > end:
        raise malformed(what)
    count = COUNT16.unpack_from(data, position)[0]
    position += 2
    stop = position + 2 * count
    if stop > end:
        raise malformed(what)
    return tuple(data[position + 1 : stop : 2]), stop


def values(
    data: bytes, head: ValueHead, end: int, what: str
) -> tuple[tuple[tuple[bytes | None, int], ...], int]:
    """Each value with its length, and the position behind the last one."""
    position = head.position
    found: list[tuple[bytes | None, int]] = []
    for _ in range(head.count):
        if position + 4 > end:
            raise malformed(what)
        length = INT32.unpack_from(data, position)[0]
        position += 4
        if length < 0:
            found.append((None, 0))
            continue
        if position + length > end:
            raise malformed(what)
        found.append((data[position : position + length], length))
        position += length
    return tuple(found), position


def arguments(
    found: tuple[tuple[bytes | None, int], ...],
    formats: tuple[int, ...],
    types: tuple[int, ...],
    encoding: str,
    described: Types | None = None,
) -> tuple[Argument, ...]:
    """Decoded bind values; a type that is not known counts as none. ``described``: what is known of
    types that are the database's own.
    """
    own = described or STATIC
    given = len(types)
    one = formats[0] if len(formats) == 1 else TEXT
    many = len(formats) > 1
    return tuple(
        [
            argument(
                value,
                length,
                types[i] if i < given else 0,
                (formats[i] if i < len(formats) else TEXT) if many else one,
                encoding,
                own,
            )
            for i, (value, length) in enumerate(found)
        ]
    )


class LongValues:
    """The values of a message that is streamed, as far as they have passed."""

    def __init__(self, head: ValueHead, room: int, each: int, token: int) -> None:
        self.head: Final = head
        self.tap: Final = StreamTap(0, token, 0)
        self.token: Final = token
        self.found: list[tuple[bytes | None, int]] = []
        self._room = room
        self._each: Final = each + MARGIN
        self._left = 0
        self._total = 0
        self._kept = bytearray()
        self._length = bytearray()
        self._tail = bytearray()

    def pass_by(self, data: memoryview, *, from_head: int = 0) -> None:
        """Bytes of the message's body; the first ``from_head`` of them are its head."""
        self.tap.pass_by(data)
        position, end = from_head, len(data)
        while position < end and len(self.found) < self.head.count:
            if self._left:
                position = self._more_of_value(data, position, end)
                continue
            taken = min(4 - len(self._length), end - position)
            self._length += data[position : position + taken]
            position += taken
            if len(self._length) == 4:
                self._begin_value(INT32.unpack(self._length)[0])
        if position < end and len(self._tail) < 2 * 0xFFFF:
            self._tail += data[position:end]

    def result_formats(self) -> tuple[int, ...]:
        """The result formats, once all has passed."""
        tail = bytes(self._tail)
        return format_codes(tail, 0, len(tail), "Bind")[0]

    def _begin_value(self, length: int) -> None:
        self._length.clear()
        if length < 0:
            self.found.append((None, 0))
        elif length == 0:
            self.found.append((b"", 0))
        else:
            self._left = self._total = length

    def _more_of_value(self, data: memoryview, position: int, end: int) -> int:
        taken = min(self._left, end - position)
        wanted = min(taken, self._each - len(self._kept), self._room)
        if wanted > 0:
            self._kept += data[position : position + wanted]
            self._room -= wanted
        self._left -= taken
        if not self._left:
            self.found.append((bytes(self._kept), self._total))
            self._kept = bytearray()
        return position + taken

    def so_far(self) -> tuple[tuple[bytes | None, int], ...]:
        """The values seen, the one that is passing now included."""
        if not self._left:
            return tuple(self.found)
        return (*self.found, (bytes(self._kept), self._total))


def parse_fields(data: bytes, position: int, end: int) -> tuple[bytes, bytes, tuple[int, ...]]:
    """A Parse's name, text and parameter types."""
    first = data.find(b"\0", position, end)
    second = data.find(b"\0", first + 1, end) if first >= 0 else -1
    if second < 0 or second + 3 > end:
        raise malformed("Parse")
    count = COUNT16.unpack_from(data, second + 1)[0]
    if second + 3 + 4 * count != end:
        raise malformed("Parse")
    types = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(second + 3, end, 4))
    return data[position:first], data[first + 1 : second], types


def function_head(data: bytes, position: int, end: int) -> tuple[int, ValueHead]:
    """A FunctionCall's function OID, and its head."""
    if position + 4 > end:
        raise malformed("FunctionCall")
    oid = int.from_bytes(data[position : position + 4], "big")
    formats, count, position = value_head(data, position + 4, end, "FunctionCall")
    return oid, ValueHead(b"", b"", formats, count, position)


def name_at(data: bytes, position: int, end: int, what: str) -> tuple[bytes, int]:
    stop = data.find(b"\0", position, end)
    if stop < 0:
        raise malformed(what)
    return data[position:stop], stop + 1
