"""Grants: who may use which targets, with which effects, at which hours, for how long.

Law: a grant only ever permits; what no grant permits is denied. Whether a grant holds depends on
the loop, the target and the time, never on what a client claims about itself.
"""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.identity import Budget, Identity, Loop
from custody.model.words import Effect, TargetName
from custody.policy.grant_values import read_budget, read_effects
from custody.policy.hours import Hours, read_hours

FOREVER: Final = 1 << 62
"""A time in milliseconds that no clock reaches."""


class Grant(msgspec.Struct, frozen=True):
    """One ``[[grant]]``. ``groups`` and ``identities`` are alternatives; ``issuer`` narrows both,
    where it is set.

    The fields stand in the order in which ``policy_digest`` writes them: a new one comes last.
    """

    name: Annotated[
        str, ConfigKey(read.name, "How explanations call it.", "`grant` and its number")
    ]
    targets: Annotated[
        tuple[str, ...], ConfigKey(read.some_texts, "Target names; `*` is all.", after="issuer")
    ]
    effects: Annotated[
        frozenset[Effect],
        ConfigKey(
            read_effects,
            "`read`, `write`, `define`, `grant`, `execute`, `unknown`. "
            "What is not listed is denied.",
            after="targets",
        ),
    ]
    groups: Annotated[
        tuple[str, ...], ConfigKey(read.texts, "Whoever is in one of these.", "none")
    ] = ()
    identities: Annotated[tuple[str, ...], ConfigKey(read.texts, "Subjects by name.", "none")] = ()
    issuer: Annotated[
        str, ConfigKey(read.some_text, "Only identities that this issuer vouched for.", "any")
    ] = ""
    hours: Annotated[Hours | None, ConfigKey(read_hours, "Hours of the day, UTC.", "all day")] = (
        None
    )
    max_loop_ms: Annotated[
        int | None, ConfigKey(read.duration, "How old a loop may grow.", "no limit")
    ] = None
    replication: Annotated[
        bool, ConfigKey(read.flag, "Replication connections, recorded as opaque.")
    ] = False
    concurrency: Annotated[
        int | None,
        ConfigKey(
            read.integer(1, 1_000_000),
            "Loops of one identity that rest on this grant at once.",
            "no limit",
        ),
    ] = None
    budget: Annotated[
        Budget | None,
        ConfigKey(
            read_budget,
            "What a loop may use up: `commands`, `rows`, `bytes`, `writes`, `denials`; "
            '`then` is "end", "pause" or "ask".',
            "no limit",
        ),
    ] = None
    objects: Annotated[
        tuple[str, ...] | None,
        ConfigKey(
            read.texts,
            "Only commands all of whose objects fit one of these, such as `public.orders`; `*` is "
            "any run of characters. An empty list is for commands that touch none.",
            "all objects",
            after="effects",
        ),
    ] = None
    """Patterns, as ``fits`` reads them."""
    max_rows: Annotated[
        int | None,
        ConfigKey(
            read.integer(1, 1 << 53),
            "Rows that one statement may write, by the server's own count once it has: the loop "
            "whose statement crosses it ends, and with its sessions their open transactions.",
            "no limit",
            after="budget",
        ),
    ] = None

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
