"""Decodes a value on the wire to the text that an investigator reads.

Law: total and linear in the value's length. What cannot be decoded with certainty comes back as
hexadecimal and is not readable; nothing is guessed for a type that is not in the table.
"""

import datetime as dt
import ipaddress
import struct
import uuid
from collections.abc import Callable
from typing import Final

from custody.model.command import Argument

TEXT: Final = 0
BINARY: Final = 1

_PAIR: Final = struct.Struct(">ii")
_FLOAT4: Final = struct.Struct(">f")
_FLOAT8: Final = struct.Struct(">d")
_INT8: Final = struct.Struct(">q")
_INTERVAL: Final = struct.Struct(">qii")
_NUMERIC: Final = struct.Struct(">HhHH")
_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_DAY_US: Final = 86_400_000_000
_INFINITE: Final = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_INFINITE_DAYS: Final = {2**31 - 1: "infinity", -(2**31): "-infinity"}
_NUMERIC_SPECIAL: Final = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}
_NUMERIC_NEGATIVE: Final = 0x4000
ARRAY_ELEMENTS_AT_MOST: Final = 100_000

Decode = Callable[[bytes], str]
"""Raises one of ``_UNREADABLE`` for what it cannot read."""


def _utf8(value: bytes) -> str:
    return value.decode()


def _integer(value: bytes) -> str:
    return str(int.from_bytes(value, "big", signed=True))


def _unsigned(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))


def _boolean(value: bytes) -> str:
    return ("f", "t")[value[0]]


def _float4(value: bytes) -> str:
    return f"{_FLOAT4.unpack(value)[0]:.9g}"


def _float8(value: bytes) -> str:
    return repr(_FLOAT8.unpack(value)[0])


def _bytea(value: bytes) -> str:
    return "\\x" + value.hex()


def _jsonb(value: bytes) -> str:
    if value[0] != 1:  # the only version there is
        raise ValueError
    return value[1:].decode()


def _uuid(value: bytes) -> str:
    return str(uuid.UUID(bytes=value))


def _clock(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours:02}:{minutes:02}:{seconds:02}"
    return text + f".{fraction:06}".rstrip("0") if fraction else text


def _moment(microseconds: int) -> str:
    if microseconds in _INFINITE:
        return _INFINITE[microseconds]
    days, rest = divmod(microseconds, _DAY_US)
    return f"{_calendar(days)} {_clock(rest)}"


def _calendar(days: int) -> str:
    # Beyond Python's years 1 to 9999 the value stays readable as a count.
    try:
        return (_EPOCH + dt.timedelta(days=days)).date().isoformat()
    except OverflowError:
        return f"2000-01-01 {days:+} days"


def _date(value: bytes) -> str:
    days = struct.unpack(">i", value)[0]
    return _INFINITE_DAYS.get(days) or _calendar(days)


def _time(value: bytes) -> str:
    return _clock(_INT8.unpack(value)[0])


def _timetz(value: bytes) -> str:
    moment, west = struct.unpack(">qi", value)
    sign = "-" if west > 0 else "+"
    return f"{_clock(moment)}{sign}{_clock(abs(west) * 1_000_000)}"


def _timestamp(value: bytes) -> str:
    return _moment(_INT8.unpack(value)[0])


def _timestamptz(value: bytes) -> str:
    text = _timestamp(value)
    return text if text.endswith("infinity") else text + "+00"


