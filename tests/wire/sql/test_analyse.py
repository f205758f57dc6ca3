"""What one text says: its statements, its literals and parameters, and that no secret leaks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.model.words import Effect
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import (
    Copy,
    Execute,
    Mark,
    Prepare,
    SetParameter,
    Statement,
    Statements,
    Unreadable,
)


def only(text: str) -> Statement:
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    (statement,) = analysis.statements
    return statement


def shown(statement: Statement, text: str) -> list[tuple[str, str, bool]]:
    """Each literal, the columns that it meets (``?n`` by position), and whether that is proven."""
    body = text[statement.start : statement.end]
    return [
        (
            body[mark.start : mark.end],
            " ".join(use.name or f"?{use.position}" for use in mark.columns),
            mark.proven,
        )
        for mark in statement.marks
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM t WHERE a = 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE 'x' = a", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE t.a = 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t AS z WHERE z.a = 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE a = 'x'::text", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE a::text = 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE a LIKE 'x%'", [("'x%'", "a", True)]),
        ("SELECT * FROM t WHERE a LIKE 'x' ESCAPE '!'", [("'x'", "a", True), ("'!'", "a", True)]),
        ("SELECT * FROM t WHERE a ~ 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE a IN ('x', 'y')", [("'x'", "a", True), ("'y'", "a", True)]),
        ("SELECT * FROM t WHERE a BETWEEN 1 AND 2", [("1", "a", True), ("2", "a", True)]),
        ("SELECT * FROM t WHERE a = ANY ('{x}')", [("'{x}'", "a", True)]),
        ("SELECT * FROM t WHERE a = ANY (ARRAY['x'])", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE (a, b) = ('x', 'y')", [("'x'", "a", True), ("'y'", "b", True)]),
        (
            "SELECT * FROM t WHERE (a, b) IN (('x', 'y'))",
            [("'x'", "a", True), ("'y'", "b", True)],
        ),
        ("SELECT * FROM t WHERE a IS DISTINCT FROM 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t WHERE a = -5", [("-5", "a", True)]),
        ("SELECT * FROM t WHERE a = - /* c */ 5", [("- /* c */ 5", "a", True)]),
        ("SELECT * FROM t WHERE a = E'x\\'y'", [("E'x\\'y'", "a", True)]),
        ("SELECT * FROM t WHERE a = $q$x$q$", [("$q$x$q$", "a", True)]),
        (
            "SELECT * FROM t WHERE a = U&'d!0061' UESCAPE '!'",
            [("U&'d!0061' UESCAPE '!'", "a", True)],
        ),
        ("SELECT * FROM t WHERE a = 'x'\n'y'", [("'x'\n'y'", "a", True)]),
        ("SELECT * FROM t WHERE a = true", [("true", "a", True)]),
        (
            "SELECT * FROM t WHERE a = B'1' OR a = X'1F'",
            [("B'1'", "a", True), ("X'1F'", "a", True)],
        ),
        ("SELECT * FROM t WHERE é = 'x'", [("'x'", "é", True)]),
        ("SELECT * FROM t WHERE lower(a) = 'x'", [("'x'", "", False)]),
        ("SELECT * FROM t WHERE a || 'y' = 'x'", [("'y'", "", False), ("'x'", "", False)]),
        ("SELECT * FROM t WHERE a = lower('x')", [("'x'", "", False)]),
        ("SELECT 'x' FROM t", [("'x'", "", False)]),
        ("SELECT * FROM t LIMIT 5 OFFSET 6", [("5", "", True), ("6", "", True)]),
        ("SELECT a::varchar(5) FROM t", [("5", "", True)]),
        ("SELECT * FROM t, u WHERE a = 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t, (SELECT z FROM u) AS s WHERE a = 'x'", [("'x'", "a", False)]),
        ("SELECT * FROM t, (SELECT z FROM u) AS s WHERE t.a = 'x'", [("'x'", "a", True)]),
        ("SELECT * FROM t, (SELECT a FROM u) AS s WHERE s.a = 'x'", [("'x'", "", False)]),
        ("SELECT * FROM f() WHERE a = 'x'", [("'x'", "", False)]),
        ("SELECT * FROM t AS z (b) WHERE b = 'x'", [("'x'", "", False)]),
        (
            "WITH t AS (SELECT 1 AS a) SELECT * FROM t WHERE a = 'x'",
            [("1", "", False), ("'x'", "", False)],
        ),
        ("INSERT INTO t (a, b) VALUES ('x', 'y')", [("'x'", "a", True), ("'y'", "b", True)]),
        ("INSERT INTO t VALUES ('x', 'y')", [("'x'", "?0", True), ("'y'", "?1", True)]),
        ("INSERT INTO t (a) SELECT 'x'", [("'x'", "a", True)]),
        ("INSERT INTO t (a) SELECT 'x' UNION SELECT 'y'", [("'x'", "a", True), ("'y'", "a", True)]),
        ("INSERT INTO t SELECT *, 'x' FROM u", [("'x'", "", False)]),
        ("INSERT INTO t (a) VALUES ('x' || 'y')", [("'x'", "", False), ("'y'", "", False)]),
        (
            "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 'x' WHERE t.c = 'y'",
            [("1", "a", True), ("'x'", "b", True), ("'y'", "c", True)],
        ),
        ("UPDATE t SET a = 'x', b = 'y'", [("'x'", "a", True), ("'y'", "b", True)]),
        ("UPDATE t SET (a, b) = ('x', 'y')", [("'x'", "a", True), ("'y'", "b", True)]),
        ("UPDATE t SET a = a + 5 WHERE b = 1", [("5", "", False), ("1", "b", True)]),
        (
            "MERGE INTO t USING u ON t.b = 'x' WHEN MATCHED THEN UPDATE SET c = 'y'",
            [("'x'", "b", True), ("'y'", "c", True)],
        ),
        (
            "MERGE INTO t USING u ON t.b = u.b WHEN NOT MATCHED THEN INSERT (d) VALUES ('z')",
            [("'z'", "d", True)],
        ),
    ],
)
def test_literals_and_what_they_meet(text: str, expected: list[tuple[str, str, bool]]) -> None:
    assert shown(only(text), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM t WHERE a = $1", [(1, "a", True)]),
        ("SELECT * FROM t WHERE a = $1 OR b = $1", [(1, "a b", True)]),
        ("SELECT * FROM t WHERE a = $1 OR lower(b) = $1", [(1, "a", False)]),
        ("SELECT * FROM t WHERE a = $2 LIMIT $1", [(1, "", True), (2, "a", True)]),
        ("INSERT INTO t VALUES ($1, $2)", [(1, "?0", True), (2, "?1", True)]),
        ("SELECT * FROM t WHERE a = ANY ($1)", [(1, "a", True)]),
        ("SELECT $1", [(1, "", False)]),
    ],
)
def test_parameters_and_what_they_meet(text: str, expected: list[tuple[int, str, bool]]) -> None:
    statement = only(text)
    assert [
        (use.number, " ".join(c.name or f"?{c.position}" for c in use.columns), use.proven)
        for use in statement.parameters
    ] == expected


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("ALTER ROLE x WITH LOGIN PASSWORD 's3' VALID UNTIL '2030-01-01'", ["'s3'"]),
        ("CREATE USER x ENCRYPTED PASSWORD 's3'", ["'s3'"]),
        ("CREATE USER x PASSWORD NULL VALID UNTIL '2030-01-01'", []),
        ("CREATE SUBSCRIPTION s CONNECTION 'password=s3' PUBLICATION p", ["'password=s3'"]),
        ("ALTER SUBSCRIPTION s CONNECTION 'password=s3'", ["'password=s3'"]),
        ("CREATE USER MAPPING FOR x SERVER s OPTIONS (password 's3')", ["'s3'"]),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 's3')", ["'s3'"]),
        ("ALTER SYSTEM SET primary_conninfo = 'password=s3'", ["'password=s3'"]),
        (
            "SELECT * FROM dblink('password=s3', 'SELECT 1') AS t(a int)",
            ["'password=s3'", "'SELECT 1'"],
        ),
        ("SELECT crypt('s3', gen_salt('bf'))", ["'s3'", "'bf'"]),
        ("SELECT pgp_sym_encrypt(a, 's3') FROM t", ["'s3'"]),
        (
            "DO $$ BEGIN ALTER ROLE x PASSWORD 's3'; END $$",
            ["$$ BEGIN ALTER ROLE x PASSWORD 's3'; END $$"],
        ),
        ("SELECT dblink_connect($1)", []),
    ],
)
def test_secrets_are_marked(text: str, secrets: list[str]) -> None:
    statement = only(text)
    found = [text[mark.start : mark.end] for mark in statement.marks if mark.secret]
    assert found == secrets


def test_secret_parameter() -> None:
    (parameter,) = only("SELECT dblink_connect($1)").parameters
    assert parameter.secret


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE x PASSWORD '{}'",
        "CREATE USER x PASSWORD '{}'",
        "SELECT * FROM t WHERE a = '{}' LIMIT 5",
        "INSERT INTO t VALUES ('{}', E'{}', $${}$$)",
        "UPDATE t SET a = '{}' WHERE b IN ('{}', 'x')",
        "SELECT '{}'::text, interval '1 day', date '2020-01-01' || '{}'",
        "DO $$ BEGIN PERFORM '{}'; END $$",
        "PREPARE p AS SELECT '{}'",
        "EXECUTE p('{}')",
        "SELECT set_config('a.b', '{}', false)",
        "SET a.b = '{}'",
        "COPY t FROM PROGRAM '{}'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 -- {}'",
        "COMMENT ON TABLE t IS '{}'",
        "SELECT jsonb_path_query(a, '{}') FROM t WHERE a ? '{}' AND a ->> '{}' = '{}'",
        "SELECT xmlelement(name x, '{}'), xmlparse(document '{}') FROM t",
        "SELECT a COLLATE \"C\" LIKE '{}' ESCAPE '!' FROM t GROUP BY CASE WHEN b = '{}' THEN 1 END",
        "EXPLAIN SELECT '{}'",
        "NOTIFY x, '{}'",
    ],
)
def test_fingerprint_knows_no_literal(text: str) -> None:
    """A fingerprint that differs by a literal's value could be used to guess the value."""
    fingerprints = {only(text.replace("{}", value)).fingerprint for value in ("one", "two", "s3cr")}
    assert len(fingerprints) == 1
    assert "" not in fingerprints


