"""From statements to commands: candidates, columns, functions, prepared statements.

The catalogue here is made of few facts: ``public.users`` and ``public.orders``, ``app.orders``, a
view ``public.paid``, and functions of each kind.
"""

import msgspec
import pytest

from custody.model.command import Argument, Column, Command
from custody.model.words import Effect
from custody.protocols.postgres.statements.catalogue import (
    CatalogueAnswer,
    CatalogueQuestion,
    FunctionFact,
    FunctionFacts,
    FunctionsQuestion,
    RelationFact,
    RelationFacts,
    RelationsQuestion,
    Unanswered,
    UserCodeFacts,
    UserCodeQuestion,
)
from custody.protocols.postgres.statements.first_view import opening
from custody.protocols.postgres.statements.meaning import (
    changes,
    questions,
    stales,
    understand,
    unreadable,
)
from custody.protocols.postgres.statements.meaning_cache import MeaningCache
from custody.protocols.postgres.statements.reach import (
    ReachFacts,
    ReachQuestion,
    SchemaQuestion,
)
from custody.protocols.postgres.statements.session_view import SessionView
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Statement, Statements

RELATIONS = {
    "users": [RelationFact("public", "users", "r", ("id", "name", "ssn"))],
    "orders": [
        RelationFact("public", "orders", "r", ("id", "user_id", "note")),
        RelationFact("app", "orders", "p", ("id", "body")),
    ],
    "paid": [RelationFact("public", "paid", "v", ("id", "amount"))],
    "pg_class": [RelationFact("pg_catalog", "pg_class", "r", ("oid", "relname"))],
}
FUNCTIONS = {
    "lower": [FunctionFact("pg_catalog", "f", False, True)],
    "upper": [
        FunctionFact("pg_catalog", "f", False, True),
        FunctionFact("app", "f", True, False),
    ],
    "setval": [FunctionFact("pg_catalog", "f", True, True)],
    "brand_new": [FunctionFact("pg_catalog", "f", True, True)],
    "pure": [FunctionFact("public", "f", False, False)],
    "touch": [FunctionFact("public", "f", True, False)],
    "uuid": [FunctionFact("public", "f", True, True)],
    "evil": [FunctionFact("public", "f", True, False)],
    "set_config": [FunctionFact("pg_catalog", "f", True, True)],
}


def known(question: CatalogueQuestion) -> CatalogueAnswer:
    match question:
        case RelationsQuestion(name=name):
            return RelationFacts(tuple(RELATIONS.get(name, ())))
        case FunctionsQuestion(name=name):
            return FunctionFacts(tuple(FUNCTIONS.get(name, ())))
        case UserCodeQuestion():
            return UserCodeFacts(frozenset(("@@@",)), frozenset(("trap",)))
        case ReachQuestion() | SchemaQuestion():
            return ReachFacts(())
        case _:
            return Unanswered()


def silent(_question: CatalogueQuestion) -> CatalogueAnswer | None:
    return Unanswered()


def opened(path: str = '"$user", public') -> SessionView:
    return opening("app_user", (), path, conforming=True)


def statement_of(text: str) -> Statement:
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    return analysis.statements[-1]


def command(text: str, view: SessionView | None = None) -> Command:
    return understand(text, statement_of(text), view or opened(), known)


def after(*texts: str, path: str = '"$user", public') -> SessionView:
    """The session once these messages have succeeded, one after the other."""
    view = opened(path)
    for text in texts:
        statement = statement_of(text)
        view = view.apply(changes(statement, view, known))
        view = view.ready("T" if view.explicit else "I")
    return view


SSN = Column("public", "users", "ssn")


@pytest.mark.parametrize(
    ("path", "text", "objects"),
    [
        ('"$user", public', "SELECT * FROM orders", ("public.orders",)),
        ("app, public", "SELECT * FROM orders", ("public.orders", "app.orders")),
        ("app", "SELECT * FROM orders", ("app.orders",)),
        ("public", "SELECT * FROM app.orders", ("app.orders",)),
        ("public", "SELECT * FROM nowhere", ("public.nowhere",)),
        ("app, public", "SELECT * FROM nowhere", ("app.nowhere", "public.nowhere")),
        ("public", "SELECT * FROM pg_class", ("pg_catalog.pg_class",)),
        ("public", "SELECT * FROM pg_temp.x", ("pg_temp.x",)),
        ("public", "DROP SCHEMA app", ("app.*",)),
    ],
)
def test_objects_are_every_candidate(path: str, text: str, objects: tuple[str, ...]) -> None:
    assert command(text, opened(path)).objects == objects


def test_an_unknown_path_means_every_schema_that_has_the_name() -> None:
    view = opening("app_user", (), None, conforming=True)
    assert command("SELECT * FROM orders", view).objects == ("public.orders", "app.orders")


def test_relations_bring_their_columns_unless_they_are_views() -> None:
    found = command("SELECT * FROM users, paid, nowhere", opened("public"))
    assert [(r.name, r.columns) for r in found.relations] == [
        ("users", ("id", "name", "ssn")),
        ("paid", None),
        ("nowhere", None),
    ]
    assert found.resolved


