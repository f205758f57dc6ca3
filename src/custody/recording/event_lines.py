"""Lines of the operator's log for what happens often: sessions, refusals, callers turned away.

Law: a line holds ids, codes, names of rules and targets, addresses; never a statement, a value or a
secret. A burst does not become a flood: past ``LINES_A_SECOND`` lines are counted, and the next one
that is written says how many were left out. The evidence has all of it; this is for eyes.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

LINES_A_SECOND: Final = 50


class EventLines:
    """Of one kind of event. ``seconds`` is any clock that only goes forward."""

    def __init__(
        self, logger: logging.Logger, level: int, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger: Final = logger
        self._level: Final = level
        self._seconds: Final = seconds
        self._second = 0
        self._written = 0
        self._left_out = 0

    def write(self, what: str, **facts: str | int) -> None:
        """``what`` is a constant; ``facts`` follow it as ``key=value``, or as members in JSON."""
        if not self._logger.isEnabledFor(self._level):
            return
        second = int(self._seconds())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= LINES_A_SECOND:
            self._left_out += 1
            return
        self._written += 1
        if self._left_out:
            facts["left_out"] = self._left_out
            self._left_out = 0
        self._logger.log(self._level, what, extra={"facts": facts})