def _interval(value: bytes) -> str:
    microseconds, days, months = _INTERVAL.unpack(value)
    years, months = (abs(months) // 12, abs(months) % 12) if months > 0 else _negative(months)
    counts = ((years, "year"), (months, "mon"), (days, "day"))
    parts = [f"{n} {unit}" if n == 1 else f"{n} {unit}s" for n, unit in counts if n]
    if microseconds or not parts:
        sign = "-" if microseconds < 0 else ""
        parts.append(sign + _clock(abs(microseconds)))
    return " ".join(parts)


def _negative(months: int) -> tuple[int, int]:
    return -(-months // 12), -(-months % 12)


def _numeric(value: bytes) -> str:
    count, weight, sign, scale = _NUMERIC.unpack_from(value)
    if sign in _NUMERIC_SPECIAL:
        return _NUMERIC_SPECIAL[sign]
    if len(value) != 8 + 2 * count or scale > 16_383 or sign not in {0, _NUMERIC_NEGATIVE}:
        raise ValueError
    digits = struct.unpack_from(f">{count}H", value, 8)
    if any(digit > 9999 for digit in digits):
        raise ValueError
    # Each digit is a group of four decimal ones; the first has the value digit * 10000^weight.
    whole = "".join(f"{d:04}" for d in digits[: max(weight + 1, 0)])
    whole += "0000" * max(weight + 1 - count, 0)
    fraction = "0000" * max(-weight - 1, 0)
    fraction += "".join(f"{d:04}" for d in digits[max(weight + 1, 0) :])
    text = whole.lstrip("0") or "0"
    if scale:
        text += "." + fraction[:scale].ljust(scale, "0")
    return "-" + text if sign == _NUMERIC_NEGATIVE else text


def _network(value: bytes) -> str:
    bits, is_cidr, length = value[1], value[2], value[3]
    address = ipaddress.ip_address(value[4:])
    if length != len(value) - 4:
        raise ValueError
    full = bits == address.max_prefixlen and not is_cidr
    return str(address) if full else f"{address}/{bits}"


def _macaddr(value: bytes) -> str:
    return value.hex(":")


def _array(value: bytes) -> str:
    dimensions, _ = _PAIR.unpack_from(value)
    element = struct.unpack_from(">I", value, 8)[0]
    decode = DECODERS.get(element)
    if dimensions == 0:
        return "{}"
    if decode is None or not 0 < dimensions <= 6:
        raise ValueError
    sizes = [_PAIR.unpack_from(value, 12 + 8 * i)[0] for i in range(dimensions)]
    position = 12 + 8 * dimensions
    items: list[str] = []
    while position < len(value):
        length = struct.unpack_from(">i", value, position)[0]
        position += 4
        if len(items) >= ARRAY_ELEMENTS_AT_MOST or length > len(value) - position:
            raise ValueError
        if length < 0:
            items.append("NULL")
            continue
        items.append(_element(decode(value[position : position + length])))
        position += length
    for size in reversed(sizes):
        if size <= 0 or len(items) % size:
            raise ValueError
        items = ["{" + ",".join(items[i : i + size]) + "}" for i in range(0, len(items), size)]
    if len(items) != 1:
        raise ValueError
    return items[0]


def _element(text: str) -> str:
    plain = text and text.upper() != "NULL" and not any(c in '{}",\\' or c.isspace() for c in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_SCALARS: Final[dict[int, tuple[str, int, Decode]]] = {
    # OID: name, OID of its array (0: none), decoder; src/include/catalog/pg_type.dat
    16: ("bool", 1000, _boolean),
    17: ("bytea", 1001, _bytea),
    18: ("char", 1002, _utf8),
    19: ("name", 1003, _utf8),
    20: ("int8", 1016, _integer),
    21: ("int2", 1005, _integer),
    23: ("int4", 1007, _integer),
    24: ("regproc", 1008, _unsigned),
    25: ("text", 1009, _utf8),
    26: ("oid", 1028, _unsigned),
    28: ("xid", 1011, _unsigned),
    29: ("cid", 1012, _unsigned),
    114: ("json", 199, _utf8),
    142: ("xml", 143, _utf8),
    650: ("cidr", 651, _network),
    700: ("float4", 1021, _float4),
    701: ("float8", 1022, _float8),
    705: ("unknown", 0, _utf8),
    829: ("macaddr", 1040, _macaddr),
    869: ("inet", 1041, _network),
    1042: ("bpchar", 1014, _utf8),
    1043: ("varchar", 1015, _utf8),
    1082: ("date", 1182, _date),
    1083: ("time", 1183, _time),
    1114: ("timestamp", 1115, _timestamp),
    1184: ("timestamptz", 1185, _timestamptz),
    1186: ("interval", 1187, _interval),
    1266: ("timetz", 1270, _timetz),
    1700: ("numeric", 1231, _numeric),
    2205: ("regclass", 2210, _unsigned),
    2206: ("regtype", 2211, _unsigned),
    2275: ("cstring", 1263, _utf8),
    2278: ("void", 0, _utf8),
    2950: ("uuid", 2951, _uuid),
    3220: ("pg_lsn", 3221, lambda v: f"{int.from_bytes(v[:4]):X}/{int.from_bytes(v[4:]):X}"),
    3802: ("jsonb", 3807, _jsonb),
    5069: ("xid8", 271, _unsigned),
}
DECODERS: Final[dict[int, Decode]] = {oid: row[2] for oid, row in _SCALARS.items()} | {
    row[1]: _array for row in _SCALARS.values() if row[1]
}
"""Binary formats that are understood, by type OID."""
NAMES: Final[dict[int, str]] = {oid: row[0] for oid, row in _SCALARS.items()} | {
    row[1]: row[0] + "[]" for row in _SCALARS.values() if row[1]
}
TEXTUAL: Final = frozenset({18, 19, 25, 114, 142, 705, 1042, 1043, 2275})
"""Types whose binary format is their text, so that a cut value is still readable."""
_FIXED: Final = {16: 1, 20: 8, 21: 2, 23: 4, 26: 4, 28: 4, 29: 4, 700: 4, 701: 8, 24: 4, 2950: 16}
_FIXED_MORE: Final = {1082: 4, 1083: 8, 1114: 8, 1184: 8, 1186: 16, 1266: 12, 2205: 4, 2206: 4}
FIXED: Final = _FIXED | _FIXED_MORE | {829: 6, 3220: 8, 5069: 8}
"""Lengths of types that have only one."""
_UNREADABLE: Final = (ValueError, struct.error, IndexError, OverflowError)


def type_name(oid: int) -> str:
    """The type's name; a type of the database's own is known by its OID only."""
    return NAMES.get(oid) or (f"oid {oid}" if oid else "")


def decoded(value: bytes, oid: int, form: int, encoding: str) -> tuple[str, bool]:
    """The text of a value (maybe cut), and whether it is readable; hexadecimal if not."""
    try:
        if form == TEXT or oid in TEXTUAL:
            return value.decode(encoding), True
        length = FIXED.get(oid)
        if length is None or length == len(value):
            decode = DECODERS.get(oid)
            if decode is not None:
                return decode(value), True
    except _UNREADABLE:
        pass
    return value.hex(), False


def argument(value: bytes | None, length: int, oid: int, form: int, encoding: str) -> Argument:
    """A bind value. ``length`` is the whole value's; ``value`` may be its beginning."""
    name = type_name(oid)
    if value is None:
        return Argument(None, name, 0)
    cut = len(value) < length
    if form == TEXT or oid in TEXTUAL:
        if cut:
            return Argument(beginning(value, encoding), name, length, truncated=True)
        text, readable = decoded(value, oid, TEXT, encoding)
    elif cut:
        text, readable = value.hex(), False
    elif oid == 0 or oid not in DECODERS:
        text, readable = _printable(value, encoding)
    else:
        text, readable = decoded(value, oid, form, encoding)
    return Argument(text, name, length, readable=readable, truncated=cut)


def beginning(value: bytes, encoding: str) -> str:
    """The text of a value that was cut, maybe inside a character."""
    return value.decode(encoding, "ignore")


def _printable(value: bytes, encoding: str) -> tuple[str, bool]:
    try:
        text = value.decode(encoding)
    except UnicodeDecodeError:
        return value.hex(), False
    if all(c.isprintable() or c in "\r\n\t" for c in text):
        return text, True
    return value.hex(), False


_ENCODINGS: Final = {
    # client_encoding to Python's codec; "Character Set Support" in the server's documentation
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "SQL_ASCII": "utf-8",  # bytes as they are; what is not UTF-8 is then unreadable
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "EUC_JP": "euc_jp",
    "EUC_KR": "euc_kr",
    "EUC_CN": "gb2312",
    "SJIS": "cp932",
    "BIG5": "cp950",
    "GBK": "gbk",
    "UHC": "cp949",
    "GB18030": "gb18030",
    "JOHAB": "johab",
} | {f"WIN{n}": f"cp{n}" for n in (866, 874, *range(1250, 1259))}


def python_encoding(client_encoding: str) -> str:
    """Python's name for it; ``ascii`` where there is none, so that only ASCII is readable."""
    return _ENCODINGS.get(client_encoding.upper(), "ascii")
