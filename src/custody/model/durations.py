"""Spans and moments as people write and read them.

Law: pure. Times are Unix milliseconds, spans are milliseconds; a moment is always written in UTC.
"""

from datetime import UTC, datetime
from typing import Final

UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
"""The units of a duration, shortest first."""


def duration_words(milliseconds: int) -> str:
    """A duration as the configuration writes it: ``1h30m``."""
    rest, words = milliseconds, ""
    for unit in reversed(UNITS_MS):
        count, rest = divmod(rest, UNITS_MS[unit])
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def moment(milliseconds: int) -> str:
    """UTC, to the millisecond: ``2026-11-22T10:00:00.000Z``."""
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
