"""COPY data and other long streams on their way: counted, digested, and their beginning kept.

Law: a tap never holds more than its bound, however much passes; the bytes it kept are decoded only
when the stream is over, and decoding is total: what does not follow the format is shown as it is.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from custody.model.command import Column, Relation
from custody.model.record import OutputColumn, Stream
from custody.protocols.postgres.types.value_types import STATIC, ColumnTypes, Types
from custody.protocols.postgres.values.copy_text import Row, rows_of
from custody.protocols.postgres.values.row_capture import MARGIN
from custody.protocols.postgres.values.text import BINARY, argument
from custody.wire.sql.syntax import Copy

Unread = tuple[tuple[int, int, int], ...]

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"


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
