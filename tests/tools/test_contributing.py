"""The way of a statement, as CONTRIBUTING.md tells it, is the way that the code goes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py):(\w+)`", TEXT)))
PLACES = sorted(set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+(?:\.py)?)`", TEXT)))


def test_there_is_something_to_check() -> None:
    assert len(NAMED) > 25


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_name_is_where_it_is_said_to_be(file: str, name: str) -> None:
    source = (ROOT / "src" / "custody" / file).read_text(encoding="utf-8")
    assert re.search(rf"(?m)^\s*(?:(?:async )?def |class ){name}\b|^{name}\b", source)


@pytest.mark.parametrize("place", [each for each in PLACES if "/" in each])
def test_a_place_is_there(place: str) -> None:
    assert any((folder / place).exists() for folder in (ROOT / "src" / "custody", ROOT))
