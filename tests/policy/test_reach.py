"""How far a loop reaches: grants, whom it acts for, what it was narrowed to; and budgets."""

import msgspec
import pytest
from tests.policy.scene import HOUR, NOON, ORDERS, command, grant, loop, policy, session

from custody.model.identity import Budget, Identity, Loop, Scope
from custody.model.words import Decision, Effect, Exceeded, TargetName
from custody.policy.grant import Grant
from custody.policy.loop_budget import Limit, limits_of, wider

READ, WRITE = Effect.READ, Effect.WRITE
STAFF = Identity("ada", "https://id.example", ("staff",))


def narrowed(**scope: object) -> Loop:
    return msgspec.structs.replace(loop(), scope=Scope(**scope))  # type: ignore[arg-type]  # a case's own fields


def acting_for(whom: Identity, *, scope: Scope | None = None) -> Loop:
    return msgspec.structs.replace(loop(), principal=whom, scope=scope)


BOTH = (grant("read", "write"), grant("read", "define", groups=("staff",), name="staff"))


@pytest.mark.parametrize(
    ("of", "effect", "allowed", "words"),
    [
        (loop(), "write", True, ""),
        (narrowed(effects=frozenset({READ})), "read", True, ""),
        (narrowed(effects=frozenset({READ})), "write", False, 'may have "read" there'),
        (narrowed(effects=frozenset({Effect.GRANT})), "grant", False, "may have nothing there"),
        (narrowed(targets=(ORDERS,)), "write", True, ""),
        (narrowed(targets=(TargetName("payments"),)), "read", False, "for payments only"),
        (narrowed(targets=()), "read", False, "for no target only"),
        (acting_for(STAFF), "read", True, ""),
        (acting_for(STAFF), "write", False, 'may have "read" there'),
        (acting_for(STAFF), "define", False, 'may have "read" there'),
        (acting_for(Identity("eve", "x", ())), "read", False, "eve, for whom this loop acts"),
    ],
)
def test_a_command_is_within_all_that_a_loop_is_about(
    of: Loop,
    effect: str,
    allowed: bool,  # noqa: FBT001 - a case's answer
    words: str,
) -> None:
    judge = policy(*BOTH)
    verdict = judge.decide(session(of=of), command(effect), NOON)
    assert (verdict.decision is Decision.ALLOW) is allowed
    assert words in verdict.reason


def test_who_may_open_a_session_is_within_it_too() -> None:
    judge = policy(*BOTH)
    assert judge.admits(acting_for(STAFF), ORDERS, NOON)
    assert not judge.admits(acting_for(Identity("eve", "x", ())), ORDERS, NOON)
    assert not judge.admits(narrowed(targets=()), ORDERS, NOON)


def test_replication_needs_everybodys_grant_and_no_scope_of_effects() -> None:
    copying = msgspec.structs.replace(BOTH[0], replication=True)
    judge = policy(copying, BOTH[1])
    assert judge.admits_stream(loop(), ORDERS, "replication", NOON)
    assert not judge.admits_stream(acting_for(STAFF), ORDERS, "replication", NOON)
    assert not judge.admits_stream(narrowed(effects=frozenset({READ})), ORDERS, "replication", NOON)


def test_a_principals_hours_hold_for_the_loop() -> None:
    nightly = msgspec.structs.replace(BOTH[1], max_loop_ms=HOUR)
    judge = policy(BOTH[0], nightly)
    young = msgspec.structs.replace(acting_for(STAFF), started=NOON)
    assert judge.decide(session(of=young), command("read"), NOON).decision is Decision.ALLOW
    later = judge.decide(session(of=young), command("read"), NOON + HOUR)
    assert later.decision is Decision.DENY


def limited(name: str, then: Exceeded = Exceeded.END, **limits: int) -> Grant:
    return msgspec.structs.replace(grant("read", name=name), budget=Budget(**limits, then=then))


def test_of_two_limits_the_tighter_and_of_two_that_are_equal_the_graver() -> None:
    grants = [
        limited("a", Exceeded.PAUSE, rows=10, commands=5),
        limited("b", Exceeded.END, rows=20, commands=5),
    ]
    of = msgspec.structs.replace(loop(), budget=Budget(bytes=7, rows=12, then=Exceeded.ASK))
    assert limits_of(grants, of) == (
        Limit("commands", 5, Exceeded.END),
        Limit("rows", 10, Exceeded.PAUSE),
        Limit("bytes", 7, Exceeded.ASK),
    )


def test_limits_of_targets_that_a_loop_was_narrowed_away_from_do_not_hold() -> None:
    elsewhere = msgspec.structs.replace(limited("a", rows=1), targets=("payments",))
    assert limits_of([elsewhere], loop()) != ()
    assert limits_of([elsewhere], narrowed(targets=(ORDERS,))) == ()


def test_what_is_wider() -> None:
    limits = limits_of([limited("a", Exceeded.PAUSE, rows=10), limited("b", writes=0)], loop())
    assert wider(Budget(rows=10, commands=1000), limits) == ""
    assert wider(Budget(rows=11), limits) == "rows"
