"""How the process's own log is written: one line for an event, as text or as JSON.

Law: whatever a message or a fact holds, it stays on its line: what is not plain is escaped. Other
people's libraries are heard from ``WARNING`` on.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/@\[\]+-]+")
_QUIET: Final = {"asyncio": logging.ERROR}


def write_log(form: str, level: str) -> None:
    """To standard error, from now on. ``form`` and ``level``: the words of ``[log]``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("custody").setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def _facts(record: logging.LogRecord) -> Mapping[str, object]:
    found = getattr(record, "facts", None)
    return found if isinstance(found, dict) else {}


def _time(record: logging.LogRecord) -> str:
    """UTC, RFC 3339, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03d}Z"


class TextLines(logging.Formatter):
    """``2026-11-22T10:00:00.000Z INFO custody.login: a session began session=ses_…``."""

    def format(self, record: logging.LogRecord) -> str:
        said = "".join(f" {key}={_word(value)}" for key, value in _facts(record).items())
        message = _on_one_line(record.getMessage())
        return f"{_time(record)} {record.levelname} {record.name}: {message}{said}"


class JsonLines(logging.Formatter):
    """One object a line: ``time``, ``level``, ``room``, ``message``, and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        return json.dumps(line, ensure_ascii=True)


def _word(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=True)


def _on_one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
