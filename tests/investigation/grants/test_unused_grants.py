"""What was never used is named; what was used is not, whoever used it and for whomever."""

from pathlib import Path
from typing import Any

import pytest
from tests.investigation.grants_scene import (
    DAY,
    DEFINE,
    HOUR,
    NOW,
    READ,
    WRITE,
    Work,
    config,
    done,
)

from custody.investigation.grants.unused_grants import UnusedRequest, unused
from custody.model.identity import Identity
from custody.model.words import Decision

AGENTS = """
[[grant]]
groups = ["agents"]
targets = ["*"]
effects = ["read", "write"]
"""


def asked(work: Work, folder: Path, grants: str, since: int = 30 * DAY) -> list[dict[str, Any]]:
    known = config(grants)
    index = work.index(folder)
    try:
        targets = tuple(target.name for target in known.targets)
        items = unused(index, UnusedRequest(since, known.grants, targets), NOW)["items"]
    finally:
        index.close()
    assert isinstance(items, list)
    return items


def test_what_a_grant_was_not_used_for_is_named(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(READ))
    grants = AGENTS + AGENTS.replace('["agents"]', '["agents", "gone"]\nidentities = ["eve"]')
    (first, second) = asked(work, tmp_path, grants)
    assert first["used"]
    assert first["commands"] == 1
    assert first["last"].startswith("2026-11-18T11:06")
    assert first["never"] == {
        "targets": ["billing"],
        "effects": ["write"],
        "groups": [],
        "identities": [],
    }
    assert second["never"]["groups"] == ["gone"]
    assert second["never"]["identities"] == ["eve"]


@pytest.mark.parametrize(
    ("grant", "used"),
    [
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]', True),
        ('groups = ["agents"]\ntargets = ["*"]\neffects = ["read", "write"]', True),
        ('identities = ["ada"]\ntargets = ["orders"]\neffects = ["read"]', True),
        ('groups = ["agents"]\ntargets = ["billing"]\neffects = ["read"]', False),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["write"]', False),
        ('groups = ["others"]\ntargets = ["orders"]\neffects = ["read"]', False),
        ('groups = ["agents"]\nissuer = "x"\ntargets = ["orders"]\neffects = ["read"]', False),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nhours = "11:00-11:30"',
         True),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nhours = "11:10-11:30"',
         False),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nmax_loop = "1h"', True),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nmax_loop = "1s"', False),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nobjects = ["*.orders"]',
         True),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nobjects = ["hr.*"]',
         False),
        ('groups = ["agents"]\ntargets = ["orders"]\neffects = ["read"]\nreplication = true', True),
    ],
)  # fmt: skip
def test_a_grant_is_used_if_it_would_have_held(grant: str, used: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a table's column
    work = Work()
    work.act(work.begin(), done(READ))
    (item,) = asked(work, tmp_path, f"[[grant]]\n{grant}\n")
    assert item["used"] is used


def test_what_was_refused_uses_nothing(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(READ), decision=Decision.DENY, rule="no")
    (item,) = asked(work, tmp_path, AGENTS)
    assert not item["used"]
    assert item["never"]["groups"] == []


def test_a_command_without_effects_uses_the_only_grant_that_there_is(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(on=()))
    (item,) = asked(work, tmp_path / "a", AGENTS)
    assert item["used"]
    assert item["never"]["effects"] == ["read", "write"]
    both = asked(work, tmp_path / "b", AGENTS + AGENTS.replace("write", "define"))
    assert [each["used"] for each in both] == [False, False]


def test_a_replication_stream_uses_the_grant_that_names_it(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), stream=True)
    (plain, named) = asked(work, tmp_path, AGENTS + AGENTS + "replication = true\n")
    assert (plain["used"], named["used"]) == (False, True)


def test_the_grants_of_whom_a_loop_acts_for_are_used_too(tmp_path: Path) -> None:
    work = Work()
    boss = Identity("boss", "https://id", ("bosses",))
    work.act(work.begin(principal=boss), done(WRITE))
    (item,) = asked(work, tmp_path, AGENTS.replace("agents", "bosses"))
    assert item["used"]
    assert item["never"]["effects"] == ["read"]


def test_only_the_period_counts(tmp_path: Path) -> None:
    work = Work()
    work.act(work.begin(), done(DEFINE))
    work.at += 5 * DAY
    loop = work.begin(lasts=2 * HOUR)
    work.act(loop, done(READ))
    grants = AGENTS.replace("write", "define")
    (item,) = asked(work, tmp_path, grants, since=8 * DAY)
    assert item["never"]["effects"] == ["define"]
    (whole,) = asked(work, tmp_path, grants)
    assert whole["never"]["effects"] == []
