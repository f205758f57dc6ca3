"""Settings that switch off rights, triggers or recording on the server carry the effect grant."""

import pytest

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect
from custody.wire.sql.analyse import analyse
from custody.wire.sql.builtin.guards import FREE, RELATIVE, is_guard, loosens, loosens_beyond
from custody.wire.sql.syntax import SettingUse, Statements


def effects(text: str) -> frozenset[Effect]:
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    return frozenset().union(*(statement.effects for statement in analysis.statements))


@pytest.mark.parametrize(
    "text",
    [
        "SET session_replication_role = replica",
        "SET LOCAL Session_Replication_Role TO 'replica'",
        'SET "session_replication_role" = local',
        "RESET session_replication_role",
        "SET log_statement = 'none'",
        "SET log_min_messages TO panic",
        "SET track_activities = off",
        "SET lo_compat_privileges = on",
        "SET allow_system_table_mods = on",
        "SET pgaudit.log = 'none'",
        "SELECT set_config('session_replication_role', 'replica', false)",
        "SELECT pg_catalog.set_config('Log_Statement', $1, true)",
        "SELECT set_config('log_' || 'statement', 'none', true)",
        "EXPLAIN ANALYZE SELECT set_config('log_statement', 'none', true)",
        "ALTER DATABASE d SET session_replication_role = replica",
        "ALTER ROLE r SET session_replication_role = replica",
        "ALTER SYSTEM SET log_statement = 'none'",
        "SET event_triggers = off",
        "SET extension_control_path = '/tmp'",
        "SET passwordcheck.min_password_length = 0",
        "UPDATE pg_settings SET setting = 'none' WHERE name = 'log_statement'",
        "UPDATE pg_catalog.pg_settings SET setting = $1 WHERE name = $2",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET log_statement = 'none' AS 'SELECT 1'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET Role TO r BEGIN ATOMIC SELECT 1; END",
        "CREATE PROCEDURE p() LANGUAGE sql SET session_replication_role FROM CURRENT AS ''",
        "SET jit_dump_bitcode = on",
        "SELECT set_config(name, 'none', false) FROM pg_settings",
        "SELECT set_config(name, 'none', false) FROM pg_settings WHERE name = 'log_statement'",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'a' OR true",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name <> 'a'",
        "SELECT set_config(name, 'x', false) FROM pg_settings s, pg_settings t WHERE s.name = 'a'",
        "SELECT set_config(t.name, 'x', false) FROM pg_settings s WHERE s.name = 'a'",
        (
            "WITH pg_settings AS (SELECT 'role' AS name) SELECT set_config(name, 'x', false)"
            " FROM pg_settings WHERE name = 'a'"
        ),
        "SELECT set_config(name, 'x', false) FROM orders WHERE name = 'a'",
        "ALTER FUNCTION f() SET pgaudit.log = 'none'",
        "ALTER FUNCTION f() RESET log_statement",
        "ALTER ROUTINE f STABLE RESET ALL",
    ],
)
def test_a_guard_cannot_be_set_without_a_grant(text: str) -> None:
    assert Effect.GRANT in effects(text)


@pytest.mark.parametrize(
    "text",
    [
        "SET statement_timeout = 0",
        "SET client_min_messages TO warning",
        "SET row_security = off",
        "SET session_replication_role = origin",
        "SET log_statement TO 'ALL'",
        "SET track_activities = on",
        "SET zero_damaged_pages = off",
        "SELECT set_config('log_min_duration_statement', '0', false)",
        (
            "SELECT set_config(name, 'view', false) FROM pg_settings"
            " WHERE name = 'restrict_nonsystem_relation_kind'"
        ),
        (
            "SELECT pg_catalog.set_config(s.name, 'view', false) FROM pg_catalog.pg_settings s"
            " WHERE s.name = 'restrict_nonsystem_relation_kind' AND s.setting <> 'view'"
        ),
        "SET application_name = 'log_statement'",
        "SELECT set_config('search_path', 'public', false)",
        "SHOW log_statement",
        "RESET ALL",
        "SET deadlock_timeout = '1s'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT 1'",
        "ALTER FUNCTION f() SET work_mem = '1MB'",
        "ALTER FUNCTION f() RESET work_mem",
    ],
)
def test_ordinary_settings_need_none(text: str) -> None:
    assert Effect.GRANT not in effects(text)


