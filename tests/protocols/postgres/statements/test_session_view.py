"""What earlier statements leave behind: paths, roles, temporary tables, transactions."""

import pytest
from tests.protocols.postgres.statements.test_meaning import (
    after,
    command,
    known,
    opened,
    statement_of,
)

from custody.model.words import Effect
from custody.protocols.postgres.statements.first_view import opening
from custody.protocols.postgres.statements.meaning import changes
from custody.protocols.postgres.statements.search_path import settings_asked
from custody.protocols.postgres.statements.session_view import SessionView

BOTH = {("public",), ("app",)}


def paths(view: SessionView) -> set[tuple[str, ...]] | None:
    return None if view.settings.paths is None else set(view.settings.paths)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["SET search_path = app"], {("app",)}),
        (["SET search_path = app", "RESET search_path"], {("public",)}),
        (["SET search_path = app", "RESET ALL"], {("public",)}),
        (["SET search_path = app", "DISCARD ALL"], {("public",)}),
        (["BEGIN", "SET search_path = app", "ROLLBACK"], {("public",)}),
        (["BEGIN", "SET search_path = app", "COMMIT"], {("app",)}),
        (["BEGIN", "SET LOCAL search_path = app"], {("app",)}),
        (["BEGIN", "SET LOCAL search_path = app", "COMMIT"], {("public",)}),
        (["SET LOCAL search_path = app"], {("public",)}),
        (["BEGIN", "SAVEPOINT a", "SET search_path = app", "ROLLBACK TO a"], {("public",)}),
        (["BEGIN", "SAVEPOINT a", "SET search_path = app", "RELEASE a"], {("app",)}),
        (["BEGIN", "SAVEPOINT a", "SET search_path = app", "RELEASE a", "ROLLBACK"], {("public",)}),
        (["BEGIN", "SET search_path = app", "COMMIT AND CHAIN", "ROLLBACK"], {("app",)}),
        (["SELECT set_config('search_path', 'app', false)"], {("app",)}),
        (["SELECT set_config('search_path', 'app', true)"], {("public",)}),
        (["SELECT set_config('search_path', $1, false)"], None),
        (["SELECT set_config($1, 'app', false)"], None),
        (["SELECT touch(1)"], None),
        (["SELECT uuid()"], {("public",)}),
        (["SELECT pure(1)"], None),
        (["CALL touch(1)"], None),
        (["DO $$ BEGIN NULL; END $$"], None),
        (["EXECUTE nobody_knows"], None),
        (["SELECT touch(1)", "SET search_path = app"], {("app",)}),
        (["UPDATE pg_settings SET setting = 'app' WHERE name = 'search_path'"], None),
    ],
)
def test_the_path(texts: list[str], expected: set[tuple[str, ...]] | None) -> None:
    assert paths(after(*texts, path="public")) == expected


def test_a_failed_message_takes_its_settings_back() -> None:
    view = opened("public")
    statement = statement_of("SET search_path = app")
    sent = view.apply(changes(statement, view, known))
    assert paths(sent) == {("app",)}
    assert paths(sent.ready("I", failed=True)) == {("public",)}
    assert paths(sent.ready("I")) == {("app",)}


def test_a_commit_that_rolls_back() -> None:
    view = after("BEGIN", "SET search_path = app", path="public")
    commit = changes(statement_of("COMMIT"), view, known)
    assert paths(view.apply(commit, "ROLLBACK").ready("I")) == {("public",)}


def test_what_is_not_known_to_have_succeeded_is_both() -> None:
    view = opened("public")
    statement = statement_of("SET search_path = app")
    assert paths(view.perhaps(changes(statement, view, known))) == BOTH
    assert command("DELETE FROM orders", view.perhaps(changes(statement, view, known))).objects == (
        "public.orders",
        "app.orders",
    )


def test_a_rollback_that_may_not_have_happened() -> None:
    view = after("BEGIN", "SET search_path = app", path="public")
    unsure = view.perhaps(changes(statement_of("ROLLBACK"), view, known))
    assert paths(unsure) == BOTH


def test_a_name_that_may_have_been_prepared_twice_is_the_worst_of_both() -> None:
    view = after("PREPARE p AS SELECT 1")
    again = statement_of("PREPARE p AS DELETE FROM users")
    unsure = view.perhaps(changes(again, view, known))
    assert {Effect.WRITE, Effect.UNKNOWN} <= command("EXECUTE p", unsure).effects


def test_temporary_tables_stand_before_all_others() -> None:
    view = after("CREATE TEMP TABLE users (a int)")
    assert command("SELECT * FROM users", view).objects == ("public.users", "pg_temp.users")
    assert command("SELECT * FROM public.users", view).objects == ("public.users",)
    gone = view.apply(changes(statement_of("DISCARD TEMP"), view, known))
    assert command("SELECT * FROM users", gone).objects == ("public.users",)


def test_a_table_made_in_this_transaction_is_a_candidate() -> None:
    view = after("BEGIN", "CREATE TABLE app.users (a int)", path="app, public")
    assert command("SELECT * FROM users", view).objects == ("public.users", "app.users")


def test_a_function_made_in_this_transaction_is_not_trusted() -> None:
    made = "CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"
    assert Effect.EXECUTE in command("SELECT lower(1)", after("BEGIN", made)).effects
    assert Effect.EXECUTE not in command("SELECT lower(1)", after("BEGIN", made, "COMMIT")).effects


def test_the_user_of_the_path() -> None:
    assert command("SELECT * FROM t", after("SET ROLE app", path='"$user"')).objects == ("app.t",)
    assert command("SELECT * FROM t", opened('"$user"')).objects == ("app_user.t",)
    reset = after("SET ROLE app", "RESET ROLE", path='"$user"')
    assert command("SELECT * FROM t", reset).objects == ("app_user.t",)


def test_backslashes_while_strings_may_not_conform() -> None:
    view = after("SET standard_conforming_strings = off")
    assert Effect.UNKNOWN in command(r"SELECT '\'", view).effects
    assert Effect.UNKNOWN not in command("SELECT 'a'", view).effects
    told = view.reported("standard_conforming_strings", "on")
    assert Effect.UNKNOWN not in command(r"SELECT '\'", told).effects


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([("search_path", "app")], {("app",)}),
        ([("SEARCH_PATH", "app")], {("app",)}),
        ([("options", "-c search_path=app")], {("app",)}),
        ([("options", "-csearch_path=app")], {("app",)}),
        ([("options", "--search-path=app")], {("app",)}),
        ([("options", r"-c search_path=app\,\ public")], {("app", "public")}),
        ([("options", "-c geqo=off")], {("public",)}),
        ([("options", "-f weird")], None),
        ([("options", "-c search_path=app"), ("search_path", "public")], {("public",)}),
        ([("search_path", 'broken "')], None),
        ([], {("public",)}),
    ],
)
def test_start_up_options(
    parameters: list[tuple[str, str]], expected: set[tuple[str, ...]] | None
) -> None:
    assert paths(opening("u", parameters, "public", conforming=True)) == expected
    list(settings_asked(parameters))


def test_prepared_names_are_bounded() -> None:
    view = opened()
    statement = statement_of("SELECT 1")
    for number in range(60):
        view = view.prepare(f"p{number}", statement)
    assert len(view.prepared) == 60
    assert not view.apply(changes(statement_of("DEALLOCATE ALL"), view, known)).prepared