def test_every_literal_token_is_marked() -> None:
    text = "CREATE TABLE t (a numeric(10, 2) DEFAULT 5 CHECK (a <> 7), b text DEFAULT 'x')"
    assert [piece for piece, _, _ in shown(only(text), text)] == ["10", "2", "5", "7", "'x'"]


def test_statements_cover_the_message() -> None:
    text = " /* é */ SELECT 1 ; ;-- two\nSELECT 'ü;' ;  -- end"
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    pieces = [text[statement.start : statement.end] for statement in analysis.statements]
    assert "".join(pieces) == text
    assert pieces[0] == " /* é */ SELECT 1 ;"
    last = analysis.statements[1]
    (mark,) = last.marks
    assert pieces[1][mark.start : mark.end] == "'ü;'"


@pytest.mark.parametrize("text", ["", " ", ";", " ; ;", "-- nothing", "/* nothing */"])
def test_nothing(text: str) -> None:
    assert analyse(text) == Statements(())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELEC 1", "syntax"),
        ("SELECT 1; SELEC", "syntax"),
        ("SELECT '", "syntax"),
        ("SELECT 1\0; DROP TABLE t", "encoding"),
        ("SELECT '\ud800'", "encoding"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000 + "+" * 3000, "syntax"),
        ("SELECT " + "1 + " * 2000 + "1", "too-deep"),
    ],
)
def test_unreadable(text: str, reason: str) -> None:
    read = analyse(text)
    assert isinstance(read, Unreadable)
    assert read.reason == reason


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("selec name", 'syntax error at or near "selec"', 1),
        ("SELECT 1; SELEC", 'syntax error at or near "SELEC"', 11),
        ("SELECT 'ä', fro m x", 'syntax error at or near "x"', 19),
        ("SELECT 1 +", "syntax error at end of input", 11),
        ("SELECT 'abc", 'unterminated quoted string at or near "\'abc"', 8),
    ],
)
def test_a_syntax_error_has_the_parsers_words_and_its_place(
    text: str, message: str, position: int
) -> None:
    assert analyse(text) == Unreadable("syntax", message, position)


