"""Values that are made of others, and values of a database's own types.

Law: a type is read only as the catalogue describes it, or as PostgreSQL's own table does; what
nobody has described yet is wanted, and not guessed. The text is never much longer than the value.
"""

import struct
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final

from custody.protocols.postgres.types.scalars import (
    ARRAYS,
    DECODERS,
    FIXED,
    TEXTUAL,
    Decode,
)
from custody.protocols.postgres.types.type_fact import TypeFact, TypeQuestion

_PAIR: Final = struct.Struct(">ii")
_COUNT: Final = struct.Struct(">i")
_OID: Final = struct.Struct(">I")
ITEMS_AT_MOST: Final = 100_000
_DEEPEST: Final = 8
TYPES_AT_MOST: Final = 64
"""Types that are asked about for one answer."""
_LONGER: Final = 16
"""How many times longer than a value its text may be."""
_VERSIONED: Final = frozenset({3802, 4072})
_RECORDS: Final = frozenset({2249})
_RECORD_ARRAYS: Final = frozenset({2287})
_RANGES: Final = {3904: 23, 3906: 1700, 3908: 1114, 3910: 1184, 3912: 1082, 3926: 20}
_MULTIRANGES: Final = {4451: 23, 4532: 1700, 4533: 1114, 4534: 1184, 4535: 1082, 4536: 20}
_RANGE_ARRAYS: Final = frozenset(
    {3905, 3907, 3909, 3911, 3913, 3927, 6150, 6151, 6152, 6153, 6155, 6157}
)
_OWN: Final = frozenset(
    {*ARRAYS, *_RECORDS, *_RECORD_ARRAYS, *_RANGE_ARRAYS, *_RANGES, *_MULTIRANGES}
)
_EMPTY, _LOWER_IN, _UPPER_IN, _NO_LOWER, _NO_UPPER = 1, 2, 4, 8, 16

Recall = Callable[[Hashable], object | None]


class UnknownTypeError(ValueError):
    """Nobody has described the type yet."""


