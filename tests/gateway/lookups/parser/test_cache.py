"""What is remembered, and how much of it."""

import msgspec
import pytest

from custody.gateway.lookups.parser.cache import AnalysisCache
from custody.gateway.lookups.parser.frames import decode, encode
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Mark, Statement, Statements, Unreadable


def test_a_stamp_tells_statements_apart() -> None:
    cache = AnalysisCache()
    one = cache.keep("SELECT 'a'", analyse("SELECT 'a'"))
    other = cache.keep("SELECT 'b'; SELECT 'c'", analyse("SELECT 'b'; SELECT 'c'"))
    assert isinstance(one, Statements)
    assert isinstance(other, Statements)
    stamps = [statement.stamp for statement in (*one.statements, *other.statements)]
    assert len({0, *stamps}) == 4


def test_the_oldest_goes_first() -> None:
    cache = AnalysisCache(entries=2)
    for text in ("SELECT 'a'", "SELECT 'b'"):
        cache.keep(text, analyse(text))
    assert cache.recall("SELECT 'a'") is not None
    cache.keep("SELECT 'c'", analyse("SELECT 'c'"))
    assert cache.recall("SELECT 'b'") is None
    assert cache.recall("SELECT 'a'") is not None


def test_bytes_are_bounded() -> None:
    cache = AnalysisCache(size=100_000)
    for number in range(200):
        text = f"SELECT '{number}', '{'x' * 1000}'"
        cache.keep(text, analyse(text))
    assert cache._used <= 100_000
    assert len(cache._kept) < 30
    huge = f"SELECT '{'x' * 100_000}'"
    cache.keep(huge, analyse(huge))
    assert cache.recall(huge) is None


@pytest.mark.parametrize(
    ("reason", "kept"), [("syntax", True), ("crash", True), ("time-out", False)]
)
def test_what_may_not_hold_the_next_time_is_not_kept(reason: str, kept: bool) -> None:  # noqa: FBT001  # a table's column
    cache = AnalysisCache()
    cache.keep("x", Unreadable(reason))
    assert (cache.recall("x") is not None) is kept


@pytest.mark.parametrize(
    "statements",
    [
        (Statement(0, 9, "SELECT", frozenset()),),
        (Statement(1, 3, "SELECT", frozenset()),),
        (Statement(0, 2, "SELECT", frozenset()), Statement(1, 3, "SELECT", frozenset())),
        (Statement(0, 3, "SELECT", frozenset(), marks=(Mark(1, 4),)),),
        (Statement(0, 3, "SELECT", frozenset(), marks=(Mark(2, 1),)),),
    ],
)
def test_a_worker_that_lies_about_places_is_not_believed(statements: tuple[Statement, ...]) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(encode(Statements(statements)), 5)


def test_an_analysis_survives_the_border() -> None:
    text = "PREPARE p AS DELETE FROM t USING u WHERE x = 'a'; SELECT 1, $1"
    analysis = analyse(text)
    assert decode(encode(analysis), len(text)) == analysis
