"""A statement with more literals than are worth weighing is redacted from the first one on."""

import pytest

from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Statements


@pytest.mark.parametrize(("count", "marks"), [(10_000, 10_000), (10_001, 1)])
def test_literals_are_marked_one_by_one_up_to_a_bound(count: int, marks: int) -> None:
    text = "SELECT " + ", ".join("'s'" for _ in range(count))
    found = analyse(text)
    assert isinstance(found, Statements)
    (statement,) = found.statements
    assert len(statement.marks) == marks
    assert statement.marks[0].start == text.index("'")
    if marks == 1:
        assert statement.marks[0].end == len(text)
        assert statement.marks[0].secret