@given(st.text(max_size=60))
def test_garbage_is_never_an_exception(text: str) -> None:
    assert isinstance(analyse(text), (Statements, Unreadable))


WORDS = re.findall(
    r"\S+",
    "SELECT FROM WHERE WITH AS ( ) , ; * = t a 'x' $1 5 DELETE UPDATE SET INSERT INTO VALUES "
    'RETURNING EXPLAIN ANALYZE COPY TO STDIN STDOUT PREPARE EXECUTE DO $$x$$ "b" . :: int AND OR '
    "NOT NULL UNION ALL JOIN ON LIMIT ORDER BY MERGE USING WHEN MATCHED THEN TRUNCATE CREATE TABLE "
    "GRANT CALL f BEGIN END -- /* */ \\ E'\\'' U&'\\0061' é",
)


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_soup_is_never_an_exception(text: str) -> None:
    analysis = analyse(text)
    if isinstance(analysis, Statements) and analysis.statements:
        assert "".join(text[s.start : s.end] for s in analysis.statements) == text
        for statement in analysis.statements:
            assert statement.action
            ends = [0]
            for mark in statement.marks:
                assert ends[-1] <= mark.start < mark.end <= statement.end - statement.start
                ends.append(mark.end)


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("COPY t FROM STDIN", Copy(True, 0, (), "text", "\t", "client")),
        (
            "COPY s.t (a, b) TO STDOUT WITH (FORMAT csv, DELIMITER ';', HEADER, NULL 'N')",
            Copy(False, 0, ("a", "b"), "csv", ";", "client", null="N", header=True),
        ),
        ("COPY t TO STDOUT CSV", Copy(False, 0, (), "csv", ",", "client", null="")),
        ("COPY t FROM STDIN BINARY", Copy(True, 0, (), "binary", "\t", "client")),
        ("COPY (SELECT 1) TO STDOUT", Copy(False, -1, (), "text", "\t", "client")),
        ("COPY t TO '/x'", Copy(False, 0, (), "text", "\t", "file")),
        ("COPY t FROM PROGRAM 'x'", Copy(True, 0, (), "text", "\t", "program")),
    ],
)
def test_copy(text: str, copy: Copy) -> None:
    assert only(text).copy == copy


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("SET search_path = a, \"B\", 'c d'", SetParameter("search_path", ("a", "B", "c d"))),
        ("SET LOCAL search_path = a", SetParameter("search_path", ("a",), local=True)),
        ("SET SCHEMA 'a'", SetParameter("search_path", ("a",))),
        ("SET search_path TO DEFAULT", SetParameter("search_path", None, reset=True)),
        ("RESET search_path", SetParameter("search_path", None, reset=True)),
        ("SET ROLE x", SetParameter("role", ("x",))),
        (
            "SELECT set_config('search_path', 'a, \"B\"', true)",
            SetParameter("search_path", ("a", "B"), local=True),
        ),
        ("SELECT set_config('search_path', $1, false)", SetParameter("search_path", None)),
        ("SELECT set_config($1, 'x', false)", SetParameter("", None)),
        ("EXECUTE p(1)", Execute("p")),
        ("EXPLAIN EXECUTE p", Execute("p", runs=False)),
    ],
)
def test_changes_to_the_session(text: str, change: object) -> None:
    assert only(text).changes == (change,)


