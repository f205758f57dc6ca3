"""The quick reader of leaves says what ``leaf.parse`` says, of any bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.record.test_leaf import ACCEPTED, COMMON, HASH, IN_SESSION, REFUSED, encoded

from custody.evidence.record import leaf_parse_fast
from custody.evidence.record.leaf import Leaf, LeafError, parse
from custody.evidence.record.leaf_parse_fast import LeafReader

COMMAND: dict[str, Any] = {
    **IN_SESSION, "type": "command", "effects": ["read", "write"], "stage": "execute",
    "verdict": "allow", "policy": HASH, "mask": HASH, "loop": "loop_" + "2" * 20,
}  # fmt: skip
RESPONSE: dict[str, Any] = {**IN_SESSION, "type": "response", "outcome": "ok", "command": 7}
USUAL = [
    COMMAND,
    RESPONSE,
    {**IN_SESSION, "type": "session.end"},
    {"session": IN_SESSION["session"], "n": 0, "type": "session.start", "mask": HASH},
    {"type": "loop.start", "loop": "loop_" + "2" * 20},
    {"type": "prune.other"},
]


def said(read: Any, data: bytes) -> Leaf | str:
    try:
        found: Leaf = read(data)
    except LeafError as error:
        return error.fault
    return found


def learned() -> LeafReader:
    """A reader that has seen each usual shape."""
    reader = LeafReader()
    for fields in USUAL:
        reader.read(encoded(**fields))
    return reader


@pytest.mark.parametrize("fields", [*USUAL, *ACCEPTED, *(row[1] for row in REFUSED)])
def test_the_same_is_said_at_first_sight_and_at_the_second(fields: dict[str, object]) -> None:
    reader, data = learned(), encoded(**fields)
    assert said(reader.read, data) == said(parse, data)
    assert said(reader.read, data) == said(parse, data)


@pytest.mark.parametrize("fields", USUAL, ids=lambda fields: fields["type"])
def test_a_known_shape_needs_no_parser(
    fields: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = learned()
    monkeypatch.setattr(leaf_parse_fast, "parse", None)
    other = {**fields, "t": 2**49, "seg": "2026-11-23/001", "pc": "ab" * 32, "ct": "cd" * 32}
    assert reader.read(encoded(**other)) == parse(encoded(**other))


def test_what_differs_is_read_from_each_leaf() -> None:
    reader = learned()
    for number in (0, 1, 9, 10, 2**49):
        data = encoded(**{**RESPONSE, "command": number, "n": number + 1, "t": number})
        assert reader.read(data) == parse(data)


def test_shapes_are_forgotten_before_they_are_too_many() -> None:
    reader = LeafReader()
    for number in range(600):
        data = encoded(**{**COMMAND, "policy": f"{number:064x}"})
        assert reader.read(data) == parse(data)
    assert len(reader._facts) <= 256


WHOLE = [encoded(**fields) for fields in USUAL]


@given(st.sampled_from(WHOLE), st.data())
def test_any_damage_is_judged_alike(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(at, min(len(whole), at + 3)))
    put = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from([b"0", b"00", b'"', b"\n"])))
    damaged = whole[:at] + put + whole[end:]
    reader = learned()
    assert said(reader.read, damaged) == said(parse, damaged)
    assert said(reader.read, damaged) == said(parse, damaged)


VALUES = st.one_of(
    st.integers(-3, 2**54), st.booleans(), st.floats(), st.text(max_size=4),
    st.sampled_from([HASH, "ses_" + "b" * 20, "read", "allow", "ok", "parse", ["read"], []]),
)  # fmt: skip
NAMES = st.sampled_from([*COMMON, *COMMAND, *RESPONSE, "count", "x"])


@given(
    st.sampled_from(USUAL),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sets(NAMES, max_size=2),
    st.booleans(),
)
def test_any_fields_are_judged_alike(
    usual: dict[str, Any],
    put: dict[str, Any],
    gone: set[str],
    spaced: bool,  # noqa: FBT001  # drawn
) -> None:
    every = {**COMMON, **usual, **put}
    fields = {name: value for name, value in every.items() if name not in gone}
    separators = (", ", ": ") if spaced else (",", ":")
    data = json.dumps(fields, sort_keys=True, separators=separators).encode()
    reader = learned()
    assert said(reader.read, data) == said(parse, data)
    assert said(reader.read, data) == said(parse, data)
