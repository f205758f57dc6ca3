"""Many prepared statements, and answers of the catalogue that are not what was asked for."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.model.errors import WireError
from custody.protocols.postgres.statements import catalogue as c
from custody.protocols.postgres.statements.first_view import opening
from custody.protocols.postgres.statements.prepared_statements import AT_MOST, NONE
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Prepare, Statement, Statements


def statement() -> Statement:
    analysis = analyse("SELECT 1")
    assert isinstance(analysis, Statements)
    return analysis.statements[0]


ONE = statement()
NAMES = st.integers(0, 200).map(str)


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=600))
def test_it_is_a_dictionary_that_never_changes(acts: list[tuple[str, bool]]) -> None:
    plain: dict[str, Statement] = {}
    kept = NONE
    for name, put in acts:
        before, was = kept, dict(plain)
        kept = kept.put(name, ONE if put else None)
        if put:
            plain[name] = ONE
        else:
            plain.pop(name, None)
        assert len(before) == len(was)
        assert (name in before) == (name in was)
    assert kept == plain


def test_of_too_many_the_oldest_are_forgotten() -> None:
    kept = NONE
    for number in range(AT_MOST + 1000):
        kept = kept.put(str(number), ONE)
    assert AT_MOST <= len(kept) < AT_MOST + 200
    assert "0" not in kept
    assert str(AT_MOST + 999) in kept


@pytest.mark.parametrize("how", ["apply", "perhaps"])
def test_ten_thousand_statements_are_prepared_in_no_time(how: str) -> None:
    view = opening("u", [], "public", conforming=True)
    started = time.process_time()
    for number in range(10_000):
        view = getattr(view, how)((Prepare(f"p{number}", ONE),))
    assert time.process_time() - started < 2  # it was half a minute


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        (c.ColumnsQuestion(1), [("public", "t", "r", "one", "a")]),
        (c.ColumnsQuestion(1), [("public",)]),
        (c.RelationsQuestion("t"), [()]),
        (c.FunctionsQuestion("f"), [("public", "f")]),
        (c.UserCodeQuestion(), [("operator",)]),
    ],
)
def test_a_malformed_answer_breaks_the_connection_for_look_ups(
    question: c.CatalogueQuestion, rows: list[c.Row]
) -> None:
    with pytest.raises(WireError) as caught:
        c.read(question, rows)
    assert caught.value.blame == "server"
