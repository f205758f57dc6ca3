"""COPY data and other long streams on their way: counted, digested, and their beginning kept.

Law: a tap never holds more than its bound, however much passes; the bytes it kept are decoded only
when the stream is over, and decoding is total: what does not follow the format is shown as it is.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from custody.model.command import Column, Relation
from custody.model.record import OutputColumn, Stream
from custody.protocols.postgres.types.value_types import STATIC, ColumnTypes, Types
from custody.protocols.postgres.values.row_capture import MARGIN
from custody.protocols.postgres.values.text import BINARY, argument, beginning
from custody.wire.sql.syntax import Copy

Row = tuple[str | None, ...]
Unread = tuple[tuple[int, int, int], ...]

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class StreamTap:
    """What passed in one direction for one command."""

    __slots__ = (
        "_digest",
        "_kept",
        "_room",
        "bytes",
        "copy",
        "direction",
        "index",
        "origin",
        "relations",
        "resolved",
        "token",
        "types",
    )

    def __init__(self, room: int, token: int | None, index: int, direction: str = "up") -> None:
        self.token = token
        self.index = index
        self.direction = direction
        self.bytes = 0
        self.copy: Copy | None = None
        self.origin: tuple[OutputColumn, ...] = ()
        self.relations: tuple[Relation, ...] = ()
        self.resolved = True
        self.types: ColumnTypes | None = None
        self._room = room
        self._kept = bytearray()
        self._digest = hashlib.sha256()

    def pass_by(self, data: memoryview) -> None:
        self.bytes += len(data)
        self._digest.update(data)
        room = self._room + MARGIN - len(self._kept)
        if room > 0:
            self._kept += data[:room]

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    @property
    def truncated(self) -> bool:
        return self.bytes > min(len(self._kept), self._room)

    def rows(self, encoding: str) -> tuple[tuple[Row, ...], Unread]:
        """The rows, and which of their values stand there in hexadecimal."""
        kept = bytes(self._kept)
        form = self.copy.format if self.copy is not None else "text"
        if form != "binary" and not kept.startswith(_SIGNATURE):
            return rows_of(kept, self.copy, encoding), ()
        oids: tuple[int, ...] = ()
        if self.types is not None:
            oids = tuple(self.types.oids.get(column.name, 0) for column in self.origin)
        types = self.types.types if self.types is not None else STATIC
        return binary_rows(kept, oids, types, encoding)

    def stream(self, kind: str, encoding: str, announced: int | None = None) -> Stream:
        captured, unread = self.rows(encoding) if kind == "copy" else ((), ())
        return Stream(
            command=None,
            direction=self.direction,
            kind=kind,
            bytes=self.bytes,
            announced=announced,
            columns=self.origin,
            captured=captured,
            truncated=self.truncated,
            digest=self.digest,
            relations=self.relations,
            resolved=self.resolved,
            unread=unread,
        )


def columns_of(
    names: tuple[str, ...], copy: Copy | None, table: Column | None
) -> tuple[OutputColumn, ...]:
    """The columns of COPY data. ``table`` is where they certainly come from or go to."""
    listed = copy.columns if copy is not None and copy.columns else names
    if table is None:
        return tuple(OutputColumn(name, "") for name in listed)
    return tuple(
        OutputColumn(name, "", Column(table.schema, table.relation, name, table.kin))
        for name in listed
    )


def rows_of(data: bytes, copy: Copy | None, encoding: str) -> tuple[Row, ...]:
    """The rows in the beginning of COPY data in text or CSV; the last one may be cut."""
    form = copy.format if copy is not None else "text"
    text = beginning(data, encoding)
    if copy is not None and form == "csv":
        rows = _csv(text, copy.delimiter or ",", copy.quote or '"', copy.escape or '"', copy.null)
        return rows[1:] if copy.header else rows
    delimiter = copy.delimiter if copy is not None and copy.delimiter else "\t"
    null = copy.null if copy is not None else "\\N"
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if copy is not None and copy.header:
        lines = lines[1:]
    return tuple(_text_row(line, delimiter, null) for line in lines if line != "\\.")


def _text_row(line: str, delimiter: str, null: str) -> Row:
    line = line.removesuffix("\r")
    if "\\" not in line:
        return tuple(None if part == null else part for part in line.split(delimiter))
    # A backslash before the delimiter makes it part of the value.
    parts = re.split(r"(?<!\\)((?:\\\\)*)" + re.escape(delimiter), line)
    joined = [a + b for a, b in zip(parts[::2], [*parts[1::2], ""], strict=True)]
    return tuple(None if part == null else _ESCAPE.sub(_unescaped, part) for part in joined)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _LETTERS.get(code, code)


def _csv(text: str, delimiter: str, quote: str, escape: str, null: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    row: list[str | None] = []
    position = 0
    while position < len(text):
        start, position, quoted = position, *_csv_value(text, position, delimiter, quote, escape)
        raw = text[start:position]
        if quoted:
            row.append(_unquoted(raw, quote, escape))
        else:
            raw = raw.removesuffix("\r")
            row.append(None if raw == null else raw)
        if position >= len(text):
            break
        ended = text[position] == "\n"
        position += 1
        if ended:
            rows.append(tuple(row))
            row = []
    if row:
        rows.append(tuple(row))
    return tuple(r for r in rows if r != ("\\.",))


def _csv_value(
    text: str, position: int, delimiter: str, quote: str, escape: str
) -> tuple[int, bool]:
    """Where the value at ``position`` ends, and whether quotes are in it."""
    quoted = False
    inside = False
    stops = re.compile("[" + re.escape(delimiter + quote + escape + "\n") + "]")
    while (match := stops.search(text, position)) is not None:
        c, at = match[0], match.start()
        position = at + 1
        if inside and c == escape and text[at + 1 : at + 2] in {quote, escape} and text[at + 1 :]:
            position = at + 2
        elif c == quote:
            inside = not inside
            quoted = True
        elif not inside and c in {delimiter, "\n"}:
            return at, quoted
    return len(text), quoted


def _unquoted(raw: str, quote: str, escape: str) -> str:
    out: list[str] = []
    position = 0
    while position < len(raw):
        c = raw[position]
        if c == escape and raw[position + 1 : position + 2] in {quote, escape} and position:
            out.append(raw[position + 1])
            position += 2
            continue
        if c != quote:
            out.append(c)
        position += 1
    return "".join(out)


def binary_rows(
    data: bytes, oids: Sequence[int], types: Types, encoding: str
) -> tuple[tuple[Row, ...], Unread]:
    """The rows in the beginning of binary COPY data. ``oids``: the columns' types, 0 where nobody
    knows; such a value is text where it is printable.
    """
    if not data.startswith(_SIGNATURE) or len(data) < 19:
        return (), ()
    position = 19 + int.from_bytes(data[15:19], "big")
    rows: list[Row] = []
    unread: list[tuple[int, int, int]] = []
    while position + 2 <= len(data):
        count = int.from_bytes(data[position : position + 2], "big", signed=True)
        position += 2
        if count < 0:
            break
        row: list[str | None] = []
        for column in range(count):
            if position + 4 > len(data):
                break
            length = int.from_bytes(data[position : position + 4], "big", signed=True)
            position += 4
            if length < 0:
                row.append(None)
                continue
            oid = oids[column] if column < len(oids) else 0
            value = data[position : position + length]
            found = argument(value, length, oid, BINARY, encoding, types)
            if not found.readable:
                unread.append((len(rows), column, length))
            row.append(found.value)
            position += length
        rows.append(tuple(row))
    return tuple(rows), tuple(unread)
