"""Grants are the ceiling, rules decide below it, and every fault is a denial."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.scene import (
    HOUR,
    NOON,
    ORDERS,
    command,
    grant,
    loop,
    policy,
    rule,
    session,
)

from custody.model.command import Command
from custody.model.words import Decision, Effect
from custody.policy.grant import Grant
from custody.policy.hours import DAY_MS, Hours
from custody.policy.judge import CompiledPolicy, policy_digest
from custody.policy.loop_start import longest
from custody.policy.rule import Rule
from custody.policy.variables import TargetFacts

ALLOW, DENY, ASK = Decision.ALLOW, Decision.DENY, Decision.ASK
WRITES = '"write" in command.effects'


@pytest.mark.parametrize(
    ("granted", "wanted", "decision", "said"),
    [
        (("read",), ("read",), ALLOW, "A grant allows it."),
        (("read",), (), ALLOW, "A grant allows it."),
        ((), (), ALLOW, "A grant allows it."),
        (("read",), ("write",), DENY, 'It needs "write" on orders; the grants there allow "read".'),
        (("read",), ("read", "write", "define"), DENY, 'needs "define", "write" on orders'),
        (("read", "write"), ("unknown",), DENY, 'It needs "unknown"'),
        (("read", "unknown"), ("unknown",), ALLOW, "A grant allows it."),
        ((), ("read",), DENY, "allow nothing."),
    ],
)
def test_effects_outside_the_grants_are_denied(
    granted: tuple[str, ...], wanted: tuple[str, ...], decision: Decision, said: str
) -> None:
    judge = policy(grant(*granted))
    verdict = judge.decide(session(), command(*wanted), NOON)
    assert (verdict.decision, verdict.rule) == (decision, "grant")
    assert said in verdict.reason
    assert verdict.policy == judge.digest


def test_the_ceiling_is_the_union_of_the_grants_that_hold() -> None:
    judge = policy(
        grant("read"),
        grant("write", groups=("writers",)),
        grant("define", groups=("dba",)),
        grant("execute", targets=("other",)),
    )
    both = session(of=loop(groups=("agents", "writers")))
    assert judge.decide(both, command("read", "write"), NOON).decision is ALLOW
    assert judge.decide(both, command("define"), NOON).decision is DENY
    assert judge.decide(both, command("execute"), NOON).decision is DENY


def test_no_grant_no_session() -> None:
    judge = policy(grant("read"))
    assert judge.admits(loop(), ORDERS, NOON)
    assert not judge.admits(loop(groups=("others",)), ORDERS, NOON)
    stranger = session(of=loop(groups=()))
    verdict = judge.decide(stranger, command(), NOON)
    assert verdict.decision is DENY
    assert verdict.reason == "No grant lets this identity use orders now."


def test_a_denied_effect_is_denied_before_any_rule_runs() -> None:
    judge = policy(grant("read"), rule("true", "allow", name="everything"))
    verdict = judge.decide(session(), command("write"), NOON)
    assert (verdict.decision, verdict.rule) == (DENY, "grant")


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (grant("read"), rule("true")),
        (grant("read"), rule("command.objects[9] == 'x'")),
        (grant("read", groups=("others",)),),
    ],
)
def test_rollback_is_never_refused(parts: tuple[Grant, ...]) -> None:
    verdict = policy(*parts).decide(session(), command(action="ROLLBACK"), NOON)
    assert verdict.decision is ALLOW


def test_a_command_that_only_calls_itself_rollback_is_judged() -> None:
    judge = policy(grant("read"))
    verdict = judge.decide(session(), command("write", action="ROLLBACK"), NOON)
    assert verdict.decision is DENY


def test_a_rule_may_deny_a_command_without_effects() -> None:
    judge = policy(grant("read"), rule('command.action == "SET"', reason="no SET here"))
    assert judge.decide(session(), command(action="SET"), NOON).reason == "no SET here"
    assert judge.decide(session(), command(action="SHOW"), NOON).decision is ALLOW


FIRST_MATCH = [
    rule('command.action == "DELETE" && command.bounded', "allow", name="small delete"),
    rule('command.action == "DELETE"', "deny", name="delete"),
    rule(f'{WRITES} && "public.payments" in command.objects', "ask", name="payments"),
]


@pytest.mark.parametrize(
    ("judged", "decision", "named"),
    [
        (command("write", action="DELETE"), ALLOW, "small delete"),
        (command("write", action="DELETE", bounded=False), DENY, "delete"),
        (command("write", action="UPDATE", objects=("public.payments",)), ASK, "payments"),
        (command("read", objects=("public.payments",)), ALLOW, "grant"),
    ],
)
def test_the_first_match_wins(judged: Command, decision: Decision, named: str) -> None:
    verdict = policy(grant("read", "write"), *FIRST_MATCH).decide(session(), judged, NOON)
    assert (verdict.decision, verdict.rule) == (decision, named)


def test_asking_names_who_may_answer_and_for_how_long() -> None:
    judge = policy(grant("write"), rule(WRITES, "ask", timeout_ms=5000))
    verdict = judge.decide(session(), command("write"), NOON)
    assert (verdict.decision, verdict.approvers, verdict.timeout_ms) == (ASK, ("dba",), 5000)


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ('command.objects[3] == "x"', "past the end of a list"),
        ("1 / (command.arguments - command.arguments) == 1", "divides by zero"),
        ("int(command.text) == 1", "could not be evaluated"),
        ("command.arguments / 0 == 1", "divides by zero"),
        ('{"a": true}[command.text]', "a key that is not there"),
        ('timestamp(command.text) < timestamp("2020-01-01T00:00:00Z")', "could not be"),
        ("[1, true][command.objects.size() - 1]", "gave a number, not true or false"),
    ],
)
def test_a_rule_that_fails_denies_and_is_named(when: str, why: str) -> None:
    judge = policy(grant("read"), rule("false"), rule(when, "allow", name="broken"))
    judged = command("read", objects=("a",), text="password-in-text")
    verdict = judge.decide(session(), judged, NOON)
    assert (verdict.decision, verdict.rule) == (DENY, "broken")
    assert why in verdict.reason
    assert "password" not in verdict.reason


def test_text_that_is_not_unicode_is_a_denial() -> None:
    judge = policy(grant("read"), rule('command.text == "x"', "allow", name="text"))
    verdict = judge.decide(session(), command("read", text="\ud800"), NOON)
    assert (verdict.decision, verdict.rule) == (DENY, "text")


@pytest.mark.parametrize(
    "when",
    [
        'command.action == "SELECT" && command.form == "simple" && command.fingerprint == ""',
        'command.effects == ["read"] && command.text.contains("1") && command.arguments == 2',
        'session.target == "orders" && session.protocol == "postgres" && session.user != ""',
        'session.client.startsWith("127.") && session.database == "shop"',
        'session.application == "psql"',
        'loop.id == "loop_a" && loop.purpose == "month-end" && loop.on_behalf_of == ""',
        "loop.started < now && now < loop.expires && loop.parent == ''",
        'identity.subject == "alice" && identity.issuer == "https://id.example"',
        '"agents" in identity.groups && identity.kind == "agent"',
        'target.name == "orders" && target.protocol == "postgres" && target.database == "shop"',
        "now.getHours() == 12",
        'now > timestamp("2023-01-01T00:00:00Z")',
        "now - loop.started == duration('1h')",
        'command.objects.exists(o, o.startsWith("public."))',
        'command["action"] == "SELECT" && size(session) == 6',
        'command.text.matches("^SELECT") // the word loop in a comment',
        '"loop" == "loop" && loop.id != "loop"',
    ],
)
def test_every_variable_of_the_contract_can_be_used(when: str) -> None:
    judge = policy(grant("read"), rule(when, name="hit"))
    verdict = judge.decide(session(), command("read", arguments=2), NOON)
    assert (verdict.decision, verdict.rule) == (DENY, "hit"), verdict.reason


def test_the_same_answer_comes_again_and_from_a_fresh_policy() -> None:
    parts: tuple[Grant | Rule, ...] = (grant("read", "write"), *FIRST_MATCH)
    judge, connection = policy(*parts), session()
    for effects in ("read", "write"):
        for bounded in (True, False):
            for action in ("DELETE", "UPDATE"):
                judged = command(effects, action=action, bounded=bounded)
                first = judge.decide(connection, judged, NOON)
                assert judge.decide(connection, judged, NOON) is first
                assert policy(*parts).decide(connection, judged, NOON) == first


@pytest.mark.parametrize(
    ("when", "one", "other"),
    [
        ("command.arguments > 1", command("read", arguments=1), command("read", arguments=2)),
        ("size(command) == 10 && command.arguments > 1", command("read"),
         command("read", arguments=2)),
        ('command.text == "b"', command("read", text="a"), command("read", text="b")),
        ('"b" in command.objects', command("read"), command("read", objects=("b",))),
        ("!command.bounded", command("read"), command("read", bounded=False)),
        ('command.form == "x"', command("read"),
         msgspec.structs.replace(command("read"), form="x")),
        ('command.fingerprint == "x"', command("read"),
         msgspec.structs.replace(command("read"), fingerprint="x")),
    ],
)  # fmt: skip
def test_a_kept_verdict_hangs_on_all_that_the_rules_mention(
    when: str, one: Command, other: Command
) -> None:
    judge, connection = policy(grant("read"), rule(when)), session()
    for _ in range(2):
        assert judge.decide(connection, one, NOON).decision is ALLOW
        assert judge.decide(connection, other, NOON).decision is DENY


def test_a_kept_verdict_does_not_outlive_its_session_or_its_hour() -> None:
    judge = policy(grant("read"), rule('session.database == "secret"'))
    first = session()
    assert judge.decide(first, command("read"), NOON).decision is ALLOW
    moved = msgspec.structs.replace(first, database="secret")
    assert judge.decide(moved, command("read"), NOON).decision is DENY
    judge = policy(grant("read"), rule("now.getHours() == 13"))
    assert judge.decide(first, command("read"), NOON).decision is ALLOW
    assert judge.decide(first, command("read"), NOON + HOUR).decision is DENY


def test_what_is_kept_has_a_bound() -> None:
    judge = policy(grant("read"), rule('command.text.contains("x")'))
    connection = session()
    for number in range(9000):
        judge.decide(connection, command("read", text=str(number)), NOON)
        judge.decide(session(number=number), command("read"), NOON)
    judge.decide(connection, command("read", text="y" * 5000), NOON)
    assert len(judge._verdicts) <= 8192
    assert len(judge._standings) <= 8192
    assert not any("y" * 5000 in str(key) for key in judge._verdicts)


@pytest.mark.parametrize(
    ("hours", "minute", "holds"),
    [
        (Hours(8 * 60, 18 * 60), 8 * 60, True),
        (Hours(8 * 60, 18 * 60), 18 * 60, False),
        (Hours(8 * 60, 18 * 60), 8 * 60 - 1, False),
        (Hours(22 * 60, 6 * 60), 23 * 60, True),
        (Hours(22 * 60, 6 * 60), 5 * 60, True),
        (Hours(22 * 60, 6 * 60), 12 * 60, False),
        (Hours(0, 24 * 60), 24 * 60 - 1, True),
    ],
)
def test_a_grant_may_hold_at_some_hours_only(hours: Hours, minute: int, *, holds: bool) -> None:
    timed = msgspec.structs.replace(grant("read"), hours=hours)
    now = NOON // DAY_MS * DAY_MS + minute * 60_000
    assert policy(timed).admits(loop(started=now), ORDERS, now) is holds


@given(st.integers(0, 1440), st.integers(0, 1440), st.lists(st.integers(0, 3 * DAY_MS), min_size=1))
def test_a_session_is_judged_by_the_hour_it_is(start: int, end: int, moments: list[int]) -> None:
    if start == end:
        end = (start + 1) % 1440
    timed = msgspec.structs.replace(grant("read"), hours=Hours(start, end), max_loop_ms=30 * HOUR)
    judge, connection = policy(timed), session(of=loop(started=0))
    for now in moments:
        expected = policy(timed).decide(connection, command("read"), now).decision
        assert judge.decide(connection, command("read"), now).decision is expected
        assert judge.admits(connection.loop, ORDERS, now) is (expected is ALLOW)


def test_a_loop_is_served_for_max_loop() -> None:
    limited = msgspec.structs.replace(grant("read"), max_loop_ms=2 * HOUR)
    judge, connection = policy(limited), session(of=loop(started=NOON))
    assert judge.decide(connection, command("read"), NOON + 2 * HOUR - 1).decision is ALLOW
    assert judge.decide(connection, command("read"), NOON + 2 * HOUR).decision is DENY
    assert not judge.admits(connection.loop, ORDERS, NOON + 2 * HOUR)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [((), 0), ((HOUR,), HOUR), ((HOUR, 2 * HOUR), 2 * HOUR), ((HOUR, None), None)],
)
def test_the_longest_loop_is_the_most_generous_grant(
    limits: tuple[int | None, ...], expected: int | None
) -> None:
    grants = [msgspec.structs.replace(grant("read"), max_loop_ms=limit) for limit in limits]
    assert longest(grants, loop()) == expected


@pytest.mark.parametrize(
    ("given_grant", "admitted"),
    [
        (Grant("g", ("orders",), frozenset(), identities=("alice",)), True),
        (Grant("g", ("orders",), frozenset(), identities=("bob",)), False),
        (Grant("g", ("*",), frozenset(), groups=("agents",)), True),
        (Grant("g", ("other",), frozenset(), groups=("agents",)), False),
        (Grant("g", ("*",), frozenset(), groups=("agents",), issuer="local"), False),
        (Grant("g", ("*",), frozenset(), groups=("agents",), issuer="https://id.example"), True),
        (Grant("g", ("*",), frozenset(), groups=("alice",)), False),
    ],
)
def test_whom_a_grant_names(given_grant: Grant, *, admitted: bool) -> None:
    assert policy(given_grant).admits(loop(), ORDERS, NOON) is admitted


def test_replication_needs_a_grant_that_names_it() -> None:
    plain, named = grant("read"), msgspec.structs.replace(grant("read"), replication=True)
    assert not policy(plain).admits_stream(loop(), ORDERS, "replication", NOON)
    assert policy(plain, named).admits_stream(loop(), ORDERS, "replication", NOON)


def test_the_digest_covers_grants_rules_and_their_order() -> None:
    one, two = rule("true", name="one"), rule("false", name="two")
    base = policy_digest([grant("read", "write")], [one, two])
    assert len(base) == 32
    assert base == policy_digest([grant("write", "read")], [one, two])
    assert base == CompiledPolicy([grant("read", "write")], [one, two]).digest
    others = [
        policy_digest([grant("read")], [one, two]),
        policy_digest([grant("read", "write")], [two, one]),
        policy_digest([grant("read", "write")], [one]),
        policy_digest([grant("read", "write"), grant("read")], [one, two]),
        policy_digest([grant("read", "write")], [one, rule("false", "ask", name="two")]),
    ]
    assert len({base, *others}) == len(others) + 1


@given(st.sets(st.sampled_from(list(Effect))), st.sets(st.sampled_from(list(Effect))))
def test_allow_never_exceeds_the_grants(granted: set[Effect], wanted: set[Effect]) -> None:
    judge = CompiledPolicy(
        [grant(*granted)], [rule("true", "allow")], {"orders": TargetFacts("", "", "")}
    )
    verdict = judge.decide(session(), command(*wanted), NOON)
    assert (verdict.decision is ALLOW) is (wanted <= granted)
