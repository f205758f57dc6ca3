"""The query language: what each query asks for, and what each mistake is told."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.index import KEYS, Filter, SearchField, Term, parse_query
from custody.index.text import fold
from custody.model.errors import CustodyError

NOW = 1_795_000_000_000
HOUR = 3_600_000


def word(value: str, *, negated: bool = False, prefix: bool = False) -> Filter:
    return Filter((Term(SearchField.WORD, value, negated, prefix),))


def text(value: str, *, negated: bool = False) -> Filter:
    return Filter((Term(SearchField.TEXT, value, negated),))


ASKED = {
    "": Filter(),
    "  \t ": Filter(),
    "Orders": word("orders"),
    "user_id": word("user_id"),
    "STRASSE": word("strasse"),
    "straße": word("strasse"),
    "pay*": word("pay", prefix=True),
    "-drop": word("drop", negated=True),
    '"Drop Table"': text("drop table"),
    '"drop"': text("drop"),
    '-"drop"': text("drop", negated=True),
    "public.orders": text("public.orders"),
    "id=7": text("id=7"),
    r'"say \"hi\" \\ there"': text(r'say "hi" \ there'),
    '"new\nline"': text("new\nline"),
    '"a:b"': text("a:b"),
    "é" * 200: text("é" * 200),
    "verdict:deny": Filter((Term(SearchField.VERDICT, "deny"),)),
    "-verdict:allow": Filter((Term(SearchField.VERDICT, "allow", negated=True),)),
    'object:"my table"': Filter((Term(SearchField.OBJECT, "my table"),)),
    "object:public.*": Filter((Term(SearchField.OBJECT, "public.", prefix=True),)),
    'object:"public.*"': Filter((Term(SearchField.OBJECT, "public.*"),)),
    'outcome:""': None,
    "target:orders target:crm": Filter(
        (Term(SearchField.TARGET, "orders"), Term(SearchField.TARGET, "crm"))
    ),
    "since:1h": Filter(since=NOW - HOUR),
    "since:2d until:30m": Filter(since=NOW - 48 * HOUR, until=NOW - HOUR // 2),
    "since:1795000000000": Filter(since=NOW),
    "since:2026-01-31": Filter(since=1_769_817_600_000),
    "since:2026-01-31T10:00": Filter(since=1_769_853_600_000),
    "since:2026-01-31T10:00+02:00": Filter(since=1_769_846_400_000),
    'verdict:deny target:orders since:1h "drop table"': Filter(
        (
            Term(SearchField.VERDICT, "deny"),
            Term(SearchField.TARGET, "orders"),
            Term(SearchField.TEXT, "drop table"),
        ),
        since=NOW - HOUR,
    ),
    "word:x": None,
    "text:x": None,
}

REFUSED = {
    "a::text": "search.unknown-key",
    "colour:red": "search.unknown-key",
    "word:x": "search.unknown-key",
    "text:x": "search.unknown-key",
    '"never closed': "search.syntax",
    'half"way': "search.syntax",
    '"a"b': "search.syntax",
    '""': "search.syntax",
    "verdict:maybe": "search.bad-value",
    "verdict:den*": "search.bad-value",
    'outcome:""': "search.bad-value",
    "effect:delete": "search.bad-value",
    "since:yesterday": "search.bad-value",
    "since:1795000000": "search.bad-value",
    "-since:1h": "search.bad-value",
    "x" * 5000: "search.too-long",
    "x " * 40: "search.too-long",
}


@pytest.mark.parametrize("query", [each for each, asked in ASKED.items() if asked is not None])
def test_a_query_asks_for(query: str) -> None:
    assert parse_query(query, NOW) == ASKED[query]


@pytest.mark.parametrize("query", REFUSED)
def test_a_mistake_is_told(query: str) -> None:
    with pytest.raises(CustodyError) as caught:
        parse_query(query, NOW)
    assert caught.value.code == REFUSED[query]
    assert caught.value.cure


@given(st.text(max_size=200))
def test_any_text_is_a_query_or_a_named_mistake(query: str) -> None:
    with suppress(CustodyError):
        parse_query(query, NOW)


@given(st.text(min_size=1, max_size=60))
def test_any_text_can_be_asked_for_in_quotes(wanted: str) -> None:
    quoted = wanted.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_query(f'"{quoted}"', NOW) == text(fold(wanted))


@given(
    st.sampled_from([key for key in KEYS if key in {"target", "identity", "object", "rule"}]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_any_name_can_be_asked_for_in_quotes(key: str, name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_query(f'{key}:"{quoted}"', NOW) == Filter((Term(SearchField(key), name),))
