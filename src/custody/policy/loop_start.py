"""Whether a loop may begin, and how long it may live.

Law: a loop begins within the grants of its identity and of its principal, and within its parent; a
request beyond that is refused, never quietly cut down.
"""

from collections.abc import Iterable, Sequence

import msgspec

from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop, Scope
from custody.model.words import Effect, TargetName
from custody.policy.grant import Grant
from custody.policy.loop_budget import limits_of, wider
from custody.policy.reach import ceiling, outside, rests_on


class TargetReach(msgspec.Struct, frozen=True):
    """A target that the loop may use now, and how."""

    target: TargetName
    effects: frozenset[Effect]


def targets_in_reach(
    grants: Sequence[Grant], targets: Iterable[TargetName], loop: Loop, now: int
) -> tuple[TargetReach, ...]:
    return tuple(
        TargetReach(target, ceiling(grants, loop, target, now, objects=()))
        for target in targets
        if not outside(grants, loop, target, now)
    )


def check_scope(
    grants: Sequence[Grant], targets: Iterable[TargetName], loop: Loop, now: int
) -> None:
    """Raises ``loop.no-grant`` where the loop could use nothing, ``loop.scope`` where it was asked
    for more than the grants have.
    """
    known = tuple(targets)
    bare = msgspec.structs.replace(loop, scope=None)
    reachable = {one.target: one.effects for one in targets_in_reach(grants, known, bare, now)}
    if not reachable:
        raise CustodyError(
            "loop.no-grant",
            f"No grant lets {_who(loop)} use any target now.",
            "Ask the operator of this gateway for a grant, or come back at its hours. "
            "On the gateway's own host, --group says in which group.",
        )
    scope = loop.scope or Scope()
    wanted = scope.targets if scope.targets is not None else tuple(reachable)
    for target in wanted:
        if target not in reachable:
            raise CustodyError(
                "loop.scope",
                f"There is no target {target!r} that {_who(loop)} has a grant for now.",
                f"Those that there are: {', '.join(sorted(reachable))}.",
            )
    effects = frozenset[Effect]().union(*(reachable[target] for target in wanted))
    missing = (scope.effects or frozenset()) - effects
    if missing:
        raise CustodyError(
            "loop.scope",
            f"No grant allows {', '.join(sorted(missing))} on {', '.join(wanted)}.",
            f"Granted there: {', '.join(sorted(effects)) or 'nothing'}.",
        )


def inherit(asked: Scope, parent: Scope | None) -> Scope:
    """A child's scope. Raises ``loop.scope`` where it is wider than its parent's."""
    of_parent = parent or Scope()
    targets, effects = asked.targets, asked.effects
    if of_parent.targets is not None:
        targets = of_parent.targets if targets is None else targets
        _refuse_wider("target", set(targets) - set(of_parent.targets))
    if of_parent.effects is not None:
        effects = of_parent.effects if effects is None else effects
        _refuse_wider("effect", effects - of_parent.effects)
    return Scope(targets, effects)


def _refuse_wider(what: str, beyond: Iterable[str]) -> None:
    names = ", ".join(sorted(beyond))
    if names:
        raise CustodyError(
            "loop.scope",
            f"The parent loop itself was not started for the {what} {names}.",
            "A child may have what its parent has, or less.",
        )


def check_budget(grants: Sequence[Grant], loop: Loop, ancestors: Iterable[Loop]) -> None:
    """Raises ``loop.budget`` where more is asked than the grants or an ancestor have."""
    if loop.budget is None:
        return
    bare = msgspec.structs.replace(loop, budget=None)
    for limits in (limits_of(grants, bare), *(limits_of(grants, each) for each in ancestors)):
        quantity = wider(loop.budget, limits)
        if quantity:
            limit = next(one.limit for one in limits if one.quantity == quantity)
            raise CustodyError(
                "loop.budget",
                f"The budget asks for more {quantity} than this loop may have: {limit}.",
                "Ask for that or less, or leave it out.",
            )


def check_room(grants: Sequence[Grant], loop: Loop, running: Sequence[Loop]) -> None:
    """Raises ``loop.concurrency`` where a grant has no room for one more of the identity's loops.

    ``running`` are the loops of that identity that have not ended.
    """
    for grant in rests_on(grants, loop):
        if grant.concurrency is None or not grant.names(loop.identity):
            continue
        others = sum(grant in set(rests_on((grant,), each)) for each in running)
        if others >= grant.concurrency:
            raise CustodyError(
                "loop.concurrency",
                f"{others} loops of {loop.identity.subject} run by grant {grant.name!r} already, "
                f"which is as many as it allows.",
                "End one, or start this one for targets of another grant.",
            )


def longest(grants: Sequence[Grant], loop: Loop) -> int | None:
    """How old the loop may grow at most, ms; ``None``: no limit, 0: it has no grant at all."""
    ages = [
        _longest([grant for grant in rests_on(grants, loop) if grant.names(identity)])
        for identity in _people(loop)
    ]
    limits = [age for age in ages if age is not None]
    return min(limits, default=None)


def _longest(mine: Sequence[Grant]) -> int | None:
    limits = [grant.max_loop_ms for grant in mine if grant.max_loop_ms is not None]
    if len(limits) < len(mine):
        return None
    return max(limits, default=0)


def _people(loop: Loop) -> tuple[Identity, ...]:
    return (loop.identity,) if loop.principal is None else (loop.identity, loop.principal)


def _who(loop: Loop) -> str:
    whom = "" if loop.principal is None else f" for {loop.principal.subject}"
    return f"{loop.identity.subject}{whom}"
