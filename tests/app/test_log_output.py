"""Each event of the process's own log is one line, whatever it holds."""

import json
import logging

import pytest

from custody.app.log_output import JsonLines, TextLines

HOSTILE = "x\nERROR forged\x1b[2J\u2028y"


def record(message: str, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("custody.gate", logging.INFO, "", 0, message, (), None)
    made.created, made.msecs = 1_795_000_000.0, 7.0
    made.facts = facts
    return made


def test_text_has_time_level_room_message_and_facts() -> None:
    line = TextLines().format(record("a command was refused", code="denied", command="ses_a-3"))
    assert line == (
        "2026-11-18T11:06:40.007Z INFO custody.gate: a command was refused"
        " code=denied command=ses_a-3"
    )


def test_json_is_one_object_for_a_line() -> None:
    line = JsonLines().format(record("a command was refused", code="denied", refused=3))
    assert json.loads(line) == {
        "time": "2026-11-18T11:06:40.007Z",
        "level": "info",
        "room": "custody.gate",
        "message": "a command was refused",
        "code": "denied",
        "refused": 3,
    }


@pytest.mark.parametrize("form", [TextLines(), JsonLines()], ids=["text", "json"])
def test_nothing_leaves_its_line(form: logging.Formatter) -> None:
    line = form.format(record(HOSTILE, target=HOSTILE, rule='a "b"'))
    assert line.isprintable()
    assert "\n" not in line
