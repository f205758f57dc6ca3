"""An explanation shows each step and ends in the verdict that ``decide`` gives."""

import pytest
from tests.policy.scene import HOUR, NOON, command, grant, policy, rule, session

from custody.model.command import Command
from custody.policy.explanation import explain

PARTS = (
    grant("read", "write"),
    grant("define", groups=("dba",), name="grant 2"),
    grant("grant", targets=("other",), name="grant 3"),
    rule('command.action == "SET"', name="set"),
    rule("command.objects[1] == 'x'", name="second object"),
    rule("!command.bounded", name="unbounded"),
)


@pytest.mark.parametrize(
    ("judged", "values", "missing"),
    [
        (command("read", action="SET"), ["true", "not reached", "not reached"], ()),
        (command("read", objects=("a", "b")), ["false", "false", "false"], ()),
        (
            command("read"),
            ["false", "error: its condition reads past the end of a list", "not reached"],
            (),
        ),
        (command("define"), ["not reached"] * 3, ("define",)),
        (command(action="ROLLBACK"), ["not reached"] * 3, ()),
    ],
)
def test_each_step_is_shown(judged: Command, values: list[str], missing: tuple[str, ...]) -> None:
    judge = policy(*PARTS)
    trace = explain(judge, session(), judged, NOON)
    assert [step.value for step in trace.rules] == values
    assert trace.missing == missing
    assert trace.ceiling == ("read", "write")
    assert trace.verdict == judge.decide(session(), judged, NOON + HOUR)
    assert [(step.name, step.holds, step.why) for step in trace.grants] == [
        ("grant 1", True, "allows read, write"),
        ("grant 2", False, "names neither this subject nor one of its groups"),
        ("grant 3", False, "is not about orders"),
    ]
