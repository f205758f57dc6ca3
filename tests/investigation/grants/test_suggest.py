"""What is suggested allows what was done and nothing that was not; what it cannot know it says."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.investigation.grants_scene import (
    DAY,
    DEFINE,
    GRANT,
    HOUR,
    MINUTE,
    NOW,
    READ,
    WRITE,
    Done,
    Work,
    allowed,
    config,
    done,
)

from custody.investigation.grants.suggest import SuggestRequest, suggest
from custody.model.errors import CustodyError
from custody.model.identity import Identity
from custody.model.words import Decision, Effect
from custody.policy.grant import Grant
from custody.policy.hours import Hours

UNKNOWN = Effect.UNKNOWN


def asked(
    work: Work, folder: Path, *, grants: str = GRANT, since: int = 30 * DAY, **more: Any
) -> dict[str, Any]:
    known = config(grants)
    wanted = SuggestRequest(
        since, known.grants, tuple(target.name for target in known.targets), **more
    )
    index = work.index(folder)
    try:
        return suggest(index, wanted, NOW)
    finally:
        index.close()


def spelled(grant: Grant) -> str:
    return " ".join(sorted(grant.effects))


def test_the_narrowest_grants_are_split_by_target(tmp_path: Path) -> None:
    work = Work()
    loop = work.begin()
    work.act(loop, done(READ), done(READ, WRITE), done(on=()))
    work.act(loop, done(READ), target="billing")
    answer = asked(work, tmp_path, identity="ada")
    pasted = config(answer["toml"])
    assert [(grant.targets, spelled(grant)) for grant in pasted.grants] == [
        (("billing",), "read"),
        (("orders",), "read write"),
    ]
    assert [grant.groups for grant in pasted.grants] == [("agents",)] * 2
    assert [grant.issuer for grant in pasted.grants] == ["local"] * 2
    assert (answer["loops"], answer["sessions"], answer["commands"]) == (1, 2, 4)
    assert not allowed(answer["toml"], loop, done(WRITE), "billing", loop.started)
    assert not allowed(answer["toml"], loop, done(DEFINE), "orders", loop.started)


KINDS = st.frozensets(st.sampled_from([READ, WRITE, DEFINE, Effect.EXECUTE, UNKNOWN]))
OBJECTS = st.lists(st.sampled_from(["public.a", "public.b", "hr.c", "hr.*"]), unique=True)
COMMANDS = st.lists(st.tuples(KINDS, OBJECTS.map(tuple)), min_size=1, max_size=6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(COMMANDS, st.booleans(), COMMANDS)
def test_all_that_was_done_is_allowed_and_no_effect_that_was_not(
    commands: list[Done],
    objects: bool,  # noqa: FBT001 - given by hypothesis
    others: list[Done],
) -> None:
    work = Work()
    loop = work.begin()
    work.act(loop, *commands)
    with tempfile.TemporaryDirectory() as folder:
        answer = asked(work, Path(folder), identity="ada", objects=objects)
    text = answer["toml"]
    seen = frozenset[Effect]().union(*(effects for effects, _ in commands)) or {READ}
    for each in commands:
        assert allowed(text, loop, each, "orders", loop.started), (text, each)
    touched = {effect: set[str]() for effect in Effect}
    for effects, names in commands:
        for effect in effects:
            touched[effect] |= set(names)
    for each in others:
        effects, names = each
        may = effects <= seen
        if objects:
            may = may and all(
                effect is UNKNOWN or set(names) <= touched[effect] or "hr.*" in touched[effect]
                for effect in effects
            )
        assert may or not allowed(text, loop, each, "orders", loop.started), (text, each)


def test_objects_are_named_by_effect(tmp_path: Path) -> None:
    work = Work()
    loop = work.begin()
    work.act(
        loop,
        done(READ, on=("public.orders", "public.items")),
        done(WRITE, on=("public.orders",)),
        done(Effect.EXECUTE, on=()),
        done(UNKNOWN, on=()),
    )
    answer = asked(work, tmp_path, identity="ada", objects=True)
    assert {
        (tuple(sorted(grant.effects)), grant.objects) for grant in config(answer["toml"]).grants
    } == {
        (("read",), ("public.items", "public.orders")),
        (("write",), ("public.orders",)),
        (("execute",), ()),
        (("unknown",), None),
    }
    assert "unknown: 1 command could not be read" in answer["toml"]


def test_what_was_refused_is_told_apart_and_not_suggested(tmp_path: Path) -> None:
    work = Work()
    loop = work.begin()
    work.act(loop, done(READ))
    work.act(loop, done(DEFINE), decision=Decision.DENY)
    work.act(loop, done(READ), decision=Decision.DENY, rule="no-reading")
    work.act(loop, done(READ), decision=Decision.DENY)
    answer = asked(work, tmp_path, identity="ada")
    (grant,) = config(answer["toml"]).grants
    assert grant.effects == {READ}
    told = {
        (tuple(item["effects"]), item["rule"]): item["still_refused"] for item in answer["refused"]
    }
    assert told == {
        (("define",), "grant"): True,
        (("read",), "no-reading"): True,
        (("read",), "grant"): False,
    }


@pytest.mark.parametrize(("rule", "denials"), [("grant", 50), ("budget", 10)])
def test_what_a_budget_refused_is_not_charged_to_it(
    rule: str, denials: int, tmp_path: Path
) -> None:
    work = Work()
    loop = work.begin()
    work.act(loop, done(READ))
    work.act(loop, *[done(READ)] * 20, decision=Decision.DENY, rule=rule)
    (grant,) = config(asked(work, tmp_path, identity="ada")["toml"]).grants
    assert grant.budget is not None
    assert (grant.budget.commands, grant.budget.denials) == (10, denials)


def test_what_has_no_effect_needs_any_grant(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(on=()))
    answer = asked(work, tmp_path, identity="ada")
    (grant,) = config(answer["toml"]).grants
    assert grant.effects == {READ}
    assert "only what any grant allows" in answer["toml"]


def test_replication_is_called_out(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), stream=True)
    for objects in (False, True):
        answer = asked(work, tmp_path / str(objects), identity="ada", objects=objects)
        grants = config(answer["toml"]).grants
        assert [grant.replication for grant in grants].count(True) == 1
        assert "replication: 1 stream, opaque" in answer["toml"]


@pytest.mark.parametrize(
    ("grants", "groups", "identities"),
    [
        (GRANT, ("agents",), ()),
        (GRANT.replace('groups = ["agents"]', 'identities = ["ada"]'), (), ("ada",)),
        (GRANT.replace('groups = ["agents"]', 'groups = ["others"]'), (), ("ada",)),
        (GRANT.replace('["agents"]', '["agents", "few"]'), ("few",), ()),
    ],
)
def test_it_is_granted_as_it_is_granted_today(
    tmp_path: Path, grants: str, groups: tuple[str, ...], identities: tuple[str, ...]
) -> None:
    work = Work()
    work.act(work.begin(groups=("agents", "few")), done(READ))
    work.act(work.begin("grace"), done(WRITE))
    answer = asked(work, tmp_path, grants=grants, identity="ada")
    (grant,) = config(answer["toml"]).grants
    assert (grant.groups, grant.identities) == (groups, identities)
    assert grant.effects == {READ}
    others = [note for note in answer["notes"] if "--group agents" in note]
    assert bool(others) is ("agents" in grants)


def test_a_group_is_all_who_are_in_it(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(READ))
    work.act(work.begin("grace"), done(WRITE))
    work.act(work.begin("eve", ("others",)), done(DEFINE))
    work.act(work.begin("alan", issuer="https://id"), done(READ), target="billing")
    answer = asked(work, tmp_path, group="agents")
    found = [
        (grant.issuer, grant.targets, spelled(grant)) for grant in config(answer["toml"]).grants
    ]
    assert found == [
        ("https://id", ("billing",), "read"),
        ("local", ("orders",), "read write"),
    ]


def test_a_name_that_two_issuers_know_must_be_qualified(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(READ))
    work.act(work.begin(issuer="https://id"), done(WRITE))
    with pytest.raises(CustodyError, match="2 issuers") as caught:
        asked(work, tmp_path / "a", identity="ada")
    assert caught.value.code == "grants.ambiguous"
    qualified: list[dict[str, Any]] = [
        {"identity": "https://id#ada"},
        {"identity": "ada", "issuer": "https://id"},
    ]
    for more in qualified:
        (grant,) = config(asked(work, tmp_path / more["identity"][0], **more)["toml"]).grants
        assert (grant.issuer, spelled(grant)) == ("https://id", "write")
    nobody: list[dict[str, Any]] = [{"identity": "nobody"}, {"group": "nobodies"}]
    for more in nobody:
        with pytest.raises(CustodyError, match="opened a session"):
            asked(work, tmp_path / "c", **more)


def test_loops_budgets_and_hours_come_from_what_was_seen(tmp_path: Path) -> None:
    work = Work()
    first = work.begin()
    child = work.begin(parent=first.id)
    work.act(first, *[done(READ)] * 8)
    work.act(child, *[done(WRITE)] * 4)
    work.at = first.started + 40 * MINUTE
    work.end(loop=first.id)
    answer = asked(work, tmp_path, identity="ada", hours=True)
    (grant,) = config(answer["toml"]).grants
    assert grant.max_loop_ms == HOUR
    assert grant.concurrency == 3
    budget = grant.budget
    assert budget is not None
    assert (budget.commands, budget.rows, budget.writes, budget.denials) == (50, 100, 10, 10)
    assert budget.bytes == 10_000
    assert grant.hours == Hours(10 * 60, 13 * 60)
    assert allowed(answer["toml"], first, done(READ), "orders", first.started)
    assert not allowed(answer["toml"], first, done(READ), "orders", first.started + 2 * HOUR)


def test_hours_may_span_midnight_and_a_whole_day_has_none(tmp_path: Path) -> None:
    work = Work()
    start = work.at - work.at % DAY
    for hour in (23, 24, 25):
        work.at = start + hour * HOUR
        work.act(work.begin(), done(READ))
    text = asked(work, tmp_path / "a", identity="ada", hours=True)["toml"]
    assert 'hours = "22:00-03:00"' in text
    for hour in range(0, 24, 2):
        work.at = start + hour * HOUR
        work.act(work.begin(), done(READ))
    assert "hours = " not in asked(work, tmp_path / "b", identity="ada", hours=True)["toml"]


def test_what_was_done_for_somebody_counts_for_both(tmp_path: Path) -> None:
    boss = Identity("boss", "https://id", ("bosses",))
    work = Work()
    work.act(work.begin(principal=boss), done(WRITE))
    answer = asked(work, tmp_path / "a", identity="boss")
    (grant,) = config(answer["toml"]).grants
    assert (grant.identities, grant.issuer, spelled(grant)) == (("boss",), "https://id", "write")
    assert grant.concurrency is None
    assert any("ada needs grants for the same" in note for note in answer["notes"])
    (own,) = config(asked(work, tmp_path / "b", identity="ada")["toml"]).grants
    assert own.groups == ("agents",)


def test_targets_that_are_gone_and_days_without_evidence_are_named(tmp_path: Path) -> None:
    work = Work()
    loop = work.begin()
    work.act(loop, done(READ))
    work.act(loop, done(READ), target="old")
    answer = asked(work, tmp_path, identity="ada", since=10 * DAY)
    assert [grant.targets for grant in config(answer["toml"]).grants] == [("orders",)]
    assert any("targets old" in note for note in answer["notes"])
    assert answer["period"]["looked_at"] == 1
    assert len(answer["period"]["without_evidence"]) == 10
    assert any(note.startswith("10 of 11 days have no index") for note in answer["notes"])


def test_what_came_before_the_period_is_not_in_it(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(DEFINE))
    work.at += 3 * DAY
    work.act(work.begin(), done(READ))
    answer = asked(work, tmp_path, identity="ada", since=8 * DAY)
    (grant,) = config(answer["toml"]).grants
    assert grant.effects == {READ}


@pytest.mark.parametrize(
    "subject", ['a"b\\c', "line\nbreak\x1b[31m", "zoë 🙂", "\u202etrap", "é" * 90]
)
def test_any_name_makes_sound_toml(subject: str, tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(subject), done(READ))
    answer = asked(work, tmp_path, grants="", identity=subject)
    (grant,) = config(answer["toml"]).grants
    assert grant.identities == (subject,)
    assert "\x1b" not in answer["toml"]
    assert "\u202e" not in answer["toml"]


def test_a_name_is_not_taken_twice(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(READ))
    named = GRANT.replace("[[grant]]", '[[grant]]\nname = "agents-orders"')
    answer = asked(work, tmp_path, grants=named, identity="ada")
    both = config(named + answer["toml"])
    assert [grant.name for grant in both.grants] == ["agents-orders", "agents-orders-2"]
