"""Settings that switch off rights, triggers or recording on the server carry the effect grant."""

import pytest

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect
from custody.wire.sql.analyse import analyse
from custody.wire.sql.session import is_guard
from custody.wire.sql.syntax import Statements


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
        "jit_dump_bitcode", "jit_profiling_support", "lc_messages", "max_stack_depth",
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