def test_execute_names_its_arguments() -> None:
    marks = only("EXECUTE p('a', 5, 'b' || 'c')").marks
    assert [mark.argument for mark in marks] == [1, 2, 0, 0]


def test_prepare_holds_what_it_prepares() -> None:
    statement = only("PREPARE p AS DELETE FROM t WHERE a = $1")
    (change,) = statement.changes
    assert isinstance(change, Prepare)
    assert change.statement.action == "DELETE"
    assert statement.effects == change.statement.effects == {Effect.WRITE}
    assert statement.parameter_count == 0
    assert change.statement.parameter_count == 1


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("TABLE t", "SELECT"),
        ("SELECT 1 INTO x", "SELECT INTO"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED VIEW"),
        ("DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW"),
        ("ALTER TABLE t ADD a int", "ALTER TABLE"),
        ("ALTER TABLE t RENAME a TO b", "ALTER TABLE"),
        ("ALTER INDEX i RENAME TO j", "ALTER INDEX"),
        ("CREATE TYPE m AS ENUM ('a')", "CREATE TYPE"),
        ("CREATE AGGREGATE g (int) (sfunc = f, stype = int)", "CREATE AGGREGATE"),
        ("CREATE POLICY p ON t", "CREATE POLICY"),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW"),
        ("GRANT a TO b", "GRANT ROLE"),
        ("DISCARD TEMP", "DISCARD TEMP"),
        ("CLOSE ALL", "CLOSE CURSOR ALL"),
        ("ALTER TABLE t OWNER TO x", "ALTER TABLE"),
    ],
)
def test_action_is_the_command_tag(text: str, action: str) -> None:
    assert only(text).action == action


def test_mark_is_positional() -> None:
    """The struct crosses a process border by position: its order is its format."""
    assert Mark.__struct_fields__[:2] == ("start", "end")
