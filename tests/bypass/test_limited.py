"""A grant limited by objects covers nothing that touches who knows what."""

import msgspec
import pytest
from tests.bypass.corpus import Case, Recorded, run
from tests.bypass.limits import EVERYTHING, WITHIN
from tests.policy.scene import NOON, grant, policy, session

from custody.model.words import Decision
from custody.policy.judge import CompiledPolicy

RECORDED = Recorded()
ALL = ("read", "write", "define", "grant", "execute")


def limited(*objects: str) -> CompiledPolicy:
    return policy(msgspec.structs.replace(grant(*ALL), objects=objects))


def lines(table: str) -> list[str]:
    return [line for line in table.split("\n") if line]


@pytest.mark.parametrize("text", lines(EVERYTHING))
@pytest.mark.parametrize("objects", [("public.*", "pg_catalog.*"), ()])
def test_what_may_touch_anything_is_in_no_grant_for_some(
    text: str, objects: tuple[str, ...]
) -> None:
    (command,) = run(Case("", text), RECORDED.known)
    assert "*.*" in command.objects
    assert command.cascade is True
    assert limited(*objects).decide(session(), command, NOON).decision is Decision.DENY
    assert limited("*").decide(session(), command, NOON).decision is Decision.ALLOW


@pytest.mark.parametrize("text", lines(WITHIN))
def test_what_is_named_is_covered(text: str) -> None:
    (command,) = run(Case("", text), RECORDED.known)
    judge = limited("public.orders*", "public.parcels")
    assert judge.decide(session(), command, NOON).decision is Decision.ALLOW, command.objects


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("WITH d AS (DELETE FROM orders WHERE id = 1) SELECT 1", {"DELETE"}),
        ("EXPLAIN ANALYZE UPDATE orders SET note = 'x' WHERE id = 1", {"UPDATE"}),
        ("DO $$ BEGIN DELETE FROM parcels WHERE id = 1; END $$", {"DELETE"}),
        ("WITH a AS (INSERT INTO parcels VALUES (1)) DELETE FROM orders WHERE id = 1", {"INSERT"}),
    ],
)
def test_a_command_says_every_action_in_it(text: str, actions: set[str]) -> None:
    (command,) = run(Case("", text), RECORDED.known)
    assert set(command.actions or ()) == actions


def test_an_execute_says_what_it_runs() -> None:
    case = Case("", "EXECUTE p", before=("PREPARE p AS DELETE FROM parcels WHERE id = 1",))
    (command,) = run(case, RECORDED.known)
    assert command.actions == ("DELETE",)
