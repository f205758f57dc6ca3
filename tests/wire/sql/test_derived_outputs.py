"""What a SELECT's output is worked out from: certain, or not at all."""

import pytest

from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Statements


def outputs(text: str) -> list[list[str] | None]:
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    (statement,) = analysis.statements
    return [
        [column.name for column in use.columns] if use.certain else None
        for use in statement.outputs
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT count(*) FROM t", [[]]),
        ("SELECT count(DISTINCT a), b FROM t", [[], ["b"]]),
        ("SELECT sum(a), avg(a + b), max(c) FROM t", [["a"], ["a", "b"], ["c"]]),
        ("SELECT a + 1, 2 * a - b FROM t", [["a"], ["a", "b"]]),
        ("SELECT t.a FROM t JOIN u ON t.b = u.b", [["a"]]),
        ("SELECT 'x', 1, a || 'x', f(a), s.count(a) FROM t", [None] * 5),
        ("SELECT (SELECT max(a) FROM t), count(*) FROM u", [None, []]),
        ("SELECT max(x.a) FROM (SELECT b AS a FROM t) x", [None]),
        ("WITH x AS (SELECT a AS b FROM t) SELECT max(b) FROM x", [None]),
        ("SELECT a FROM t x(a)", [None]),
        ("SELECT CASE WHEN a = 1 THEN b END, a = 1, a::text FROM t", [None] * 3),
        ("SELECT *, count(*) FROM t", []),
        ("SELECT a FROM t UNION SELECT b FROM u", []),
        ("EXPLAIN SELECT count(*) FROM t WHERE a = 'x'", []),
        ("INSERT INTO t SELECT count(*) FROM u", []),
        ("DECLARE c CURSOR FOR SELECT count(*) FROM t", []),
        ("COPY (SELECT count(*) FROM t) TO STDOUT", []),
    ],
)
def test_outputs(text: str, expected: list[list[str] | None]) -> None:
    assert outputs(text) == expected


@pytest.mark.parametrize(
    ("text", "proven"),
    [
        ("SELECT a + 7 FROM t", True),
        ("SELECT a || '7' FROM t", False),
        ("SELECT 7 FROM t WHERE b = a + 7", False),
        ("SELECT b = a + 7 FROM t", False),
        ("SELECT 1 FROM t WHERE b IN (SELECT a + 7 FROM u)", False),
        ("INSERT INTO t (b) SELECT a + 7 FROM u", False),
    ],
)
def test_a_number_beside_a_column_meets_it_only_as_output(text: str, proven: bool) -> None:  # noqa: FBT001  # a case
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    marks = [mark for mark in analysis.statements[0].marks if "7" in text[mark.start : mark.end]]
    assert marks
    assert any(mark.proven for mark in marks) is proven


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("SELECT set_config('app.secret', 'x', false)", True),
        ("SELECT current_setting('my.api_key')", True),
        ("SHOW app.password", True),
        ("SHOW ALL", True),
        ("SHOW password_encryption", False),
        ("SELECT current_setting('app.tenant')", False),
    ],
)
def test_a_parameter_that_names_a_secret_shows_one(text: str, secret: bool) -> None:  # noqa: FBT001  # a case
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    assert analysis.statements[0].shows_secret is secret
