"""The policy: grants first, as the ceiling, then the rules in order.

Law: effects outside the union of the grants that hold are denied before any rule runs; the first
rule that matches decides; no match: the grant decides. ROLLBACK is never refused.

A session's standing, the most that it may do, is computed once and cached until a grant's hours or
a loop's age change it. A verdict is cached under all of its inputs; where a rule reads ``now`` or a
command's arguments, none is cached.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import msgspec

from custody.model.command import NO_RULE, Command, Verdict
from custody.model.identity import Loop, Session
from custody.model.words import Decision, Effect, SessionId, TargetName
from custody.policy.condition import ConditionFailure
from custody.policy.grant import FOREVER, Grant
from custody.policy.reach import REPLICATION, ceiling, holding, may_ever, outside, replicates
from custody.policy.rule import Rule, compile_rule
from custody.policy.variables import ConditionVariables, TargetFacts

if TYPE_CHECKING:
    import cel

SESSIONS_KEPT: Final = 8192
VERDICTS_KEPT: Final = 8192
TEXT_KEPT: Final = 4096
"""Longest text, in characters, that a kept verdict may hang on."""
OBJECTS_KEPT: Final = 64
OBJECTS_SAID: Final = 8
"""How many objects a denial names."""


class SessionStanding(msgspec.Struct, frozen=True):
    """What a session may do at most, from ``since`` to before ``until`` (ms)."""

    number: int
    session: Session
    since: int
    until: int
    grants: tuple[Grant, ...]
    outside: str
    """Why it may do nothing at all; empty where it may."""
    ceiling: frozenset[Effect]
    facts: Mapping[str, object]


class CompiledPolicy:
    """Implements ``Policy``. Raises ``CustodyError`` on construction if a rule has a fault."""

    def __init__(
        self,
        grants: Sequence[Grant],
        rules: Sequence[Rule],
        targets: Mapping[str, TargetFacts] | None = None,
    ) -> None:
        import cel  # noqa: PLC0415 - as in ``condition``

        self._context: Final = cel.Context
        self.digest: Final = policy_digest(grants, rules)
        self.grants: Final = tuple(grants)
        self.rules: Final = tuple(compile_rule(rule, self.digest) for rule in rules)
        self._evaluations: Final = [(rule.condition.evaluate, rule) for rule in self.rules]
        mentioned = _union(rule.condition.mentioned for rule in self.rules)
        self._facts: Final = ConditionVariables(mentioned, targets or {})
        self._by_object: Final = any(grant.objects is not None for grant in grants)
        self._key: Final = _key(mentioned, by_object=self._by_object)
        self._by_text: Final = "text" in mentioned.get("command", ())
        self._rollback: Final = Verdict(
            Decision.ALLOW, NO_RULE, "ROLLBACK is never refused.", self.digest
        )
        self.granted: Final = Verdict(Decision.ALLOW, NO_RULE, "A grant allows it.", self.digest)
        self._standings: dict[SessionId, SessionStanding] = {}
        self._verdicts: dict[tuple[int, object], Verdict] = {}
        self._numbers = 0

    def admits(self, loop: Loop, target: TargetName, now: int) -> bool:
        return not outside(self.grants, loop, target, now)

    def may_ever(self, loop: Loop, target: TargetName) -> bool:
        """Whether grants let the loop use the target at any hour at all."""
        return may_ever(self.grants, loop, target)

    def admits_stream(self, loop: Loop, target: TargetName, stream: str, now: int) -> bool:
        """As ``Policy.admits_stream``: a grant can name ``replication`` alone."""
        return stream == REPLICATION and replicates(self.grants, loop, target, now)

    def holding(self, loop: Loop, target: TargetName, now: int) -> Iterator[Grant]:
        """The grants that hold for this loop on this target at ``now``."""
        return holding(self.grants, loop.identity, loop, target, now)

    def decide(self, session: Session, command: Command, now: int) -> Verdict:
        if never_refused(command):
            return self._rollback
        standing = self._standings.get(session.id)
        if (
            standing is None
            or standing.session is not session
            or not standing.since <= now < standing.until
        ):
            standing = self._standing_of(session, now)
        if (
            self._key is None
            or len(command.objects) > OBJECTS_KEPT
            or (self._by_text and len(command.text) > TEXT_KEPT)
        ):
            return self._judge(standing, command, now)
        key = (standing.number, self._key(command))
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._judge(standing, command, now)
            if len(self._verdicts) >= VERDICTS_KEPT:
                self._verdicts.clear()
            self._verdicts[key] = verdict
        return verdict

    def _standing_of(self, session: Session, now: int) -> SessionStanding:
        if len(self._standings) >= SESSIONS_KEPT:
            self._standings.clear()
        self._numbers += 1
        standing = self.standing(session, now, self._numbers)
        self._standings[session.id] = standing
        return standing

    def standing(self, session: Session, now: int, number: int = 0) -> SessionStanding:
        grants = tuple(self.holding(session.loop, session.target, now))
        return SessionStanding(
            number=number,
            session=session,
            since=now,
            until=min(
                (grant.change_after(session.loop, now) for grant in self.grants),
                default=FOREVER,
            ),
            grants=grants,
            outside=outside(self.grants, session.loop, session.target, now),
            ceiling=ceiling(self.grants, session.loop, session.target, now, objects=()),
            facts=self._facts.of_session(session),
        )

    def facts(
        self, standing: SessionStanding, command: Command, now: int
    ) -> "cel.Context | ConditionFailure":
        """The variables of the rules' conditions, ready for evaluation."""
        try:
            return self._context({**standing.facts, **self._facts.of_command(command, now)})
        except ValueError:  # text that is not Unicode (lone surrogates) has no CEL value
            return ConditionFailure("the command holds text that CEL cannot represent")

    def ceiling(self, standing: SessionStanding, command: Command) -> frozenset[Effect]:
        """The effects that the grants allow on what the command touches."""
        if not self._by_object or not command.objects:
            return standing.ceiling
        session = standing.session
        # Which grants hold does not change while the standing does not.
        since = standing.since
        return ceiling(self.grants, session.loop, session.target, since, command.objects)

    def over_ceiling(self, standing: SessionStanding, command: Command) -> Verdict | None:
        """The denial, where the grants that hold do not cover the command's effects."""
        allowed = self.ceiling(standing, command)
        if standing.outside:
            reason = standing.outside
        elif command.effects <= allowed:
            return None
        else:
            missing = _listed(command.effects - allowed)
            granted = _listed(allowed) or "nothing"
            loop, target = standing.session.loop, standing.session.target
            if command.effects <= standing.ceiling:
                said = ", ".join(command.objects[:OBJECTS_SAID])
                more = " …" if len(command.objects) > OBJECTS_SAID else ""
                target = TargetName(f"{said}{more} of {target}")
            reason = f"It needs {missing} on {target}; the grants there allow {granted}."
            if loop.scope is not None or loop.principal is not None:
                reason = f"It needs {missing} on {target}; this loop may have {granted} there."
        return Verdict(Decision.DENY, NO_RULE, reason, self.digest)

    def _judge(self, standing: SessionStanding, command: Command, now: int) -> Verdict:
        denial = self.over_ceiling(standing, command)
        if denial is not None:
            return denial
        if not self.rules:
            return self.granted
        facts = self.facts(standing, command, now)
        if isinstance(facts, ConditionFailure):
            return self.rules[0].failure(facts)
        for evaluate, rule in self._evaluations:
            value = evaluate(facts)
            if value is False:
                continue
            return rule.verdict if value is True else rule.failure(value)
        return self.granted


