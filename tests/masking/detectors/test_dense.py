"""A text so full of finds that naming each would hold everybody up is redacted as a whole."""

import pytest
from tests.masking.scenes import COLUMNS, USERS

from custody.masking.detectors.scanner import HITS_AT_MOST
from custody.masking.masker import RecordMasker
from custody.masking.statements import LITERALS_AT_MOST
from custody.model.command import Command
from custody.model.record import CommandSeen, Milliseconds, Record
from custody.model.words import Decision


def masked(text: str) -> str:
    command = Command("SELECT", frozenset(), (), bounded=True, text=text)
    seen = CommandSeen(command, Decision.ALLOW, "grant", "", "00" * 32, "orders")
    body = RecordMasker((), b"k" * 32).mask(Record(Milliseconds(1), seen)).body
    assert isinstance(body, CommandSeen)
    return body.command.text


def test_dense_text_keeps_nothing() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 3 + "abcdef"
    text = "SELECT " + ", ".join(f"'{token}'" for _ in range(HITS_AT_MOST + 10))
    assert token not in masked(text)
    assert len(masked(text)) < 100


def test_text_within_the_bound_keeps_its_shape() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 3 + "abcdef"
    kept = masked(f"SELECT '{token}', 'x' FROM t")
    assert token not in kept
    assert kept.endswith("'x' FROM t")


@pytest.mark.parametrize("unit", ["'a',", "1,", "$$a$$,", "/*a*/", '"a",', "E'\\n',", "'a''b',"])
@pytest.mark.parametrize("problem", ["", "syntax"])
def test_a_text_of_too_many_literals_keeps_what_stands_before_them(unit: str, problem: str) -> None:
    """The bound that holds for a parsed statement holds for one that nobody could parse."""
    text = "SELECT x " + unit * (LITERALS_AT_MOST + 10) + "'hunter2'"
    command = Command(
        "SELECT", frozenset(), (), bounded=True, text=text, problem=problem, relations=(USERS,)
    )
    seen = CommandSeen(command, Decision.ALLOW, "grant", "", "00" * 32, "orders")
    body = COLUMNS.mask(Record(Milliseconds(1), seen)).body
    assert isinstance(body, CommandSeen)
    assert "hunter2" not in body.command.text
    assert body.command.text.startswith("SELECT x ")
