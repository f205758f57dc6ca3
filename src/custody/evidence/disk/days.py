"""Days and clocks: which day a record is filed under, and when a clock is not believed.

Law: days never go back. A wall clock that departs from monotonic time by more than a minute is
reported; one that leaps forward by more than an hour moves neither day nor year until an operator
confirms it, or it comes back.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_REPORT_MS: Final = 60_000
_DISTRUST_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000


class LogClock(NamedTuple):
    """Milliseconds since the Unix epoch, and milliseconds that never jump (suspension included,
    where the system can).
    """

    wall_ms: Callable[[], int]
    steady_ms: Callable[[], int]


def day_of(wall_ms: int) -> str:
    """The UTC day, ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d")


def next_day(day: str) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=1)).strftime("%Y-%m-%d")


def milliseconds_to_midnight(wall_ms: int) -> int:
    return _DAY_MS - wall_ms % _DAY_MS


class ClockWatch:
    """Compares the wall clock with steady time."""

    def __init__(self, clock: LogClock) -> None:
        self._clock = clock
        # Where the wall clock stood against steady time when it was last believed, and last seen.
        self._believed = self._reported = clock.wall_ms() - clock.steady_ms()

    @property
    def trusted(self) -> bool:
        """False while the wall clock is over an hour ahead of where steady time would have it."""
        return self._reported - self._believed <= _DISTRUST_MS

    def look(self) -> int | None:
        """How far the wall clock jumped since the last report, if that is worth a record."""
        now = self._clock.wall_ms() - self._clock.steady_ms()
        jump = now - self._reported
        if abs(jump) <= _REPORT_MS:
            return None
        self._reported = now
        if self.trusted:
            self._believed = now
        return jump

    def confirm(self) -> None:
        """An operator says that the clock is right."""
        self._believed = self._reported
