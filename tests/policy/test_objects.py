"""A grant that names objects is a ceiling for commands that touch those and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.scene import NOON, command, grant, loop, policy, rule, session

from custody.model.identity import Identity
from custody.model.words import Decision, Effect
from custody.policy.explanation import explain
from custody.policy.grant import Grant, fits
from custody.policy.judge import policy_digest

ALLOW, DENY = Decision.ALLOW, Decision.DENY
ORDERS, ITEMS, STAFF = "public.orders", "public.items", "hr.staff"


def about(*objects: str, effects: str = "read", name: str = "grant 1", group: str = "") -> Grant:
    allowed = frozenset(map(Effect, effects.split()))
    return Grant(name, ("orders",), allowed, groups=(group or "agents",), objects=objects)


@pytest.mark.parametrize(
    ("pattern", "name", "fit"),
    [
        ("public.orders", "public.orders", True),
        ("public.orders", "public.orders2", False),
        ("public.orders", "Public.orders", False),
        ("public.*", "public.orders", True),
        ("public.*", "publicity.orders", False),
        ("public.*", "public.*", True),
        ("public.o*", "public.*", False),
        ("*", "", True),
        ("*.orders", "hr.orders", True),
        ("*.orders", "orders", False),
        ("a*a", "a", False),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "aXcYb", False),
        ("a**c", "ac", True),
        ("public.orders*", "public.orders", True),
    ],
)
def test_a_pattern_fits(pattern: str, name: str, *, fit: bool) -> None:
    assert fits(pattern, name) is fit


@given(st.lists(st.text(alphabet="ab.", max_size=4), min_size=1, max_size=5), st.data())
def test_whatever_stands_for_its_stars_a_pattern_fits(
    parts: list[str], data: st.DataObject
) -> None:
    runs = [data.draw(st.text(alphabet="ab.*", max_size=4)) for _ in parts[1:]]
    name = parts[0] + "".join(run + part for run, part in zip(runs, parts[1:], strict=True))
    assert fits("*".join(parts), name)


@pytest.mark.parametrize(
    ("grants", "effects", "objects", "decision"),
    [
        ((about(ORDERS),), ("read",), (ORDERS,), ALLOW),
        ((about(ORDERS),), ("read",), (), ALLOW),
        ((about(ORDERS),), (), (STAFF,), ALLOW),
        ((about(ORDERS),), ("read",), (STAFF,), DENY),
        ((about(ORDERS),), ("read",), (ORDERS, STAFF), DENY),
        ((about(ORDERS),), ("write",), (ORDERS,), DENY),
        ((about("public.*"),), ("read",), (ORDERS, ITEMS), ALLOW),
        ((about(ORDERS, ITEMS),), ("read",), (ORDERS, ITEMS), ALLOW),
        # Each object has a grant, but none covers them together.
        ((about(ORDERS), about(STAFF, name="b")), ("read",), (ORDERS, STAFF), DENY),
        # The effects add up over the grants that cover all objects.
        (
            (about(ORDERS, ITEMS), about("public.*", effects="write", name="b")),
            ("read", "write"),
            (ORDERS, ITEMS),
            ALLOW,
        ),
        ((about(ORDERS), about(ITEMS, effects="write", name="b")), ("write",), (ORDERS,), DENY),
        ((about(ORDERS), grant("read", name="b")), ("read",), (STAFF,), ALLOW),
        ((about(ORDERS), about("*", group="dba", name="b")), ("read",), (STAFF,), DENY),
    ],
)
def test_only_grants_that_cover_every_object_count(
    grants: tuple[Grant, ...],
    effects: tuple[str, ...],
    objects: tuple[str, ...],
    decision: Decision,
) -> None:
    judge = policy(*grants)
    judged = command(*effects, objects=objects)
    assert judge.decide(session(), judged, NOON).decision is decision
    trace = explain(judge, session(), judged, NOON)
    assert trace.verdict.decision is decision
    assert (trace.missing == ()) is (decision is ALLOW)


def test_a_kept_verdict_hangs_on_the_objects() -> None:
    judge = policy(about(ORDERS))
    decided = [
        judge.decide(session(), command("read", objects=(each,)), NOON).decision
        for each in (ORDERS, STAFF, ORDERS, STAFF)
    ]
    assert decided == [ALLOW, DENY, ALLOW, DENY]


def test_a_denial_names_what_is_outside() -> None:
    verdict = policy(about(ORDERS)).decide(
        session(), command("read", objects=(ORDERS, STAFF)), NOON
    )
    assert verdict.reason == (
        'It needs "read" on public.orders, hr.staff of orders; the grants there allow nothing.'
    )
    many = tuple(f"hr.t{n}" for n in range(100))
    reason = policy(about(ORDERS)).decide(session(), command("read", objects=many), NOON).reason
    assert "hr.t7 … of orders" in reason
    assert "hr.t8" not in reason


def test_objects_hold_for_the_principal_too() -> None:
    whom = Identity("boss", "https://id.example", ("bosses",))
    delegated = msgspec.structs.replace(loop(), principal=whom)
    judge = policy(grant("read"), about(ORDERS, group="bosses", name="b"))
    acting = session(of=delegated)
    assert judge.decide(acting, command("read", objects=(ORDERS,)), NOON).decision is ALLOW
    assert judge.decide(acting, command("read", objects=(STAFF,)), NOON).decision is DENY


def test_an_explanation_says_which_object_a_grant_is_not_about() -> None:
    judge = policy(about(ORDERS), grant("write", name="grant 2"), rule("true", "allow"))
    trace = explain(judge, session(), command("read", objects=(ORDERS, STAFF)), NOON)
    assert [(step.holds, step.why) for step in trace.grants] == [
        (False, "is not about hr.staff"),
        (True, "allows write"),
    ]
    assert trace.ceiling == ("write",)
    assert trace.missing == ("read",)
    assert [step.value for step in trace.rules] == ["not reached"]


def test_objects_are_part_of_the_digest() -> None:
    digests = {policy_digest([one], []) for one in (about(ORDERS), about(ITEMS), grant("read"))}
    assert len(digests) == 3
