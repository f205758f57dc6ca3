"""Values made of others: total, bounded, and nothing is guessed."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.protocols.postgres.types.scalars import ARRAYS, UNREADABLE
from custody.protocols.postgres.types.type_fact import TypeFact, TypeQuestion
from custody.protocols.postgres.types.value_types import STATIC, Types, UnknownTypeError, has_own

OWN = 50_000
FACTS = {
    OWN: TypeFact("citext", "b", "citextsend", 0, 0),
    OWN + 1: TypeFact("mood", "e", "enum_send", 0, 0),
    OWN + 2: TypeFact("card", "d", "int8send", 20, 0),
    OWN + 3: TypeFact("pair", "c", "record_send", 0, 0),
    OWN + 4: TypeFact("words", "r", "range_send", 0, OWN),
    OWN + 5: TypeFact("_mood", "b", "array_send", 0, 0, OWN + 1),
    OWN + 6: TypeFact("hstore", "b", "hstore_send", 0, 0),
    OWN + 7: TypeFact("odd", "b", "odd_send", 0, 0),
    OWN + 8: TypeFact("circle", "d", "record_send", OWN + 8, 0),
    OWN + 9: TypeFact("wordss", "m", "multirange_send", 0, OWN),
}


def recall(question: object) -> object | None:
    return FACTS.get(question.oid) if isinstance(question, TypeQuestion) else None


def field(oid: int, value: bytes | None) -> bytes:
    if value is None:
        return struct.pack(">Ii", oid, -1)
    return struct.pack(">Ii", oid, len(value)) + value


def part(value: bytes | None) -> bytes:
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def array(oid: int, *values: bytes | None) -> bytes:
    return struct.pack(">iiIii", 1, 0, oid, len(values), 1) + b"".join(map(part, values))


def record(*fields: bytes) -> bytes:
    return struct.pack(">i", len(fields)) + b"".join(fields)


CARD = struct.pack(">q", 4111111111111111)
CASES = (
    (OWN, b"Hello", "Hello"),
    (OWN + 1, b"happy", "happy"),
    (OWN + 2, CARD, "4111111111111111"),
    (OWN + 3, record(field(23, bytes(4)), field(OWN, b'a "b"'), field(25, None)), '(0,"a ""b""",)'),
    (OWN + 4, b"\x02" + part(b"a") + part(b"b c"), '[a,"b c")'),
    (OWN + 4, b"\x01", "empty"),
    (OWN + 4, b"\x08" + part(b"z"), "(,z)"),
    (OWN + 5, array(OWN + 1, b"sad", None), "{sad,NULL}"),
    (OWN + 6, b"\0\0\0\1" + part(b"k") + part(b"v"), '"k"=>"v"'),
    (OWN + 6, b"\0\0\0\1" + part(b"n") + part(None), '"n"=>NULL'),
    (OWN + 9, struct.pack(">i", 1) + part(b"\x02" + part(b"a") + part(b"b")), "{[a,b)}"),
    (2249, record(field(20, CARD), field(OWN + 2, CARD)), "(4111111111111111,4111111111111111)"),
    (2287, array(2249, record(field(25, b"x"))), "{(x)}"),
    (3926, b"\x02" + part(bytes(8)) + part(bytes(7) + b"\5"), "[0,5)"),
    (1016, array(20, CARD), "{4111111111111111}"),
    (1560, struct.pack(">i", 5) + b"\xa8", "10101"),
)  # fmt: skip


@pytest.mark.parametrize(("oid", "value", "text"), CASES)
def test_a_value_reads_as_its_type_writes_it(oid: int, value: bytes, text: str) -> None:
    assert Types(recall, asks=True).text(value, oid, "utf-8") == text


@pytest.mark.parametrize(("oid", "value", "text"), CASES)
def test_what_is_not_known_is_asked_and_then_read(oid: int, value: bytes, text: str) -> None:
    types = Types(None, asks=True)
    for _ in range(4):
        with contextlib.suppress(UnknownTypeError):
            types.text(value, oid, "utf-8")
        for question in types.questions():
            assert isinstance(question, TypeQuestion)
            types.answer(question, FACTS[question.oid])
    assert types.text(value, oid, "utf-8") == text


@given(st.sampled_from([*FACTS, 2249, 2287, 3926, 4536, *sorted(ARRAYS)]), st.binary(max_size=120))
def test_any_bytes_are_a_text_or_are_refused(oid: int, value: bytes) -> None:
    try:
        text = Types(recall, asks=True).text(value, oid, "utf-8")
    except UNREADABLE:
        return
    assert len(text) <= 16 * len(value) + 1024


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (OWN + 7, b"anything"),
        (OWN + 8, record()),
        (OWN + 2, b"\0\0\0\1"),
        (99_999, b"x"),
        (2249, record(field(23, b"\0")) + b"more"),
    ],
)
def test_what_nobody_can_read_is_refused(oid: int, value: bytes) -> None:
    with pytest.raises(UNREADABLE):
        Types(recall, asks=True).text(value, oid, "utf-8")


def test_without_anybody_to_ask_nothing_is_wanted() -> None:
    with pytest.raises(UnknownTypeError):
        STATIC.text(b"x", OWN, "utf-8")
    assert not STATIC.wanted
    assert has_own((23, OWN))
    assert not has_own((0, 25, 1016, 2249, 3926))
