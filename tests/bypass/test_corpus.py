"""No evasion passes, and no innocent statement is refused.

Law: an evasion shows at least the effects, objects and lack of bounds that its block names; an
innocent statement works under a grant of ``read`` alone.
"""

from collections import Counter

import pytest
from tests.bypass.corpus import Case, Recorded, evasions, innocents, run

from custody.model.words import Effect

RECORDED = Recorded()
EVASIONS = evasions()
INNOCENTS = innocents()


def named(cases: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", named(EVASIONS))
def test_evasion_is_seen(case: Case) -> None:
    commands = run(case, RECORDED.known)
    effects = {effect for command in commands for effect in command.effects}
    objects = {name for command in commands for name in command.objects}
    assert case.effects <= effects
    assert case.objects <= objects
    assert not case.absent & objects
    assert all(command.bounded for command in commands) is not case.unbounded


@pytest.mark.parametrize("case", named(INNOCENTS))
def test_innocent_needs_no_more_than_read(case: Case) -> None:
    commands = run(case, RECORDED.known)
    assert commands
    for command in commands:
        assert command.effects <= {Effect.READ}, (command.effects, command.problem)


def test_corpus_is_as_large_as_promised() -> None:
    assert len(EVASIONS) >= 150
    assert len(INNOCENTS) >= 150
    twice = [text for text, count in Counter(case.text for case in INNOCENTS).items() if count > 1]
    assert len(twice) < 20
