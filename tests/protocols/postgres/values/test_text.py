"""Values to text: total, and nothing is guessed."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.protocols.postgres.types.scalars import DECODERS
from custody.protocols.postgres.values.encoding_names import any_encoding, python_encoding
from custody.protocols.postgres.values.text import (
    argument,
    decoded,
    type_name,
)


@given(st.binary(max_size=80), st.sampled_from(sorted(DECODERS)), st.integers(0, 1))
def test_any_bytes_give_a_text(value: bytes, oid: int, form: int) -> None:
    text, readable = decoded(value, oid, form, "utf-8")
    assert readable or text == value.hex()


@pytest.mark.parametrize(
    ("value", "length", "oid", "form", "text", "readable", "truncated"),
    [
        (b"abc", 3, 0, 0, "abc", True, False),
        (b"abc", 900, 25, 1, "abc", True, True),
        ("é".encode()[:1], 900, 25, 0, "", True, True),
        (b"\0\0\0\7", 4, 23, 1, "7", True, False),
        (b"\0\0\7", 3, 23, 1, "000007", False, False),
        (b"\0\0", 900, 1007, 1, "0000", False, True),
        (b"plain", 5, 0, 1, "plain", True, False),
        (b"\x01\x02", 2, 0, 1, "0102", False, False),
        (b"\xff", 1, 25, 0, "ff", False, False),
        (b"\x02{}", 3, 3802, 1, "027b7d", False, False),
        (b"anything!", 9, 99_999, 1, "anything!", True, False),
        (b"anything", 8, 99_999, 1, b"anything".hex(), False, False),
        (b"anything", 8, 0, 1, b"anything".hex(), False, False),
    ],
)
def test_bind_values(  # noqa: PLR0917  # the columns of the table
    value: bytes,
    length: int,
    oid: int,
    form: int,
    text: str,
    readable: bool,  # noqa: FBT001  # as above
    truncated: bool,  # noqa: FBT001  # as above
) -> None:
    found = argument(value, length, oid, form, "utf-8")
    assert (found.value, found.readable, found.truncated) == (text, readable, truncated)
    assert found.length == length


def test_null_is_none() -> None:
    assert argument(None, 0, 23, 1, "utf-8").value is None


@pytest.mark.parametrize(
    ("digits", "weight", "sign", "scale", "text"),
    [
        ((1, 2345), 1, 0, 0, "12345"),
        ((1,), 2, 0, 0, "100000000"),
        ((12, 3400), 0, 0x4000, 2, "-12.34"),
        ((1200,), -2, 0, 6, "0.000012"),
        ((), 0, 0, 3, "0.000"),
        ((), 0, 0xC000, 0, "NaN"),
        ((), 0, 0xF000, 0, "-Infinity"),
    ],
)
def test_numbers(digits: tuple[int, ...], weight: int, sign: int, scale: int, text: str) -> None:
    value = struct.pack(">HhHH", len(digits), weight, sign, scale)
    value += struct.pack(f">{len(digits)}H", *digits)
    assert decoded(value, 1700, 1, "utf-8") == (text, True)


def test_names() -> None:
    assert [type_name(oid) for oid in (23, 1007, 0, 99_999)] == ["int4", "int4[]", "", "oid 99999"]
    assert python_encoding("sjis") == "cp932"
    assert python_encoding("MULE_INTERNAL") == "ascii"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("utf-8", "utf-8"),
        ("Latin1", "iso8859-1"),
        ("iso_8859_1", "iso8859-1"),
        ("shift_jis", "cp932"),
        ("windows-1252", "cp1252"),
        ("WIN", "cp1251"),
        ("mule_internal", "ascii"),
    ],
)
def test_a_statement_spells_an_encoding_as_it_likes(name: str, codec: str) -> None:
    assert any_encoding(name) == codec
