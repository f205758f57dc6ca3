"""What is wrong with a rule is said at load, with the rule's name and a cure."""

import contextlib

import cel
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.policy.scene import grant, policy, rule

from custody.model.errors import CustodyError
from custody.model.words import Decision
from custody.policy.cel_scan import read
from custody.policy.condition import compile_condition
from custody.policy.rule import Rule


@pytest.mark.parametrize(
    ("faulty", "code", "said"),
    [
        (rule("command.bounded &&"), "policy.condition-syntax", "(line 1, column 19)"),
        (rule("true &&\n  loop.id =="), "policy.condition-syntax", "(line 2, column"),
        (rule(""), "policy.condition-syntax", 'rule "r"'),
        (rule("("), "policy.condition-syntax", 'rule "r"'),
        (rule("comand.bounded"), "policy.unknown-variable", "Did you mean command?"),
        (rule("user == 'x'"), "policy.unknown-variable", "Variables: command, identity"),
        (rule("Loop.id == 'x'"), "policy.unknown-variable", "loop"),
        (rule(".now == now"), "policy.condition-unreadable", "certainty"),
        (rule("command.efects == []"), "policy.unknown-field", "Did you mean effects?"),
        (rule("has(command.nope)"), "policy.unknown-field", "command.nope"),
        (rule("now.hour == 3"), "policy.unknown-field", "now.getHours()"),
        (rule("command.text.lower() == 'x'"), "policy.unknown-function", "lower()"),
        (rule("startswith(command.text, 'x')"), "policy.unknown-function", "startsWith?"),
        (rule("false && nothing(1)"), "policy.unknown-function", "nothing()"),
        (rule("command.text.matches('(')"), "policy.bad-pattern", "'('"),
        (rule("[1].exists(now, now == 1)"), "policy.shadowed-variable", "now"),
        (rule("[1].exists(loop, true)"), "policy.shadowed-variable", "loop"),
        (rule("command.arguments"), "policy.condition-type", "gave a number"),
        (rule("command"), "policy.condition-type", "gave a map"),
        (rule("command.text + 1 == 'a1'"), "policy.condition-type", "types that do not fit"),
        (rule("true", name="grant"), "policy.reserved-name", "another name"),
        (rule("true || " * 3000 + "true"), "policy.condition-too-long", "Split it"),
    ],
)
def test_a_faulty_rule_is_refused_at_load(faulty: Rule, code: str, said: str) -> None:
    with pytest.raises(CustodyError) as refused:
        policy(grant("read"), faulty)
    assert refused.value.code == code
    assert said in str(refused.value)
    assert refused.value.cure
    assert len(str(refused.value)) < 500


def test_asking_nobody_is_refused() -> None:
    with pytest.raises(CustodyError, match="names nobody who may answer") as refused:
        policy(Rule("who", "true", Decision.ASK))
    assert refused.value.code == "policy.no-approvers"


@pytest.mark.parametrize(
    ("source", "mentioned"),
    [
        ("true", {}),
        ("command.text == 'x'", {"command": {"text"}}),
        ("command . text == 'x' // command.form", {"command": {"text"}}),
        ("command.text.size() > 1 && command.bounded", {"command": {"text", "bounded"}}),
        ('"command.form" == r"now\\"', {}),
        ('"""now "quoted" """ == b"now"', {}),
        ("loop.id == target.name", {"loop": {"id"}, "target": {"name"}}),
        ('{"now": 1}.now == 1', {}),
        ("now.getHours() > 3", {"now": set()}),
    ],
)
def test_what_a_condition_mentions(source: str, mentioned: dict[str, set[str]]) -> None:
    assert compile_condition(source, "rule").mentioned == mentioned


@pytest.mark.parametrize("source", ["size(command) > 1", '"x" in command', 'command["text"] == ""',
                                    "command.size() > 1", "[command] == []"])  # fmt: skip
def test_a_variable_used_whole_mentions_all_its_fields(source: str) -> None:
    assert len(compile_condition(source, "rule").mentioned["command"]) == 10


PIECES = st.sampled_from(
    ["loop", "now", "command", ".", "text", "(", ")", '"', "'", "\\", "r", "b", '"""', "'''", "//",
     "\n", " ", "1", "1.", "exists", "matches", ",", "x", "&&", "==", "[", "]", "{", "}", "?", ":",
     "in", "true", "\u00e9", "`", "@"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join))
@example('r"loop\\" + loop.id == ""')
@example("'''\\'''' == loop.id")
def test_no_source_is_read_differently_by_us_and_by_cel(source: str) -> None:
    """Where the CEL library accepts it, our reading knows each variable that it can touch."""
    reading = read(source)
    assert len(reading.source) == len(source)
    try:
        program = cel.compile(reading.source)
    except ValueError:
        return
    try:
        compile_condition(source, "rule")
    except CustodyError:
        return
    touched = set(program.variables()) - reading.bound
    assert touched <= {name.replace("loop", "Loop") for name in reading.mentioned} | {"int", "map"}


@given(st.text(max_size=60))
def test_no_source_raises_anything_but_a_fault(source: str) -> None:
    with contextlib.suppress(CustodyError):
        compile_condition(source, "rule")
