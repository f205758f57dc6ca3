"""Grants: who may use which targets, with which effects, at which hours, for how long.

Law: a grant only ever permits; what no grant permits is denied. Whether a grant holds depends on
the loop, the target and the time, never on what a client claims about itself.
"""

from collections.abc import Iterable

import msgspec

from custody.model.identity import Budget, Identity, Loop
from custody.model.words import Effect, TargetName

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
FOREVER = 1 << 62
"""A time in milliseconds that no clock reaches."""


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


class Grant(msgspec.Struct, frozen=True):
    """``groups`` and ``identities`` are alternatives; ``issuer`` narrows both, where it is set.

    ``targets`` may hold ``*``. ``max_loop_ms`` is the age at which a loop stops being served.
    ``objects`` are patterns, as ``fits`` reads them; ``None`` is all that a target has.
    """

    name: str
    targets: tuple[str, ...]
    effects: frozenset[Effect]
    groups: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    issuer: str = ""
    hours: Hours | None = None
    max_loop_ms: int | None = None
    replication: bool = False
    concurrency: int | None = None
    """How many loops of one identity may rest on it at once."""
    budget: Budget | None = None
    """What a loop that rests on it may use up."""
    objects: tuple[str, ...] | None = None

    def names(self, identity: Identity) -> bool:
        if self.issuer and self.issuer != identity.issuer:
            return False
        return identity.subject in self.identities or any(
            group in self.groups for group in identity.groups
        )

    def covers(self, target: TargetName) -> bool:
        return target in self.targets or "*" in self.targets

    def reaches(self, objects: Iterable[str]) -> bool:
        """Whether the patterns cover all of these objects; of none of them, any grant does."""
        patterns = self.objects
        return patterns is None or all(
            any(fits(pattern, each) for pattern in patterns) for each in objects
        )

    def holds(self, loop: Loop, now: int) -> bool:
        """Whether the hours and the loop's age allow it at ``now``."""
        if self.hours is not None and not self.hours.hold(now):
            return False
        return self.max_loop_ms is None or now - loop.started < self.max_loop_ms

    def change_after(self, loop: Loop, now: int) -> int:
        """No later than the next moment at which ``holds`` may give another answer."""
        moment = FOREVER if self.hours is None else self.hours.change_after(now)
        if self.max_loop_ms is not None and now < loop.started + self.max_loop_ms:
            moment = min(moment, loop.started + self.max_loop_ms)
        return moment


def fits(pattern: str, name: str) -> bool:
    """Whether the name is as the pattern says, in which ``*`` is any run of characters. Takes time
    in proportion to both.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    at, end = len(first), len(name) - len(last)
    if end < at or not name.startswith(first) or not name.endswith(last):
        return False
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
