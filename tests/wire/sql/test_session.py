"""How values of parameters are read from a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.wire.sql.session import split_identifiers


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", ()),
        ("  ", ()),
        ("a", ("a",)),
        ("A, b", ("a", "b")),
        ('"$user", public', ("$user", "public")),
        ('"A""b" , c', ('A"b', "c")),
        ('"a, b"', ("a, b",)),
        ("É", ("É",)),
        ("a b", None),
        ("a,", None),
        (",a", None),
        ('"a', None),
        ("a,,b", None),
    ],
)
def test_lists_of_identifiers(value: str, parts: tuple[str, ...] | None) -> None:
    assert split_identifiers(value) == parts


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_quoted_lists_come_back(names: list[str]) -> None:
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    assert split_identifiers(quoted) == tuple(names)


@given(st.text(max_size=30))
def test_any_text_ends(value: str) -> None:
    split_identifiers(value)
