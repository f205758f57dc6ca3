"""Why a verdict is what it is, step by step.

Law: an explanation walks the same steps as ``decide`` and must end in the same verdict.
"""

import msgspec

from custody.model.command import Command, Verdict
from custody.model.identity import Session
from custody.model.words import Effect
from custody.policy.condition import ConditionFailure
from custody.policy.judge import CompiledPolicy, never_refused


class GrantTrace(msgspec.Struct, frozen=True):
    name: str
    holds: bool
    why: str


class RuleTrace(msgspec.Struct, frozen=True):
    name: str
    then: str
    value: str
    """``true``, ``false``, ``error: …`` or ``not reached``."""


class Explanation(msgspec.Struct, frozen=True):
    grants: tuple[GrantTrace, ...]
    ceiling: tuple[Effect, ...]
    """What the grants allow on the objects of the command."""
    effects: tuple[Effect, ...]
    missing: tuple[Effect, ...]
    """Effects of the command that no grant allows."""
    rules: tuple[RuleTrace, ...]
    verdict: Verdict


def explain(policy: CompiledPolicy, session: Session, command: Command, now: int) -> Explanation:
    standing = policy.standing(session, now)
    allowed = policy.ceiling(standing, command)
    verdict = policy.decide(session, command, now)
    reached = policy.over_ceiling(standing, command) is None and not never_refused(command)
    facts = policy.facts(standing, command, now)
    rules: list[RuleTrace] = []
    for rule in policy.rules:
        value = "not reached"
        if reached:
            answer = (
                facts if isinstance(facts, ConditionFailure) else rule.condition.evaluate(facts)
            )
            value = _spelled(answer)
            reached = answer is False
        rules.append(RuleTrace(rule.rule.name, rule.rule.then.value, value))
    return Explanation(
        grants=_grants(policy, session, command, now),
        ceiling=tuple(sorted(allowed)),
        effects=tuple(sorted(command.effects)),
        missing=tuple(sorted(command.effects - allowed)),
        rules=tuple(rules),
        verdict=verdict,
    )


def _spelled(answer: bool | ConditionFailure) -> str:  # noqa: FBT001  # a condition's answer is the subject
    match answer:
        case ConditionFailure(why):
            return f"error: {why}"
        case _:
            return "true" if answer else "false"


def _grants(
    policy: CompiledPolicy, session: Session, command: Command, now: int
) -> tuple[GrantTrace, ...]:
    traces: list[GrantTrace] = []
    for grant in policy.grants:
        if not grant.covers(session.target):
            why = f"is not about {session.target}"
        elif not grant.names(session.loop.identity):
            why = "names neither this subject nor one of its groups"
        elif grant.hours is not None and not grant.hours.hold(now):
            why = "does not hold at this hour (UTC)"
        elif not grant.holds(session.loop, now):
            why = "does not serve a loop this old (max_loop)"
        elif beyond := [each for each in command.objects if not grant.reaches((each,))]:
            why = f"is not about {beyond[0]}"
        else:
            why = f"allows {', '.join(sorted(grant.effects)) or 'no effects'}"
        holds = grant.covers(session.target) and grant.names(session.loop.identity)
        holds = holds and grant.holds(session.loop, now) and grant.reaches(command.objects)
        traces.append(GrantTrace(grant.name, holds, why))
    return tuple(traces)