def test_the_literal_of_a_masked_column_is_known_by_its_column() -> None:
    text = "UPDATE users SET ssn = '1-2' WHERE name = 'x' AND lower(name) = 'y'"
    marks = command(text).marks
    assert [(text[m.start : m.end], m.columns, m.proven) for m in marks] == [
        ("'1-2'", (SSN,), True),
        ("'x'", (Column("public", "users", "name"),), True),
        ("'y'", (), False),
    ]


def test_an_insert_without_columns_has_those_of_the_table() -> None:
    marks = command("INSERT INTO users VALUES (1, 'n', 's', 'too many')").marks
    assert [(m.columns[0].name if m.columns else "", m.proven) for m in marks] == [
        ("id", True),
        ("name", True),
        ("ssn", True),
        ("", False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM paid WHERE amount = '1'",
        "SELECT * FROM nowhere WHERE a = '1'",
        "SELECT * FROM users WHERE no_such_column = '1'",
        "SELECT * FROM users WHERE users = '1'",
    ],
)
def test_what_cannot_be_resolved_is_not_proven(text: str) -> None:
    assert not command(text).marks[0].proven


def test_a_bare_column_belongs_to_the_relations_that_have_it() -> None:
    (mark,) = command("SELECT * FROM users, orders WHERE ssn = '1'").marks
    assert mark.columns == (SSN,)
    assert mark.proven


def test_arguments_learn_what_they_meet() -> None:
    text = "SELECT * FROM users WHERE ssn = $1 AND lower(name) = $2"
    arguments = (Argument("1-2", "text", 3), Argument("x", "text", 1), Argument("y", "text", 1))
    found = understand(text, statement_of(text), opened(), known, arguments, form="extended")
    assert [(a.value, a.columns, a.proven) for a in found.arguments] == [
        ("1-2", (SSN,), True),
        ("x", (), False),
        ("y", (), False),
    ]
    assert found.form == "extended"


@pytest.mark.parametrize(
    ("text", "executes"),
    [
        ("SELECT lower('a')", False),
        ("SELECT pure(1)", False),
        ("SELECT touch(1)", True),
        ("SELECT public.touch(1)", True),
        ("SELECT uuid()", True),
        ("SELECT nobody_knows(1)", True),
        ("SELECT upper('a')", False),
        ("SELECT brand_new()", True),
        ("SELECT 1 @@@ 2", True),
        ("SELECT 'x'::trap", True),
        ("SELECT u.evil FROM users u", True),
        ("SELECT u.name FROM users u", False),
    ],
)
def test_functions_operators_and_types(text: str, executes: bool) -> None:  # noqa: FBT001  # a table's column
    assert (Effect.EXECUTE in command(text).effects) is executes


def test_a_user_function_beside_a_built_in_one_counts_once_the_path_reaches_it() -> None:
    assert Effect.EXECUTE in command("SELECT upper('a')", opened("public, app")).effects
    assert Effect.EXECUTE not in command("SELECT pg_catalog.upper('a')", opened("app")).effects
    assert Effect.WRITE in command("SELECT setval('s', 1)").effects


def test_a_user_function_makes_reads_that_nobody_lists() -> None:
    assert not command("SELECT pure(1) FROM users").resolved
    assert command("SELECT lower('a') FROM users").resolved


def test_a_cursor_s_rows_come_from_relations_that_fetch_does_not_name() -> None:
    assert not command("FETCH ALL FROM c").resolved
    assert command("MOVE 5 FROM c").resolved
    assert command("FETCH ALL FROM c").effects == set()


def test_without_a_catalogue_the_tables_of_built_in_functions_have_the_word() -> None:
    for text, executes in (
        ("SELECT lower('a'), random(), 1 + 1, 'x'::text", False),
        ("SELECT touch(1)", True),
        ("SELECT public.lower('a')", True),
        ("SELECT 1 OPERATOR(public.+) 2", True),
    ):
        found = understand(text, statement_of(text), opened(), silent)
        assert (Effect.EXECUTE in found.effects) is executes, text
    found = understand("SELECT * FROM t", statement_of("SELECT * FROM t"), opened(), silent)
    assert not found.resolved
    assert found.objects == ("app_user.t", "public.t")


def test_what_is_asked() -> None:
    statement = statement_of("SELECT lower(name) FROM users WHERE id = 1")
    asked = questions(statement, opened(), lambda _: None)
    assert asked == (RelationsQuestion("users"), FunctionsQuestion("lower"), UserCodeQuestion())
    assert questions(statement, opened(), known) == ()


def test_execute_means_what_was_prepared() -> None:
    view = after("PREPARE p AS UPDATE users SET ssn = $1 WHERE id = $2")
    found = command("EXECUTE p('1-2', 5)", view)
    assert found.action == "EXECUTE"
    assert found.effects == {Effect.WRITE}
    assert found.objects == ("public.users",)
    assert [(m.columns, m.proven) for m in found.marks] == [
        ((SSN,), True),
        ((Column("public", "users", "id"),), True),
    ]


