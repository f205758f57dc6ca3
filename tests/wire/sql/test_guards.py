"""Settings that switch off rights, triggers or recording on the server carry the effect grant."""

import pytest

from custody.model.words import Effect
from custody.wire.sql.analyse import analyse
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
    ],
)
def test_ordinary_settings_need_none(text: str) -> None:
    assert Effect.GRANT not in effects(text)
