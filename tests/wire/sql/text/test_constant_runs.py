"""Long lists of constants are judged as short ones are, and places stay those of the whole text."""

import pytest

from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Prepare, Statement, Statements, Unreadable
from custody.wire.sql.text import constant_runs
from custody.wire.sql.text.constant_runs import shortened

MANY = 6_000
ROWS = ", ".join(f"({n}, 'näme {n}', -3.5, NULL)" for n in range(MANY))
MEMBERS = ", ".join(str(n) for n in range(3 * MANY))


def read(text: str) -> tuple[Statement, ...]:
    found = analyse(text)
    assert isinstance(found, Statements), found
    return found.statements


def same_meaning(one: Statement, other: Statement) -> bool:
    return (
        one.action, one.effects, one.relations, one.functions, one.operators, one.types,
        one.bounded, one.changes,
    ) == (
        other.action, other.effects, other.relations, other.functions, other.operators,
        other.types, other.bounded, other.changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("long", "short"),
    [
        (f"INSERT INTO t VALUES {ROWS}", "INSERT INTO t VALUES (1, 'a', -3.5, NULL)"),
        (f"DELETE FROM t WHERE a IN ({MEMBERS})", "DELETE FROM t WHERE a IN (1, 2)"),
        (f"SELECT 1 = ANY (ARRAY[{MEMBERS}])", "SELECT 1 = ANY (ARRAY[1, 2])"),
        (f"INSERT INTO t VALUES {ROWS} ON CONFLICT DO NOTHING RETURNING lo_import('x')",
         "INSERT INTO t VALUES (1, '', 3) ON CONFLICT DO NOTHING RETURNING lo_import('x')"),
        (f"WITH w AS (DELETE FROM u RETURNING 1) SELECT * FROM (VALUES {ROWS}) v, w",
         "WITH w AS (DELETE FROM u RETURNING 1) SELECT * FROM (VALUES (1, 'a', 3.5, NULL)) v, w"),
    ],
)  # fmt: skip
def test_it_means_what_a_short_one_means(long: str, short: str) -> None:
    assert shortened(long.encode()) is not None
    assert same_meaning(read(long)[0], read(short)[0])


@pytest.mark.parametrize("hidden", ["(lo_import('x'))", "(1, nextval('s'))", "(2, 'a'::evil)"])
@pytest.mark.parametrize("place", [0, 10, MANY // 2, MANY])
def test_whatever_is_no_constant_is_judged_wherever_it_stands(hidden: str, place: int) -> None:
    rows = [f"({n}, 'a', {n})" for n in range(MANY)]
    rows.insert(place, hidden)
    (found,) = read(f"INSERT INTO t VALUES {', '.join(rows)}")
    (alone,) = read(f"INSERT INTO t VALUES {hidden}")
    assert found.functions == alone.functions
    assert set(alone.types) <= set(found.types)
    assert found.effects == alone.effects


@pytest.mark.parametrize(
    "around",
    ["SELECT '{}'", "SELECT $${}$$", "SELECT /* {} */ 1", 'SELECT "{}"', "-- {}\nSELECT 1"],
)
def test_what_looks_like_a_list_inside_of_a_token_is_left_alone(around: str) -> None:
    rows = ROWS.replace("'", "")
    assert shortened(around.replace("{}", f"VALUES {rows}").encode()) is None


def test_a_setting_keeps_all_of_its_values() -> None:
    path = ", ".join(f"'s{n}'" for n in range(2 * MANY))
    text = f"SET search_path TO {path}"
    assert shortened(text.encode()) is None


def test_places_are_those_of_the_whole_text() -> None:
    first = f"INSERT INTO t VALUES {ROWS};"
    second = f" PREPARE p AS INSERT INTO u VALUES {ROWS};"
    third = " SELECT 'ä', 7 FROM v"
    statements = read(first + second + third)
    borders = [(each.start, each.end) for each in statements]
    ends = [len(first), len(first + second), len(first + second + third)]
    assert borders == list(zip([0, *ends[:2]], ends, strict=True))
    marks = [(first[mark.start : mark.end], mark.secret) for mark in statements[0].marks]
    assert marks[:3] == [("0", False), ("'näme 0'", False), ("-3.5", False)]
    assert marks[-3:] == [(f"{MANY - 1}", False), (f"'näme {MANY - 1}'", False), ("-3.5", False)]
    ((left_out, _),) = [each for each in marks if each[1]]
    assert left_out.startswith("(8, 'näme 8'")
    assert left_out.endswith(f"(5998, 'näme {MANY - 2}', -3.5, NULL), ")
    (change,) = statements[1].changes
    assert isinstance(change, Prepare)
    assert (change.statement.start, change.statement.end) == borders[1]
    whole = first + second + third
    shown = [whole[borders[2][0] + m.start : borders[2][0] + m.end] for m in statements[2].marks]
    assert shown == ["'ä'", "7"]


def test_a_syntax_error_behind_a_list_has_its_place_in_the_whole_text() -> None:
    text = f"INSERT INTO t VALUES {ROWS} RETURNIG a"
    found = analyse(text)
    assert isinstance(found, Unreadable)
    assert found.position == text.index("RETURNIG") + 1


def test_a_backslash_that_is_left_out_is_still_one() -> None:
    rows = ROWS.replace("näme 3000", "na\\me")
    assert read(f"INSERT INTO t VALUES {rows}")[0].backslash


@pytest.mark.parametrize(
    "text",
    [
        "EXECUTE p({rows}, '123-45-6789')",
        "SELECT f({rows}, 1)",
        "INSERT INTO t SELECT {rows}, '123-45-6789'",
        "CALL p({rows}, 1)",
    ],
)
def test_what_stands_in_parentheses_elsewhere_is_counted_whole(text: str) -> None:
    rows = ", ".join(f"({n:06})" for n in range(2 * MANY))
    assert shortened(text.format(rows=rows).encode()) is None


def test_rows_of_constants_are_left_out_on_both_sides_of_one_that_calls() -> None:
    rows = ", ".join(f"({n}, 'a{n}', {n})" for n in range(MANY))
    text = f"INSERT INTO t VALUES {rows}, (1, lower(f('x')), 2), {rows}"
    short = shortened(text.encode())
    assert short is not None
    assert len(short.text) < 1000
    assert read(text)[0].functions == read("VALUES (1, lower(f('x')), 2)")[0].functions


def test_nulls_make_no_list_long() -> None:
    rows = ", ".join("(NULL, 'xxxxxxxx')" for _ in range(constant_runs.LEAST_CONSTANTS - 1))
    text = f"INSERT INTO t (a, b) VALUES {rows}"
    assert shortened(text.encode()) is None
    assert len(read(text)[0].marks) == constant_runs.LEAST_CONSTANTS - 1


def test_a_list_that_is_masked_one_by_one_is_read_whole() -> None:
    rows = ", ".join(f"({n}, '{'x' * 20}')" for n in range(constant_runs.LEAST_CONSTANTS // 2 - 1))
    text = f"INSERT INTO t (a, b) VALUES {rows}"
    assert len(text) > constant_runs.LEAST_BYTES
    (found,) = read(text)
    assert len(found.marks) == constant_runs.LEAST_CONSTANTS - 2
