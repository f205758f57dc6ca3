"""Rules: ordered conditions below the ceiling that the grants set.

Law: a rule can narrow what a grant permits, never widen it. A rule whose condition fails denies.
"""

from typing import Annotated, Final

import msgspec

from custody.model.command import NO_RULE, Command, Verdict
from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop, Session
from custody.model.words import Decision, Effect, LoopId, SessionId, TargetName
from custody.policy.condition import Condition, ConditionFailure, compile_condition
from custody.policy.variables import ConditionVariables

"""What a verdict names where no rule matched."""


class Rule(msgspec.Struct, frozen=True):
    """One ``[[rule]]``. The fields stand in the order in which ``policy_digest`` writes them."""

    name: Annotated[str, ConfigKey(read.name, "What refusals and records call it.")]
    when: Annotated[str, ConfigKey(read.some_text, "The condition.", form="CEL")]
    then: Annotated[
        Decision,
        ConfigKey(
            read.choice(Decision),
            "The first rule that matches decides.",
            form='"deny", "ask" or "allow"',
        ),
    ]
    reason: Annotated[str, ConfigKey(read.text, "What the client is told.", "a sentence")] = ""
    approvers: Annotated[
        tuple[str, ...], ConfigKey(read.texts, "Groups that may answer an `ask`.", "none")
    ] = ()
    timeout_ms: Annotated[int, ConfigKey(read.duration, "How long an `ask` waits.", "`10m`")] = (
        600_000
    )


class CompiledRule:
    """A rule, its condition, and the two verdicts that it can give."""

    def __init__(self, rule: Rule, condition: Condition, policy: bytes) -> None:
        self.rule: Final = rule
        self.condition: Final = condition
        self._policy: Final = policy
        self.verdict: Final = Verdict(
            decision=rule.then,
            rule=rule.name,
            reason=rule.reason or _default_reason(rule),
            policy=policy,
            approvers=rule.approvers if rule.then is Decision.ASK else (),
            timeout_ms=rule.timeout_ms if rule.then is Decision.ASK else 0,
        )

    def failure(self, failed: ConditionFailure) -> Verdict:
        return Verdict(
            Decision.DENY,
            self.rule.name,
            f'The rule "{self.rule.name}" cannot be decided: {failed.why}.',
            self._policy,
        )


def _default_reason(rule: Rule) -> str:
    match rule.then:
        case Decision.ALLOW:
            return f'The rule "{rule.name}" allows it.'
        case Decision.DENY:
            return f'The rule "{rule.name}" denies it.'
        case Decision.ASK:
            return f'The rule "{rule.name}" asks {", ".join(rule.approvers)}.'


def compile_rule(rule: Rule, policy: bytes) -> CompiledRule:
    """Raises ``CustodyError`` that names the rule, the fault and the cure."""
    owner = f'rule "{rule.name}"'
    if rule.name == NO_RULE:
        raise CustodyError(
            "policy.reserved-name",
            f'A rule is named "{NO_RULE}", which verdicts use where no rule matched.',
            "Give the rule another name.",
        )
    if rule.then is Decision.ASK and not rule.approvers:
        raise CustodyError(
            "policy.no-approvers",
            f"The {owner} asks, but names nobody who may answer.",
            'Add approvers = ["a-group"].',
        )
    condition = compile_condition(rule.when, owner)
    _try_out(condition, owner)
    return CompiledRule(rule, condition, policy)


_SAMPLE_SESSION: Final = Session(
    id=SessionId("ses_sample"),
    loop=Loop(LoopId("loop_sample"), Identity("someone", "local", ("a-group",)), 0, 3_600_000),
    target=TargetName("a-target"),
    protocol="postgres",
    client="127.0.0.1:1",
    user="user",
    database="database",
    application="application",
    started=0,
)
_SAMPLE_COMMAND: Final = Command(
    "SELECT", frozenset({Effect.READ}), ("public.a", "public.b"), True, "SELECT 1"
)


def _try_out(condition: Condition, owner: str) -> None:
    """One evaluation on a sample. Types do not depend on values, so a wrong type shows here."""
    import cel  # noqa: PLC0415 - as in ``condition``

    facts = ConditionVariables(condition.mentioned, {})
    context = cel.Context(facts.of_session(_SAMPLE_SESSION) | facts.of_command(_SAMPLE_COMMAND, 0))
    match condition.evaluate(context):
        case bool():
            return
        case ConditionFailure(why) if "not true or false" in why or "types" in why:
            raise CustodyError(
                "policy.condition-type",
                f"The condition of {owner} can never decide: {why}.",
                "A condition must be true or false for every command.",
            )
        case ConditionFailure():
            return