def test_execute_of_what_the_session_never_showed_is_unknown() -> None:
    found = command("EXECUTE p")
    assert found.effects == {Effect.UNKNOWN}
    assert found.problem


def test_a_protocol_level_statement_can_be_executed_by_name() -> None:
    view = opened().prepare("p", statement_of("DELETE FROM users"))
    assert not command("EXECUTE p", view).bounded
    assert Effect.UNKNOWN in command("EXECUTE p", view.close("p")).effects


def test_a_statement_that_executes_itself_ends() -> None:
    view = opened().prepare("p", statement_of("EXECUTE p"))
    assert Effect.UNKNOWN in command("EXECUTE p", view).effects


def test_bounds_are_checked_against_the_columns() -> None:
    assert not command("DELETE FROM orders USING users WHERE ssn = 'x'").bounded
    assert command("DELETE FROM orders USING users WHERE note = 'x'").bounded


def test_an_unreadable_text_is_unknown_and_wholly_marked() -> None:
    found = unreadable("SELEC 'secret'", "syntax")
    assert found.effects == {Effect.UNKNOWN}
    assert found.problem == "syntax"
    assert not found.resolved
    (mark,) = found.marks
    assert (mark.start, mark.end, mark.proven) == (0, 14, False)


@pytest.mark.parametrize(
    ("text", "stale"),
    [
        ("SELECT * FROM users", False),
        ("DELETE FROM users", False),
        ("CREATE TABLE t (a int)", True),
        ("SELECT touch(1)", True),
        ("GRANT SELECT ON users TO x", True),
    ],
)
def test_what_makes_the_catalogue_stale(text: str, stale: bool) -> None:  # noqa: FBT001  # a table's column
    assert stales(command(text)) is stale


def test_a_remembered_meaning_is_the_same_meaning() -> None:
    answers: dict[CatalogueQuestion, CatalogueAnswer] = {}

    def lasting(question: CatalogueQuestion) -> CatalogueAnswer:
        return answers.setdefault(question, known(question))

    memory = MeaningCache()
    for text in ("SELECT * FROM users WHERE ssn = '1'", "SELECT touch(1)", "SET search_path = app"):
        statement = stamped(statement_of(text), len(text))
        for view in (opened(), opened("app")):
            for _ in range(2):
                assert memory.understand(text, statement, view, lasting) == understand(
                    text, statement, view, lasting
                )
                assert memory.changes(statement, view, lasting) == changes(statement, view, lasting)
                assert memory.questions(statement, view, lasting) == ()


def test_a_remembered_meaning_falls_with_an_answer() -> None:
    text = "SELECT touch(1)"
    statement = stamped(statement_of(text), 7)
    memory = MeaningCache()
    quiet = FunctionFacts((FunctionFact("public", "f", False, False),))
    loud = FunctionFacts((FunctionFact("public", "f", True, False),))
    assert (
        Effect.EXECUTE not in memory.understand(text, statement, opened(), lambda _: quiet).effects
    )
    assert Effect.EXECUTE in memory.understand(text, statement, opened(), lambda _: loud).effects


def stamped(statement: Statement, stamp: int) -> Statement:

    return msgspec.structs.replace(statement, stamp=stamp)


@pytest.mark.parametrize(
    "text",
    [
        "DROP TABLE mine",
        "DROP TABLE IF EXISTS mine",
        "DROP TABLE pg_temp.mine",
        "DROP VIEW seen",
        "DROP SEQUENCE pg_temp.counted",
        "TRUNCATE mine",
        "CREATE INDEX ON mine (a)",
        "ANALYZE mine",
        "VACUUM mine",
    ],
)
def test_temporary_relations_are_the_session_s_own(text: str) -> None:
    view = after("CREATE TEMP TABLE mine (a int)", "CREATE TEMP VIEW seen AS SELECT 1 AS a")
    assert command(text, view).effects == {Effect.WRITE}


def test_a_temporary_relation_of_an_open_transaction_is_the_session_s_own() -> None:
    view = after("BEGIN", "SELECT 1 AS a INTO TEMP mine", "SAVEPOINT s")
    assert command("DROP TABLE mine", view).effects == {Effect.WRITE}
    view = after("BEGIN", "SAVEPOINT s", "CREATE TEMP TABLE mine (a int)", "ROLLBACK TO s")
    assert Effect.DEFINE in command("DROP TABLE mine", view).effects


def test_more_views_than_are_remembered_make_a_write_through_one_unknown() -> None:
    many = ", ".join(f"t{number}" for number in range(300))
    view = after(f"CREATE TEMP VIEW v AS SELECT 1 FROM {many}")
    assert Effect.UNKNOWN in command("UPDATE v SET a = 1 WHERE a = 2", view).effects
    assert Effect.UNKNOWN not in command("UPDATE users SET name = 'x' WHERE id = 2", view).effects
