"""Decodes single values of PostgreSQL's own types to the text that an investigator reads.

Law: total and linear in the value's length; what does not follow its type's format is refused, and
nothing is guessed for a type that is not in the table.
"""

import datetime as dt
import ipaddress
import struct
import uuid
from collections.abc import Callable
from typing import Final

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

Decode = Callable[[bytes], str]
"""Raises one of ``UNREADABLE`` for what it cannot read."""


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


def _bits(value: bytes) -> str:
    count = int.from_bytes(value[:4], "big")
    if len(value) != 4 + (count + 7) // 8:
        raise ValueError
    return "".join(f"{byte:08b}" for byte in value[4:])[:count]


def _floats(value: bytes) -> str:
    """Points, boxes, lines and circles: coordinates one after the other."""
    numbers = struct.unpack(f">{len(value) // 8}d", value)
    return "(" + ",".join(repr(number) for number in numbers) + ")"


def _lexemes(value: bytes) -> str:
    """``tsvector``: words, each with its places."""
    count, position = int.from_bytes(value[:4], "big"), 4
    words = []
    for _ in range(count):
        end = value.index(0, position)
        places = int.from_bytes(value[end + 1 : end + 3], "big")
        words.append("'" + value[position:end].decode().replace("'", "''") + "'")
        position = end + 3 + 2 * places
    if position != len(value):
        raise ValueError
    return " ".join(words)


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
    774: ("macaddr8", 775, _macaddr),
    790: ("money", 791, _integer),
    600: ("point", 1017, _floats),
    601: ("lseg", 1018, _floats),
    603: ("box", 1020, _floats),
    628: ("line", 629, _floats),
    718: ("circle", 719, _floats),
    1560: ("bit", 1561, _bits),
    1562: ("varbit", 1563, _bits),
    2202: ("regprocedure", 2207, _unsigned),
    3614: ("tsvector", 3643, _lexemes),
    4072: ("jsonpath", 4073, _jsonb),
    4089: ("regnamespace", 4090, _unsigned),
    4096: ("regrole", 4097, _unsigned),
    5069: ("xid8", 271, _unsigned),
}
DECODERS: Final[dict[int, Decode]] = {oid: row[2] for oid, row in _SCALARS.items()}
"""Binary formats of single values that are understood, by type OID."""
ARRAYS: Final = frozenset(row[1] for row in _SCALARS.values() if row[1]) | {22, 30, 1006, 1013}
"""Types whose binary format is an array's; ``int2vector`` and ``oidvector`` among them."""
NAMES: Final[dict[int, str]] = {oid: row[0] for oid, row in _SCALARS.items()} | {
    row[1]: row[0] + "[]" for row in _SCALARS.values() if row[1]
}
TEXTUAL: Final = frozenset({18, 19, 25, 114, 142, 705, 1042, 1043, 2275})
"""Types whose binary format is their text, so that a cut value is still readable."""
_FIXED: Final = {16: 1, 20: 8, 21: 2, 23: 4, 26: 4, 28: 4, 29: 4, 700: 4, 701: 8, 24: 4, 2950: 16}
_FIXED_MORE: Final = {1082: 4, 1083: 8, 1114: 8, 1184: 8, 1186: 16, 1266: 12, 2205: 4, 2206: 4}
FIXED: Final = _FIXED | _FIXED_MORE | {829: 6, 3220: 8, 5069: 8}
"""Lengths of types that have only one."""
UNREADABLE: Final = (ValueError, struct.error, IndexError, OverflowError)
"""What a decoder raises."""