class Types:
    """Reads values of any type that is known; ``wanted`` are those that must be asked about."""

    def __init__(self, recall: Recall | None, *, asks: bool) -> None:
        """``asks``: somebody will ask what is ``wanted``, and answer."""
        self._recall: Final = recall
        self._asks: Final = asks
        self._facts: Final[dict[int, TypeFact | None]] = {}
        self.wanted: Final[dict[int, None]] = {}

    def unanswered(self) -> list[int]:
        return [oid for oid in self.wanted if oid not in self._facts]

    def questions(self) -> list[Hashable]:
        """What must be known before more can be read."""
        return [TypeQuestion(oid) for oid in self.unanswered()]

    def question(self, oid: int) -> TypeQuestion | None:
        """What must be asked before values of this type can be read."""
        known = not oid or oid in DECODERS or oid in _OWN or oid in self._facts
        return None if known else TypeQuestion(oid)

    def answer(self, question: TypeQuestion, answer: object) -> None:
        """Anything but a fact says that it could not be found out."""
        self._facts[question.oid] = answer if isinstance(answer, TypeFact) else None

    def name(self, oid: int) -> str:
        fact = self._fact(oid) if oid in self._facts or self._recall is not None else None
        return fact.name if fact is not None else ""

    def text(self, value: bytes, oid: int, encoding: str) -> str:
        """Raises one of ``UNREADABLE``; ``UnknownTypeError`` where the type is now ``wanted``."""
        decode = DECODERS.get(oid)
        if decode is not None:
            return _scalar(value, oid, decode, encoding)
        text = self._compound(value, oid, encoding, 0)
        if len(text) > _LONGER * len(value) + 1024:
            raise ValueError
        return text

    def _fact(self, oid: int) -> TypeFact | None:
        if oid not in self._facts:
            answer = self._recall(TypeQuestion(oid)) if self._recall is not None else None
            if answer is None:
                return None
            self._facts[oid] = answer if isinstance(answer, TypeFact) else None
        return self._facts[oid]

    def _want(self, oid: int) -> TypeFact:
        fact = self._fact(oid)
        if fact is None:
            if self._asks and oid not in self._facts and len(self.wanted) < TYPES_AT_MOST:
                self.wanted[oid] = None
            raise UnknownTypeError
        return fact

    def _read(self, value: bytes, oid: int, encoding: str, depth: int) -> str:
        decode = DECODERS.get(oid)
        if decode is not None:
            return _scalar(value, oid, decode, encoding)
        return self._compound(value, oid, encoding, depth)

    def _compound(  # noqa: C901, PLR0911 - one return for each kind of type
        self, value: bytes, oid: int, encoding: str, depth: int
    ) -> str:
        if depth > _DEEPEST:
            raise ValueError
        if oid in ARRAYS or oid in _RECORD_ARRAYS or oid in _RANGE_ARRAYS:
            return self._array(value, encoding, depth)
        if oid in _RECORDS:
            return self._record(value, encoding, depth)
        if oid in _RANGES:
            return self._range(value, _RANGES[oid], encoding, depth)
        if oid in _MULTIRANGES:
            return self._multirange(value, _MULTIRANGES[oid], encoding, depth)
        fact = self._want(oid)
        match fact.kind:
            case "d":
                return self._read(value, fact.base, encoding, depth + 1)
            case "e":
                return value.decode(encoding)
            case "c":
                return self._record(value, encoding, depth)
            case "r":
                return self._range(value, fact.subtype, encoding, depth)
            case "m":
                return self._multirange(value, fact.subtype, encoding, depth)
            case _ if fact.send == "array_send":
                return self._array(value, encoding, depth)
            case _:
                return _by_send(value, fact.send, encoding)

    def _array(self, value: bytes, encoding: str, depth: int) -> str:
        dimensions, _ = _PAIR.unpack_from(value)
        element = _OID.unpack_from(value, 8)[0]
        if dimensions == 0:
            return "{}"
        if not 0 < dimensions <= 6:
            raise ValueError
        sizes = [_PAIR.unpack_from(value, 12 + 8 * i)[0] for i in range(dimensions)]
        items = [
            "NULL" if part is None else _element(self._read(part, element, encoding, depth + 1))
            for part in _parts(value, 12 + 8 * dimensions)
        ]
        for size in reversed(sizes):
            if size <= 0 or len(items) % size:
                raise ValueError
            items = ["{" + ",".join(items[i : i + size]) + "}" for i in range(0, len(items), size)]
        if len(items) != 1:
            raise ValueError
        return items[0]

    def _record(self, value: bytes, encoding: str, depth: int) -> str:
        """Each field of a record says its type ("record_send")."""
        count = _COUNT.unpack_from(value)[0]
        position = 4
        fields: list[str] = []
        missing = False
        for _ in range(count):
            oid = _OID.unpack_from(value, position)[0]
            length = _COUNT.unpack_from(value, position + 4)[0]
            position += 8
            if length < 0:
                fields.append("")
                continue
            if length > len(value) - position:
                raise ValueError
            try:
                text = self._read(value[position : position + length], oid, encoding, depth + 1)
                fields.append(_field(text))
            except UnknownTypeError:
                missing = True  # the types of the other fields are wanted at once
            position += length
        if position != len(value):
            raise ValueError
        if missing:
            raise UnknownTypeError
        return "(" + ",".join(fields) + ")"

    def _range(self, value: bytes, subtype: int, encoding: str, depth: int) -> str:
        flags = value[0]
        if flags & _EMPTY:
            return "empty"
        parts = list(_parts(value, 1))
        bounds = ["", ""]
        for at, absent in enumerate((_NO_LOWER, _NO_UPPER)):
            if not flags & absent:
                part = parts.pop(0)
                if part is None:
                    raise ValueError
                bounds[at] = _field(self._read(part, subtype, encoding, depth + 1))
        if parts:
            raise ValueError
        opening = "[" if flags & _LOWER_IN else "("
        return f"{opening}{bounds[0]},{bounds[1]}" + ("]" if flags & _UPPER_IN else ")")

    def _multirange(self, value: bytes, subtype: int, encoding: str, depth: int) -> str:
        ranges = [
            self._range(part or b"", subtype, encoding, depth + 1) for part in _parts(value, 4)
        ]
        if len(ranges) != _COUNT.unpack_from(value)[0]:
            raise ValueError
        return "{" + ",".join(ranges) + "}"


class ColumnTypes:
    """The types of a table's columns, by name, and what is known of them."""

    __slots__ = ("oids", "types")

    def __init__(self, oids: Mapping[str, int], types: Types) -> None:
        self.oids: Final = oids
        self.types: Final = types


