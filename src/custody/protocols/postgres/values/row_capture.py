"""A bounded copy of a result's first rows, as text.

Law: the captured rows exceed the bound at most by the margin in which masking can still see a
pattern that straddles the cut; any row that is left out makes ``truncated`` true. A value of a type
that nobody has described waits as it came, until somebody has.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from custody.model.record import OutputColumn
from custody.protocols.postgres.frames import COUNT16, INT32, malformed
from custody.protocols.postgres.statements.catalogue import ColumnsQuestion
from custody.protocols.postgres.types.scalars import DECODERS, TEXTUAL, UNREADABLE
from custody.protocols.postgres.types.value_types import Types, UnknownTypeError
from custody.protocols.postgres.values.text import TEXT, beginning, decoded

MARGIN: Final = 4096
_VALUE_COST: Final = 4
"""What a value costs beside its own bytes, so that empty ones are bounded too."""


class RowField(msgspec.Struct, frozen=True):
    """A column of a RowDescription."""

    name: str
    table: int
    attribute: int
    type: int
    form: int


class RowDescription:
    """A RowDescription. ``facts`` and ``columns`` remember how its origins were resolved last."""

    __slots__ = ("columns", "facts", "fields", "forms", "plain", "questions")

    def __init__(self, fields: tuple[RowField, ...]) -> None:
        self.fields: Final = fields
        self.forms: Final = tuple((field.type, field.form) for field in fields)
        self.plain: Final = all(field.form == TEXT for field in fields)
        tables = {field.table: None for field in fields if field.table and field.attribute > 0}
        self.questions: Final = tuple(ColumnsQuestion(oid) for oid in tables)
        """What the catalogue must say of the tables that its columns come from."""
        self.facts: tuple[object | None, ...] | None = None
        self.columns: tuple[OutputColumn, ...] = ()


def read_description(body: bytes, encoding: str) -> RowDescription:
    """A RowDescription's body."""
    count = COUNT16.unpack_from(body)[0] if len(body) >= 2 else -1
    position = 2
    fields: list[RowField] = []
    for _ in range(count):
        end = body.find(b"\0", position)
        if end < 0 or end + 19 > len(body):
            raise malformed("RowDescription", "server")
        fields.append(
            RowField(
                body[position:end].decode(encoding, "replace"),
                int.from_bytes(body[end + 1 : end + 5], "big"),
                int.from_bytes(body[end + 5 : end + 7], "big", signed=True),
                int.from_bytes(body[end + 7 : end + 11], "big"),
                int.from_bytes(body[end + 17 : end + 19], "big"),
            )
        )
        position = end + 19
    if position != len(body):
        raise malformed("RowDescription", "server")
    return RowDescription(tuple(fields))


def with_formats(
    description: RowDescription | None, formats: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Type and format of each column; ``formats`` as in a Bind: none, one for all, or each."""
    if description is None:
        return ()
    fields = description.fields
    if not formats:
        return description.forms
    if len(formats) == 1:
        return tuple((field.type, formats[0]) for field in fields)
    return tuple((f.type, form) for f, form in zip(fields, formats, strict=False))


class RowCapture:
    """The rows of one answer. ``open`` turns false once nothing more is kept."""

    # What is rarely set stands on the class: every answer with rows has one of these.
    _unread: dict[tuple[int, int], int] | None = None
    """Row, column and length of what stands in ``rows`` in hexadecimal."""
    waiting: list[tuple[int, int, bytes, int]] | None = None
    """Row, column, value and type of what can be read once its type is known."""

    def __init__(
        self, room: int, encoding: str, forms: Sequence[tuple[int, int]] = (), *, plain: bool = True
    ) -> None:
        """``forms``: types and formats of the columns, as far as they are known. ``plain``: all
        are text.
        """
        self.rows: list[tuple[str | None, ...]] = []
        self.open = True
        self.truncated = False
        self._room = room
        self._encoding = encoding
        self._forms = forms
        self._plain = plain

    def go_on(self, other: "RowCapture") -> None:
        """Behind what another has captured, within what that left."""
        self.rows = other.rows
        self._unread = other._unread  # noqa: SLF001 - another of this class
        self.waiting = other.waiting
        self.open = other.open
        self.truncated = other.truncated
        self._room = other.left

    @property
    def left(self) -> int:
        """Room that is left, in bytes."""
        return self._room

    @property
    def wanted(self) -> int:
        """How much of a row that is still coming is worth keeping."""
        return self._room + MARGIN + 8

    def row(self, body: bytes, position: int, end: int) -> None:
        """A DataRow's body, ``body[position:end]``, of which the end may be cut off."""
        if end - position < 2:
            self._close()
            return
        count = COUNT16.unpack_from(body, position)[0]
        position += 2
        room = self._room
        encoding = self._encoding
        plain = self._plain
        unpack = INT32.unpack_from
        values: list[str | None] = []
        append = values.append
        for column in range(count):
            if end - position < 4 or room <= 0:
                self._close()
                break
            length = unpack(body, position)[0]
            position += 4
            room -= _VALUE_COST
            if length < 0:
                append(None)
                continue
            stop = position + length
            if stop > end or length > room:
                kept = body[position : min(stop, end, position + max(room, 0) + MARGIN)]
                if len(kept) < length:
                    append(self._cut(kept, column, length))
                    self._close()
                    break
            if plain:
                try:
                    append(body[position:stop].decode(encoding))
                except UnicodeDecodeError:
                    append(self._unreadable(body[position:stop], column, length))
            else:
                append(self._decoded(body[position:stop], column))
            room -= length
            position = stop
        self._room = room - _VALUE_COST
        self.rows.append(tuple(values))
        if self._room <= 0:
            self.open = False

    def _close(self) -> None:
        self.truncated = True
        self.open = False

    def read_waiting(self, types: Types) -> None:
        """Read what waits and can be read now; what could never be is hexadecimal from here on."""
        waiting, still = self.waiting or (), []
        for row, column, value, oid in waiting:
            try:
                text = types.text(value, oid, self._encoding)
            except UnknownTypeError:
                still.append((row, column, value, oid))
                continue
            except UNREADABLE:
                continue
            cells = self.rows[row]
            self.rows[row] = (*cells[:column], text, *cells[column + 1 :])
            if self._unread is not None:
                del self._unread[row, column]
        self.waiting = still

    @property
    def unread(self) -> tuple[tuple[int, int, int], ...]:
        """Row, column and length of what could not be decoded: hexadecimal stands there."""
        if self._unread is None:
            return ()
        return tuple((*place, length) for place, length in self._unread.items())

    def _decoded(self, value: bytes, column: int) -> str:
        if column < len(self._forms):
            oid, form = self._forms[column]
            if form != TEXT and oid not in DECODERS:
                if self.waiting is None:
                    self.waiting = []
                self.waiting.append((len(self.rows), column, bytes(value), oid))
                return self._unreadable(value, column, len(value))
            text, readable = decoded(value, oid, form, self._encoding)
            return text if readable else self._unreadable(value, column, len(value))
        return self._unreadable(value, column, len(value))

    def _unreadable(self, value: bytes, column: int, length: int) -> str:
        if self._unread is None:
            self._unread = {}
        self._unread[len(self.rows), column] = length
        return value.hex()

    def _cut(self, value: bytes, column: int, length: int) -> str:
        oid, form = self._forms[column] if column < len(self._forms) else (0, int(not self._plain))
        if form == TEXT or oid in TEXTUAL:
            return beginning(value, self._encoding)
        return self._unreadable(value, column, length)
