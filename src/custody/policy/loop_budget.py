"""What loops may use up: limits from grants and from the loop itself.

Law: every limit that applies holds; of two for one quantity the tighter one counts, and of two
that are equal the graver consequence.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from custody.model.identity import Budget, Loop
from custody.model.words import Exceeded
from custody.policy.grant import Grant
from custody.policy.reach import rests_on

QUANTITIES: Final = ("commands", "rows", "bytes", "writes", "denials")
"""In the order of ``Budget``'s and ``Spent``'s fields."""

MAX_ROWS: Final = "max_rows"
"""Of one statement that writes; nothing adds up to it."""

_GRAVITY: Final = (Exceeded.ASK, Exceeded.PAUSE, Exceeded.END)


class Limit(msgspec.Struct, frozen=True):
    """A loop may use up ``limit`` of ``quantity``; with more, ``then`` happens."""

    quantity: str
    limit: int
    then: Exceeded


Limits = tuple[Limit, ...]
"""At most one for each quantity, in their order."""


def limits_of(grants: Iterable[Grant], loop: Loop) -> Limits:
    """What holds for a loop, its ancestors' limits not included: those are their own."""
    grants = tuple(grants)
    budgets = [grant.budget for grant in rests_on(grants, loop) if grant.budget is not None]
    if loop.budget is not None:
        budgets.append(loop.budget)
    found = [_tightest(quantity, budgets) for quantity in QUANTITIES]
    rows = [grant.max_rows for grant in rests_on(grants, loop) if grant.max_rows is not None]
    if rows:
        found.append(Limit(MAX_ROWS, min(rows), Exceeded.END))
    return tuple(limit for limit in found if limit is not None)


def _tightest(quantity: str, budgets: Iterable[Budget]) -> Limit | None:
    limits = [
        Limit(quantity, limit, budget.then)
        for budget in budgets
        if (limit := getattr(budget, quantity)) is not None
    ]
    return min(limits, key=lambda one: (one.limit, -_GRAVITY.index(one.then)), default=None)


def wider(asked: Budget, limits: Limits) -> str:
    """The quantity of which more is asked than the limits have; empty where there is none."""
    for limit in limits:
        wanted = getattr(asked, limit.quantity, None)
        if wanted is not None and wanted > limit.limit:
            return limit.quantity
    return ""
