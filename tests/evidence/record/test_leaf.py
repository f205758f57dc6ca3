"""Leaves: what the log writes is read, what is not exactly that is refused."""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import custody.evidence
from custody.evidence.record.frame import LEAF_MAX
from custody.evidence.record.leaf import LeafError, parse
from custody.evidence.record.leaf_facts import KINDS
from custody.model.record import Body

HASH = "0f" * 32
FORMAT = Path(custody.evidence.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
COMMON: dict[str, Any] = {
    "v": "custody-leaf/1", "type": "session.end", "t": 1, "seg": "2026-11-22/000",
    "pc": HASH, "ct": HASH,
}  # fmt: skip
IN_SESSION = {"session": "ses_" + "a" * 20, "n": 1, "prev": HASH}


def encoded(**fields: object) -> bytes:
    whole = {**COMMON, **fields}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


ACCEPTED: list[dict[str, object]] = [
    IN_SESSION,
    {"session": "ses_" + "a" * 20, "n": 0},
    {"loop": "loop_" + "2" * 20},
    {"type": "command", "effects": ["read", "write"], "stage": "parse", "verdict": "deny"},
    {"type": "command", "effects": [], "stage": "execute", "verdict": "allow", "policy": HASH},
    {"type": "response", "outcome": "ok"},
    {"type": "response", "outcome": "ok", "command": 7},
    {"type": "clock", "offset": -70000},
    {"type": "heartbeat", "open": 0, "digest": HASH},
    {"type": "recovery", "torn": 5, "hash": HASH, "size": 9, "open": 1, "digest": HASH},
    {"type": "log.open", "durability": "disk", "responses": "async"},
    {"type": "log.open", "durability": "disk", "responses": "async",
     "previous": "gw/2026\n5\nAAAA\n\n— gw/2026 AAAA\n"},
    {"type": "session.carry", **IN_SESSION},
    {"type": "prune.done", "cut": "2026-01-01", "from": 5, "holds": ["h1", "h2"]},
]  # fmt: skip

REFUSED: list[tuple[str, dict[str, object]]] = [
    ("no version", {"v": "custody-leaf/2"}),
    ("a float", {"t": 1.5}),
    ("a boolean for a number", {"t": True}),
    ("a negative time", {"t": -1}),
    ("too large a number", {"t": 2**53}),
    ("a segment without its day", {"seg": "000"}),
    ("an upper case hash", {"pc": HASH.upper()}),
    ("a short hash", {"ct": HASH[:-2]}),
    ("an unknown field", {"text": "x"}),
    ("free text as an id", {"loop": "loop_DROP TABLE users;--"}),
    ("a session without n", {"session": IN_SESSION["session"]}),
    ("n without a session", {"n": 0}),
    ("a first record with prev", {**IN_SESSION, "n": 0}),
    ("a later record without prev", {"session": IN_SESSION["session"], "n": 3}),
    ("a carry without prev", {"type": "session.carry"}),
    ("an unknown effect", {"type": "command", "effects": ["x"], "stage": "parse",
                           "verdict": "deny"}),
    ("effects out of order", {"type": "command", "effects": ["write", "read"],
                              "stage": "parse", "verdict": "deny"}),
    ("an effect twice", {"type": "command", "effects": ["read", "read"],
                         "stage": "parse", "verdict": "deny"}),
    ("no verdict", {"type": "command", "effects": [], "stage": "parse"}),
    ("an unknown outcome", {"type": "response", "outcome": "fine"}),
    ("a fact that an end of a login has not", {"type": "login.end", "count": 1}),
    ("a mask of a login that is no hash", {"type": "login.accepted", "mask": "pii"}),
    ("text in a type of a later version", {"type": "prune.done", "why": "the boss said so"}),
    ("an object in a type of a later version", {"type": "prune.done", "why": {}}),
]  # fmt: skip


@pytest.mark.parametrize("fields", ACCEPTED)
def test_a_leaf_is_read(fields: dict[str, object]) -> None:
    leaf = parse(encoded(**fields))
    assert leaf.t == 1
    assert leaf.type == fields.get("type", "session.end")


@pytest.mark.parametrize("fields", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_leaf_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(LeafError):
        parse(encoded(**fields))


@pytest.mark.parametrize("name", list(COMMON))
def test_a_missing_field_is_refused(name: str) -> None:
    fields = {key: value for key, value in COMMON.items() if key != name}
    with pytest.raises(LeafError):
        parse(json.dumps(fields).encode())


def test_a_key_that_occurs_twice_is_refused() -> None:
    with pytest.raises(LeafError):
        parse(encoded()[:-1] + b',"t":2}')


def test_a_leaf_of_more_than_4_kib_is_refused() -> None:
    with pytest.raises(LeafError):
        parse(encoded(type="prune.done", ids=["x" * 100] * (LEAF_MAX // 100)))


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    with pytest.raises(LeafError):
        parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from([*COMMON, *IN_SESSION, "effects", "command", "x"]), JSON)
def test_any_value_is_read_or_refused(name: str, value: object) -> None:
    data = json.dumps({**COMMON, **IN_SESSION, name: value}).encode()
    with contextlib.suppress(LeafError):
        parse(data)


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=8))
def test_the_quick_encoder_writes_what_the_standard_library_writes(fields: dict[str, Any]) -> None:
    bounded = {
        key: value for key, value in fields.items() if isinstance(value, str) or abs(value) < 2**53
    }
    ours = msgspec.json.Encoder(order="sorted").encode(bounded)
    assert json.loads(ours) == bounded
    if all(
        text.isascii() and text.isprintable() for text in map(str, [*bounded, *bounded.values()])
    ):
        assert ours == json.dumps(bounded, sort_keys=True, separators=(",", ":")).encode()


def test_every_kind_of_record_has_a_type() -> None:
    assert {kind: each.name for kind, each in KINDS.items()} == {
        body: body.__struct_config__.tag for body in Body.__args__
    }


@pytest.mark.parametrize("kind", sorted(kind.name for kind in KINDS.values()))
def test_every_type_that_is_written_is_in_the_format(kind: str) -> None:
    types = FORMAT.partition("| type | further keys |")[2].partition("\n\n")[0]
    assert f"`{kind}`" in types


@pytest.mark.parametrize("kind", sorted(kind.name for kind in KINDS.values()))
def test_no_type_that_is_written_is_read_as_one_of_a_later_version(kind: str) -> None:
    """Whose further keys may be any closed word."""
    with pytest.raises(LeafError):
        parse(encoded(type=kind, **IN_SESSION, surely_no_key="x"))
