"""Bytes that anybody may send: each is read or refused, and nothing else happens."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.identity.oidc.issuing import ISSUER, encode, id_claims, signed

from custody.identity.oidc.issuer_trust import ASYMMETRIC
from custody.identity.oidc.tokens.claims import find, fit
from custody.identity.oidc.tokens.compact import parse_compact, unverified_origin
from custody.identity.oidc.tokens.strict_json import MAX_DEPTH, read_object
from custody.model.errors import CustodyError
from custody.model.secret import Secret

GOOD = signed(id_claims()).reveal()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
objects = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "iss", "aud", "exp"]) | st.text(max_size=4),
    values,
)


@given(st.text() | st.builds(".".join, st.lists(st.text("abAB_-=+/ \0é", max_size=9), max_size=5)))
@example("..")
@example("e30.e30.")
def test_any_text_is_a_token_or_refused(text: str) -> None:
    with contextlib.suppress(CustodyError):
        parse_compact(Secret(text), ASYMMETRIC)
    assert isinstance(unverified_origin(Secret(text)).issuer, str)


@given(objects, objects, st.binary(max_size=80))
def test_any_objects_are_a_token_or_refused(
    header: dict[str, object], claims: dict[str, object], signature: bytes
) -> None:
    parts = (encode(json.dumps(each).encode()) for each in (header, claims))
    text = ".".join([*parts, encode(signature)])
    with contextlib.suppress(CustodyError):
        apart = parse_compact(Secret(text), ASYMMETRIC)
        assert apart.claims == claims
        assert apart.signature == signature
        assert apart.header.algorithm == header["alg"]
        assert "…" in repr(apart)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_one_other_character_is_another_token(place: int, character: str) -> None:
    """Every spelling has one token, and every token one spelling."""
    bent = GOOD[:place] + character + GOOD[place + 1 :]
    if bent == GOOD:
        return
    with contextlib.suppress(CustodyError):
        apart, good = (parse_compact(Secret(text), ASYMMETRIC) for text in (bent, GOOD))
        assert (apart.signed, apart.signature) != (good.signed, good.signature)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    with contextlib.suppress(CustodyError):
        assert isinstance(read_object(data, "It"), dict)


@given(objects)
def test_what_was_written_is_read(found: dict[str, object]) -> None:
    assert read_object(json.dumps(found).encode(), "It") == found


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("{}", True),
        ('{"a":1,"b":1}', True),
        ('{"a":1,"a":1}', False),
        ('{"b":{"a":1,"a":2}}', False),
        ('{"b":[{"a":1,"\\u0061":2}]}', False),
        ('{"a":1} ', True),
        ('{"a":1}x', False),
        ('{"a":Infinity}', False),
        ('{"a":-NaN}', False),
        ('{"\\ud800":1}', False),
        ('{"a":"\\ud83d\\ude00"}', True),
        ("\ufeff{}", False),
        ("null", False),
        ('"{}"', False),
        ("", False),
        ('{"a":' * (MAX_DEPTH - 1) + "1" + "}" * (MAX_DEPTH - 1), True),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), False),
        ("[" * 100_000, False),
        ('{"a":' * 100_000, False),
    ],
    ids=lambda each: str(each)[:24],
)
def test_json_means_one_thing(text: str, fine: bool) -> None:  # noqa: FBT001 - a row
    if fine:
        read_object(text.encode(), "It")
        return
    with pytest.raises(CustodyError) as caught:
        read_object(text.encode(), "It")
    assert caught.value.code == "identity.malformed"


def test_its_origin_is_known_before_anything_is_proved() -> None:
    assert unverified_origin(Secret(GOOD)) == (ISSUER, frozenset({"custody"}))
    assert unverified_origin(signed(id_claims(iss=7))).issuer == ""
    assert unverified_origin(signed(id_claims(aud=["a", 7, "b"]))).audience == {"a", "b"}
    for text in ("ct_0123456789", "x" * 100_000, "a.b.c"):
        assert unverified_origin(Secret(text)) == ("", frozenset())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": {"c": 1}, "b.c": 2}),
        ("a.b.c", 2),
        ("x.y.z", 3),
        ("a.b", {"c": 1}),
        ("a.b.d", None),
        ("nothing", None),
        ("", None),
        (".", None),
    ],
)
def test_dots_go_into_objects_and_names_with_dots_come_first(path: str, value: object) -> None:
    claims = {"a": {"b": {"c": 1}, "b.c": 2}, "x.y": {"z": 3}}
    assert find(claims, path) == value


@given(st.text(max_size=20))
def test_a_fit_name_is_one_line_that_can_be_written(text: str) -> None:
    if fit(text):
        assert len(text.splitlines()) == 1
        assert "\x1b" not in text