FOR_OTHER_REASONS = frozenset(
    {
        "commit_delay", "deadlock_timeout", "debug_discard_caches", "jit_debugging_support",
        "jit_profiling_support", "lc_messages", "max_stack_depth",
        "plpgsql.variable_conflict", "temp_file_limit", "trace_lock_oidmin", "trace_lock_table",
        "trace_locks", "trace_lwlocks", "trace_userlocks", "wal_compression",
        "wal_consistency_checking", "wal_debug", "wal_init_zero", "wal_recycle",
    }
)  # fmt: skip
"""Only a superuser may set them, but they switch off neither rights nor triggers nor recording."""
ANYBODY_S = frozenset(
    {
        "ignore_system_indexes", "local_preload_libraries", "log_parameter_max_length_on_error",
        "role", "session_authorization",
    }
)  # fmt: skip


@pytest.mark.real
def test_the_list_is_the_servers(postgres: ScratchPostgres) -> None:
    told = postgres.execute(
        "SELECT name || ' ' || context FROM pg_settings "
        "WHERE context IN ('user', 'backend', 'superuser', 'superuser-backend')"
    )
    contexts = dict(line.split() for line in told.splitlines() if line)
    of_superusers = {name for name, context in contexts.items() if context.startswith("super")}
    assert len(of_superusers) > 40
    assert {name for name in of_superusers if not is_guard(name)} <= FOR_OTHER_REASONS
    anybody_s = {name for name in contexts if is_guard(name)} - of_superusers
    assert anybody_s <= ANYBODY_S


@pytest.mark.parametrize(
    ("name", "value", "defaults", "loosens_it"),
    [
        ("statement_timeout", "0", ["0"], False),
        ("statement_timeout", "0", [], False),
        ("statement_timeout", "0", ["30s"], True),
        ("statement_timeout", "0", ["0", "30000"], True),
        ("statement_timeout", "5s", ["30000"], False),
        ("statement_timeout", "0.5 min", ["30s"], False),
        ("statement_timeout", "31000", ["30s"], True),
        ("statement_timeout", "1h", ["30s"], True),
        ("statement_timeout", None, ["30s"], True),
        ("statement_timeout", "soon", ["30s"], True),
        ("statement_timeout", "-1", ["30s"], True),
        ("lock_timeout", "1d", ["2min"], True),
        ("temp_file_limit", "-1", ["1GB"], True),
        ("temp_file_limit", "512MB", ["1GB"], False),
        ("default_transaction_read_only", "off", ["on"], True),
        ("transaction_read_only", "0", ["on"], True),
        ("transaction_read_only", "1", ["on"], False),
        ("default_transaction_read_only", "off", ["off"], False),
        ("restrict_nonsystem_relation_kind", "", ["view, foreign-table"], True),
        ("restrict_nonsystem_relation_kind", "view", ["view, foreign-table"], True),
        ("restrict_nonsystem_relation_kind", "foreign-table,view", ["view"], False),
        ("restrict_nonsystem_relation_kind", "", [""], False),
    ],
)
def test_a_bound_is_loosened_beyond_the_role_s_own(
    name: str,
    value: str | None,
    defaults: list[str],
    loosens_it: bool,  # noqa: FBT001  # the table's last column
) -> None:
    assert loosens_beyond(SettingUse(name, value), defaults) is loosens_it


@pytest.mark.parametrize(
    "text",
    [
        "SET statement_timeout = 0",
        "SET LOCAL statement_timeout TO '0'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET TRANSACTION READ WRITE",
        "BEGIN READ WRITE",
        "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
        "SET default_transaction_read_only = off",
        "SELECT set_config('lock_timeout', '0', true)",
        "DO $$ BEGIN SET LOCAL statement_timeout = 0; END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET statement_timeout = 0 AS 'SELECT 1'",
    ],
)
def test_what_may_loosen_a_bound_is_said(text: str) -> None:
    analysis = analyse(text)
    assert isinstance(analysis, Statements)
    (statement,) = analysis.statements
    assert [use.value for use in statement.settings] in (["0"], ["off"])


def test_every_value_of_the_table_is_one_that_loosens_nothing() -> None:
    assert not loosens("session_replication_role", " Origin ")
    assert loosens("session_replication_role", "replica")
    assert loosens("pgaudit.log", "all")
    assert not loosens("work_mem", None)
    assert not (RELATIVE | set(FREE)) & {name for name in RELATIVE | set(FREE) if is_guard(name)}