def never_refused(command: Command) -> bool:
    """A plain ROLLBACK: a client must always be able to leave a transaction."""
    return command.action == "ROLLBACK" and not command.effects


def policy_digest(grants: Sequence[Grant], rules: Sequence[Rule]) -> bytes:
    """SHA-256 over the grants and rules in canonical form, their order included."""
    form = msgspec.json.encode(("custody-policy/1", grants, rules), order="deterministic")
    return hashlib.sha256(form).digest()


def _listed(effects: Iterable[Effect]) -> str:
    """As the configuration writes them: ``"read", "write"``."""
    return ", ".join(f'"{effect}"' for effect in sorted(effects))


def _union(parts: Iterable[Mapping[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    union: dict[str, frozenset[str]] = {}
    for part in parts:
        for variable, fields in part.items():
            union[variable] = union.get(variable, frozenset()) | fields
    return union


def _key(
    mentioned: Mapping[str, frozenset[str]], *, by_object: bool
) -> Callable[[Command], object] | None:
    """What of a command a verdict hangs on; ``None`` where verdicts must not be kept."""
    fields = mentioned.get("command", frozenset()) | ({"objects"} if by_object else set())
    if "now" in mentioned or "arguments" in fields:
        return None
    return attrgetter("effects", *sorted(fields - {"effects"}))
