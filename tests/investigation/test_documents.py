"""docs/investigator.md says what the program does."""

import re
import shlex
from pathlib import Path

import pytest

from custody.index import KEYS, IndexedEvent, parse_query
from custody.investigation.documents import event_item
from custody.model.record import Body

PAGE = (Path(__file__).parents[2] / "docs" / "investigator.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^custody search ('.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", QUERIES)
def test_its_queries_are_queries(line: str) -> None:
    parse_query(shlex.split(line)[0], 0)


def test_it_names_every_key_of_the_language() -> None:
    assert set(re.findall(r"`(\w+):`", PAGE)) == set(KEYS)


def test_it_names_every_key_of_an_item() -> None:
    event = IndexedEvent(
        0, "gw/2026", 0, 0, "command", "", "", 0, "", "", "",
        (), (), "", "", (), "", "", "", None, "", {},
    )  # fmt: skip
    told = PAGE.partition("A command, as an item:")[2].partition("\n\n")[0]
    assert set(event_item(event)) <= set(re.findall(r"`(\w+)`", told))


def test_it_names_every_kind_of_record() -> None:
    kinds = {str(body.__struct_config__.tag) for body in Body.__args__}
    unlisted = {"command", "response.unknown", "transaction", "session.carry", "heartbeat"}
    assert all(f"`{kind}`" in PAGE for kind in kinds - unlisted)
