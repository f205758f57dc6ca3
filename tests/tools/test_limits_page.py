"""docs/limits.md has the numbers that the code has."""

import importlib
import re
from pathlib import Path

import msgspec
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
ROWS = re.findall(
    r"^\| (.+?) \| (\d+)[^|]*\| .+? \| `([\w.]+)` \|$", PAGE.read_text("utf-8"), re.MULTILINE
)


def value_of(place: str) -> object:
    """A module's constant, or the default of a value's field."""
    module, _, name = f"custody.{place}".rpartition(".")
    holder, _, kind = module.rpartition(".")
    if not kind[0].isupper():
        return getattr(importlib.import_module(module), name)
    owner = getattr(importlib.import_module(holder), kind)
    if issubclass(owner, msgspec.Struct):
        return {each.name: each.default for each in msgspec.structs.fields(owner)}[name]
    return owner._field_defaults[name]


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) >= 25


@pytest.mark.parametrize(("what", "number", "place"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_says_what_the_code_says(what: str, number: str, place: str) -> None:
    assert value_of(place) == int(number), what


def test_the_operators_defaults_are_those_of_the_configuration() -> None:
    told = PAGE.read_text("utf-8")
    documented = (PAGE.parent / "configuration.md").read_text("utf-8")
    for key in ("command_bytes", "text_bytes", "response_bytes", "max_connections"):
        (number,) = re.findall(rf"`[\w.]+\.{key}` \| (\d+) \|", told)
        assert re.search(rf"^\| `{key}` \|[^|]*\| `{number}` \|", documented, re.MULTILINE), key
