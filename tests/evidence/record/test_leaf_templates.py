"""Leaves from forms: the same bytes as the encoder's, whatever the facts."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from custody.evidence.record.leaf import VERSION, parse
from custody.evidence.record.leaf_facts import KINDS
from custody.evidence.record.leaf_templates import LeafTemplates, encode, fill_template, template_of
from custody.model.command import Command
from custody.model.record import Body, CommandSeen, Response
from custody.model.words import Decision, Effect, Outcome

HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
COUNTS = st.integers(0, 2**53 - 1)
IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=20, max_size=20)
FILLED = st.fixed_dictionaries(
    {
        "ct": HASHES,
        "durable": COUNTS,
        "loop": IDS.map("loop_".__add__),
        "n": st.integers(1, 2**53 - 1),
        "pc": HASHES,
        "prev": HASHES,
        "seg": st.integers(0, 10**6 - 1).map(lambda number: f"2026-11-22/{number:03d}"),
        "session": IDS.map("ses_".__add__),
        "t": COUNTS,
    }
)
COMMANDS = st.builds(
    lambda effects, policy: CommandSeen(
        Command("SELECT", effects, (), True, "SELECT 1"),
        Decision.ALLOW, "grant", "", policy, "orders",
    ),
    st.frozensets(st.sampled_from(list(Effect))),
    st.just("") | HASHES,
)  # fmt: skip
RESPONSES = COUNTS.map(lambda command: Response(command, Outcome.OK, "SELECT 1", 1, 9, 5))


def facts_of(body: Body, mask: str) -> dict[str, Any]:
    facts = KINDS[type(body)].facts(body)
    return {**facts, "mask": mask} if mask else facts


def linked(filled: dict[str, Any]) -> Any:
    return tuple(filled[each] for each in ("ct", "durable", "loop", "n", "pc", "prev", "seg"))


@given(COMMANDS | RESPONSES, st.just("") | HASHES, FILLED)
def test_a_form_gives_what_the_encoder_gives(body: Body, mask: str, filled: dict[str, Any]) -> None:
    kind = KINDS[type(body)]
    facts = facts_of(body, mask)
    forms = LeafTemplates()
    assert not forms.of(body)
    forms.learn(kind, body, facts)
    links = linked(filled)
    form = forms.of(body)
    assert form is not None
    leaf = fill_template(form, links, filled["session"], filled["t"])
    assert leaf == encode({**facts, **filled, "v": VERSION, "type": kind.name})
    assert parse(leaf).facts.keys() == facts.keys()
    forms.forget()
    assert not forms.of(body)


OPEN = {"day", "key", "loop", "prev", "seg"}
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=5)
"""A fact's name is a plain word; those that a form leaves open are not constant."""


@given(
    st.dictionaries(
        NAMES.filter(lambda name: name not in {"day", "key", "loop", "prev", "seg"}), st.text()
    )
)
def test_constant_facts_may_hold_any_text(facts: dict[str, Any]) -> None:
    kind = KINDS[Response]
    filled: dict[str, Any] = dict.fromkeys(("ct", "loop", "pc", "prev", "seg", "session"), "x")
    filled |= {"durable": 3, "n": 1, "t": 2}
    expected = encode({**facts, **filled, "v": VERSION, "type": kind.name})
    form = template_of(kind, {**facts})
    assert fill_template(form, linked(filled), "x", 2) == expected


def test_what_has_no_form() -> None:
    forms = LeafTemplates()
    command = Command("SELECT", frozenset(), (), True, "SELECT 1")
    for body in (
        CommandSeen(command, Decision.DENY, "grant", "", "", "orders"),
        CommandSeen(command, Decision.ALLOW, "grant", "", "", "orders", "bind"),
        Response(1, Outcome.ERROR, "", 0, 0, 0),
        Response(None, Outcome.OK, "", 0, 0, 0),
    ):
        forms.learn(KINDS[type(body)], body, facts_of(body, ""))
        assert not forms.of(body)