def _scalar(value: bytes, oid: int, decode: Decode, encoding: str) -> str:
    if oid in TEXTUAL:
        return value.decode(encoding)
    if oid in _VERSIONED:
        return _versioned(value, encoding)
    length = FIXED.get(oid)
    if length is not None and length != len(value):
        raise ValueError
    return decode(value)


def _parts(value: bytes, position: int) -> Iterator[bytes | None]:
    """Values with their lengths in front, to the end."""
    count = 0
    while position < len(value):
        length = _COUNT.unpack_from(value, position)[0]
        position += 4
        count += 1
        if count > ITEMS_AT_MOST or length > len(value) - position:
            raise ValueError
        if length < 0:
            yield None
            continue
        yield value[position : position + length]
        position += length


def _element(text: str) -> str:
    plain = text and text.upper() != "NULL" and not any(c in '{}",\\' or c.isspace() for c in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _field(text: str) -> str:
    """As ``record_out`` and ``range_out`` quote."""
    plain = text and not any(c in '()[]",\\' or c.isspace() for c in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def _hstore(value: bytes, encoding: str) -> str:
    parts = list(_parts(value, 4))
    if len(parts) != 2 * _COUNT.unpack_from(value)[0] or None in parts[::2]:
        raise ValueError
    return ", ".join(
        f"{_quoted(key, encoding)}=>{_quoted(held, encoding)}"
        for key, held in zip(parts[::2], parts[1::2], strict=True)
    )


def _quoted(part: bytes | None, encoding: str) -> str:
    if part is None:
        return "NULL"
    text = part.decode(encoding)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _versioned(value: bytes, encoding: str) -> str:
    if value[0] != 1:
        raise ValueError
    return value[1:].decode(encoding)


def _vector(value: bytes, _encoding: str) -> str:
    count = struct.unpack_from(">H", value)[0]
    return "[" + ",".join(f"{x:.9g}" for x in struct.unpack(f">{count}f", value[4:])) + "]"


_TEXT_SENDS: Final = frozenset(
    {"textsend", "varcharsend", "bpcharsend", "namesend", "charsend", "cstring_send", "json_send",
     "xml_send", "unknownsend", "enum_send", "citextsend"}
)  # fmt: skip
_SCALAR_SENDS: Final = {
    "boolsend": 16, "byteasend": 17, "int8send": 20, "int2send": 21, "int4send": 23, "oidsend": 26,
    "float4send": 700, "float8send": 701, "jsonb_send": 3802, "numeric_send": 1700,
    "uuid_send": 2950, "date_send": 1082, "time_send": 1083, "timestamp_send": 1114,
    "timestamptz_send": 1184, "interval_send": 1186, "timetz_send": 1266, "inet_send": 869,
    "cidr_send": 650, "macaddr_send": 829, "cash_send": 20, "pg_lsn_send": 3220, "regclasssend": 26,
    "regprocsend": 26, "regtypesend": 26, "regrolesend": 26, "xidsend": 28, "cidsend": 29,
}  # fmt: skip
_OTHER_SENDS: Final[dict[str, Callable[[bytes, str], str]]] = {
    "hstore_send": _hstore,
    "ltree_send": _versioned,
    "lquery_send": _versioned,
    "ltxtq_send": _versioned,
    "jsonpath_send": _versioned,
    "vector_send": _vector,
}


def _by_send(value: bytes, send: str, encoding: str) -> str:
    """By the function that wrote it (``pg_type.typsend``)."""
    if send in _TEXT_SENDS:
        return value.decode(encoding)
    other = _OTHER_SENDS.get(send)
    if other is not None:
        return other(value, encoding)
    oid = _SCALAR_SENDS.get(send)
    if oid is None:
        raise ValueError
    return _scalar(value, oid, DECODERS[oid], encoding)


def has_own(oids: Sequence[int]) -> bool:
    """Whether one of the types is none of PostgreSQL's own table."""
    for oid in oids:  # noqa: SIM110 - a generator costs more than the loop
        if oid not in DECODERS and oid not in _OWN and oid:
            return True
    return False


STATIC: Final = Types(None, asks=False)
"""Knows PostgreSQL's own types and nothing of a database's."""
