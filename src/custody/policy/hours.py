"""Hours of the day, UTC.

Law: whether an hour holds depends on the time alone.
"""

import re
from typing import Final

import msgspec

from custody.model.config.config_key import UnfitValueError, reads
from custody.model.config.value_readers import text

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class Hours(msgspec.Struct, frozen=True):
    """Hours of the day, UTC, in minutes since midnight; ``end`` before ``start`` spans midnight."""

    start: int
    end: int

    def hold(self, now: int) -> bool:
        minute = now % DAY_MS / MINUTE_MS
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def change_after(self, now: int) -> int:
        """The next moment, in ms, at which ``hold`` gives another answer."""
        midnight = now - now % DAY_MS
        boundaries = (
            midnight + day * DAY_MS + minute * MINUTE_MS
            for day in (0, 1)
            for minute in (self.start, self.end)
        )
        return min(moment for moment in boundaries if moment > now)


@reads('"08:00-18:00"')
def read_hours(value: object) -> Hours:
    wanted = UnfitValueError('It must be hours of the day in UTC, such as "08:00-18:00".')
    start, dash, end = text(value).replace(" ", "").partition("-")
    first, last = _CLOCK.fullmatch(start), _CLOCK.fullmatch(end)
    if not dash or first is None or last is None:
        raise wanted
    minutes = [int(found[1]) * 60 + int(found[2]) for found in (first, last)]
    if minutes[0] == minutes[1] or minutes[0] >= 1440 or minutes[1] > 1440:
        raise wanted
    return Hours(minutes[0], minutes[1])
