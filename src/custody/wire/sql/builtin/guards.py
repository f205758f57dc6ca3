"""Settings that guard a server, and which values of them loosen it.

Law: to loosen a guard has the effect ``grant``, to tighten one has none. A value that the text does
not show counts as the loosest. By the PostgreSQL documentation ("Server Configuration", 15 to 18):
of what a session can change, these are what is about rights, triggers, recording, code that is
brought in, and bounds that an operator may have given a role.
"""

import re
from collections.abc import Iterable
from typing import Final

from custody.wire.sql.syntax import SettingUse

_ON: Final = frozenset(("on", "true", "yes", "1"))
_OFF: Final = frozenset(("off", "false", "no", "0"))
_NONE: Final[frozenset[str]] = frozenset()

_FIXED: Final[dict[str, frozenset[str]]] = {
    name: tight
    for names, tight in (
        # Whose rights hold, which libraries and what code come in: no value is the tight one.
        (
            """
            dynamic_library_path extension_control_path extension_destdir local_preload_libraries
            output_plugin_libraries role session_authorization session_preload_libraries
            """,
            _NONE,
        ),
        # Whose rights hold, which triggers and checks run, what is written beside the tables.
        (
            """
            allow_in_place_tablespaces allow_system_table_mods ignore_checksum_failure
            ignore_system_indexes jit_dump_bitcode lo_compat_privileges zero_damaged_pages
            """,
            _OFF,
        ),
        ("event_triggers", _ON),
        ("session_replication_role", frozenset(("origin",))),
        # What the server writes down of a session.
        (
            """
            compute_query_id log_btree_build_stats log_connections log_disconnections log_duration
            log_executor_stats log_lock_failures log_lock_waits log_parser_stats log_planner_stats
            log_replication_commands log_statement_stats track_activities
            track_cost_delay_timing track_counts track_io_timing track_wal_io_timing
            update_process_title
            """,
            _ON,
        ),
        ("log_min_duration_sample log_min_duration_statement log_temp_files", frozenset(("0",))),
        ("log_statement_sample_rate log_transaction_sample_rate", frozenset(("1", "1.0"))),
        (
            "log_parameter_max_length log_parameter_max_length_on_error",
            frozenset(("-1",)),
        ),
        ("log_min_error_statement log_min_messages", frozenset(("debug5",))),
        ("log_statement track_functions", frozenset(("all",))),
        ("log_error_verbosity", frozenset(("verbose",))),
        ("backtrace_functions", _NONE),
    )
    for name in names.split()
}
"""Each with the values that loosen nothing, whatever was set before."""
_EXTENSIONS: Final = (
    "auto_explain.", "passwordcheck.", "pg_stat_statements.", "pgaudit.", "plperl.on_",
    "pltcl.start_", "pltclu.start_", "sepgsql.",
)  # fmt: skip
"""Rights and recording by the extensions that come with PostgreSQL, the code that its languages
begin with, and its audit extension: no value is known to be the tight one.
"""
_MILLISECONDS: Final = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000,
                        "d": 86_400_000}  # fmt: skip
_KILOBYTES: Final = {"B": 1 / 1024, "kB": 1, "MB": 1024, "GB": 1024**2, "TB": 1024**3}
_BOUNDS: Final = {
    "idle_in_transaction_session_timeout": _MILLISECONDS,
    "idle_session_timeout": _MILLISECONDS,
    "lock_timeout": _MILLISECONDS,
    "statement_timeout": _MILLISECONDS,
    "temp_file_limit": _KILOBYTES,
    "transaction_timeout": _MILLISECONDS,
}
"""Zero or less is no bound. To go beyond what the role has by default loosens it."""
_READ_ONLY: Final = frozenset(("default_transaction_read_only", "transaction_read_only"))
_RESTRICTED: Final = "restrict_nonsystem_relation_kind"
RELATIVE: Final = frozenset((*_BOUNDS, *_READ_ONLY, _RESTRICTED))
"""Guards only where the role's or the server's default makes them one."""
FREE: Final = {
    "row_security": "off makes a query fail that a policy would narrow; it shows no more rows",
    "synchronous_commit": "what a session may lose by it is its own",
}
"""What looks like a guard, and why it is none."""
_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")


def is_guard(name: str) -> bool:
    """Whether some value of the setting loosens the server, whatever its default. ``name`` in
    lower case.

    Of the settings that only a superuser may change, those that are about something else
    (``deadlock_timeout``, ``wal_compression`` …) are no guards.
    """
    return name in _FIXED or name.startswith(_EXTENSIONS)


def loosens(name: str, value: str | None) -> bool:
    """Whether to give a guard this value loosens the server. ``name`` in lower case."""
    if not is_guard(name):
        return False
    return value is None or value.strip().lower() not in _FIXED.get(name, _NONE)


def may_loosen(name: str, value: str | None) -> bool:
    """Whether the defaults have to be asked."""
    if name in _READ_ONLY:
        return value is None or value.strip().lower() not in _ON
    return name in RELATIVE


def loosens_beyond(use: SettingUse, defaults: Iterable[str]) -> bool:
    """Whether a value of one of ``RELATIVE`` is looser than the tightest of the defaults."""
    if use.name in _READ_ONLY:
        guarded = any(value.strip().lower() in _ON for value in defaults)
        return guarded and (use.value is None or use.value.strip().lower() not in _ON)
    if use.name == _RESTRICTED:
        wanted = frozenset[str]().union(*map(_words, defaults))
        return bool(wanted) and (use.value is None or not wanted <= _words(use.value))
    units = _BOUNDS[use.name]
    bounds = [_number(value, units) for value in defaults]
    tightest = min((bound for bound in bounds if bound is not None and bound > 0), default=None)
    if tightest is None:
        return False
    value = None if use.value is None else _number(use.value, units)
    return value is None or value <= 0 or value > tightest


def _words(value: str) -> frozenset[str]:
    return frozenset(filter(None, (word.strip(' "').lower() for word in value.split(","))))


def _number(value: str, units: dict[str, float]) -> float | None:
    found = _NUMBER.fullmatch(value)
    if found is None or (found[2] and found[2] not in units):
        return None
    return float(found[1]) * (units[found[2]] if found[2] else 1)
