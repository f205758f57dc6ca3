"""Decodes a value on the wire to the text that an investigator reads.

Law: total and linear in the value's length. What cannot be decoded with certainty comes back as
hexadecimal and is not readable; nothing is guessed for a type that nobody has described.
"""

from typing import Final

from custody.model.command import Argument
from custody.protocols.postgres.types.scalars import NAMES, TEXTUAL, UNREADABLE
from custody.protocols.postgres.types.value_types import STATIC, Types, UnknownTypeError

TEXT: Final = 0
BINARY: Final = 1
_INTEGER_SIZES: Final = frozenset({2, 4, 8})


def type_name(oid: int, types: Types = STATIC) -> str:
    """The type's name; one that nobody has described is known by its OID only."""
    return NAMES.get(oid) or types.name(oid) or (f"oid {oid}" if oid else "")


def decoded(
    value: bytes, oid: int, form: int, encoding: str, types: Types = STATIC
) -> tuple[str, bool]:
    """The text of a value (maybe cut), and whether it is readable; hexadecimal if not."""
    try:
        if form == TEXT or oid in TEXTUAL:
            return value.decode(encoding), True
        return types.text(value, oid, encoding), True
    except UNREADABLE:
        return value.hex(), False


def argument(  # noqa: PLR0917 - a value and all that says how to read it
    value: bytes | None,
    length: int,
    oid: int,
    form: int,
    encoding: str,
    types: Types = STATIC,
) -> Argument:
    """A bind value. ``length`` is the whole value's; ``value`` may be its beginning."""
    name = type_name(oid, types)
    if value is None:
        return Argument(None, name, 0)
    cut = len(value) < length
    if form == TEXT or oid in TEXTUAL:
        if cut:
            return Argument(beginning(value, encoding), name, length, truncated=True)
        text, readable = decoded(value, oid, TEXT, encoding)
    elif cut:
        text, readable = value.hex(), False
    elif oid == 0:
        text, readable = _printable(value, encoding)
    else:
        try:
            text, readable = types.text(value, oid, encoding), True
        except UnknownTypeError:
            text, readable = _printable(value, encoding)
        except UNREADABLE:
            text, readable = value.hex(), False
    return Argument(text, name, length, readable=readable, truncated=cut)


def beginning(value: bytes, encoding: str) -> str:
    """The text of a value that was cut, maybe inside a character."""
    return value.decode(encoding, "ignore")


def _printable(value: bytes, encoding: str) -> tuple[str, bool]:
    """A value of which nobody has said the type: text where it can hardly be a number."""
    try:
        text = value.decode(encoding)
    except UnicodeDecodeError:
        return value.hex(), False
    if len(value) not in _INTEGER_SIZES and all(c.isprintable() or c in "\r\n\t" for c in text):
        return text, True
    return value.hex(), False
