"""A loop's reach: its identity's grants, its principal's, and its own scope.

Law: each of the three only ever takes away. An agent that acts for a principal may do only what
both may, and no scope adds anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from custody.model.identity import Identity, Loop
from custody.model.words import Effect, TargetName
from custody.policy.grant import Grant

EVERYTHING = "*"


def holding(
    grants: Iterable[Grant], identity: Identity, loop: Loop, target: TargetName, now: int
) -> Iterator[Grant]:
    """The grants that hold for that identity in this loop on this target at ``now``."""
    for grant in grants:
        if grant.covers(target) and grant.names(identity) and grant.holds(loop, now):
            yield grant


def granted(grants: Iterable[Grant], objects: Sequence[str]) -> frozenset[Effect]:
    """What those grants allow together that each cover all of these objects."""
    return frozenset[Effect]().union(*(grant.effects for grant in grants if grant.reaches(objects)))


def outside(grants: Sequence[Grant], loop: Loop, target: TargetName, now: int) -> str:
    """Why the loop may not use the target for anything at all; empty where it may."""
    scope = loop.scope
    if scope is not None and scope.targets is not None and target not in scope.targets:
        return f"This loop was started for {', '.join(scope.targets) or 'no target'} only."
    if next(holding(grants, loop.identity, loop, target, now), None) is None:
        return f"No grant lets this identity use {target} now."
    whom = loop.principal
    if whom is not None and next(holding(grants, whom, loop, target, now), None) is None:
        return f"No grant lets {whom.subject}, for whom this loop acts, use {target} now."
    return ""


def ceiling(
    grants: Sequence[Grant], loop: Loop, target: TargetName, now: int, objects: Sequence[str]
) -> frozenset[Effect]:
    """The effects that the loop may have on the target at most, in one command that touches these
    objects.
    """
    if outside(grants, loop, target, now):
        return frozenset()
    effects = granted(holding(grants, loop.identity, loop, target, now), objects)
    if loop.principal is not None:
        effects &= granted(holding(grants, loop.principal, loop, target, now), objects)
    if loop.scope is not None and loop.scope.effects is not None:
        effects &= loop.scope.effects
    return effects


def may_ever(grants: Sequence[Grant], loop: Loop, target: TargetName) -> bool:
    """Whether grants name everybody whom the loop is about for that target, at any hour."""
    return all(
        any(grant.covers(target) and grant.names(identity) for grant in grants)
        for identity in (loop.identity, loop.principal)
        if identity is not None
    )


REPLICATION: Final = "replication"
"""The stream that a grant's key of that name allows."""


def replicates(grants: Sequence[Grant], loop: Loop, target: TargetName, now: int) -> bool:
    """Whether a grant that names replication holds for everybody whom the loop is about. A stream
    has every effect that there is, so a loop that was narrowed to some has none.
    """
    if outside(grants, loop, target, now):
        return False
    if loop.scope is not None and loop.scope.effects is not None:
        return False
    return all(
        any(grant.replication for grant in holding(grants, identity, loop, target, now))
        for identity in (loop.identity, loop.principal)
        if identity is not None
    )


def rests_on(grants: Iterable[Grant], loop: Loop) -> Iterator[Grant]:
    """The grants that the loop lives by at one hour or another: they name who it is about, and
    cover a target that it was not narrowed away from.
    """
    scope = None if loop.scope is None else loop.scope.targets
    for grant in grants:
        if not grant.names(loop.identity) and not (
            loop.principal is not None and grant.names(loop.principal)
        ):
            continue
        if scope is None or EVERYTHING in grant.targets or set(scope) & set(grant.targets):
            yield grant
