"""What a message did to a real server, by the server's own counts.

Law: nothing here knows how statements are judged. Everything runs in a transaction that is rolled
back; what cannot be undone (a sequence, a file, another session) is looked at before and after.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from custody.wire.sql.builtin.guards import RELATIVE

_ROWS: Final = """
    SELECT s.schemaname || '.' || s.relname || ' ' || s.n_tup_ins + s.n_tup_upd + s.n_tup_del
    FROM pg_catalog.pg_stat_xact_all_tables s WHERE s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
"""
# Transactions before count in these figures until they are handed over, so the growth is looked at.
_LOCKS: Final = """
    SELECT DISTINCT COALESCE(l.relation::pg_catalog.regclass::pg_catalog.text, l.locktype)
    FROM pg_catalog.pg_locks l
    LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype IN ('relation', 'advisory')
      AND (l.locktype = 'advisory' OR l.mode NOT IN
               ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
           AND l.relation >= 16384 AND c.relpersistence <> 't')
"""
_CATALOGS: Final = (
    *("pg_am", "pg_attrdef", "pg_authid", "pg_auth_members", "pg_cast", "pg_collation"),
    *("pg_constraint", "pg_conversion", "pg_database", "pg_db_role_setting", "pg_default_acl"),
    *("pg_description", "pg_enum", "pg_event_trigger", "pg_extension", "pg_foreign_data_wrapper"),
    *("pg_foreign_server", "pg_foreign_table", "pg_index", "pg_inherits", "pg_language"),
    *("pg_opclass", "pg_operator", "pg_opfamily", "pg_parameter_acl", "pg_policy", "pg_proc"),
    *("pg_publication", "pg_publication_rel", "pg_range", "pg_rewrite", "pg_seclabel"),
    *("pg_sequence", "pg_shdescription", "pg_statistic_ext", "pg_subscription", "pg_tablespace"),
    *("pg_transform", "pg_trigger", "pg_ts_config", "pg_ts_dict", "pg_type", "pg_user_mapping"),
    *("pg_class", "pg_namespace", "pg_partitioned_table", "pg_replication_origin"),
)
_TEMPORARY: Final = {
    # Rows about temporary relations, by the column that names the relation, type or schema.
    "pg_class": "relpersistence = 't'",
    "pg_namespace": "nspname ~ '^pg_(toast_)?temp_'",
    "pg_type": "typnamespace IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast_)?temp')",
    **{
        catalog: f"{column} IN (SELECT oid FROM pg_class WHERE relpersistence = 't')"
        for catalog, column in (
            ("pg_attrdef", "adrelid"),
            ("pg_constraint", "conrelid"),
            ("pg_index", "indexrelid"),
            ("pg_inherits", "inhrelid"),
            ("pg_partitioned_table", "partrelid"),
            ("pg_rewrite", "ev_class"),
            ("pg_sequence", "seqrelid"),
        )
    },
}
_OWNED: Final = {
    "pg_class": ("relacl", "relowner"),
    "pg_database": ("datacl", "datdba"),
    "pg_namespace": ("nspacl", "nspowner"),
    "pg_proc": ("proacl", "proowner"),
    "pg_type": ("typacl", "typowner"),
}
_SEQUENCES: Final = b"""
    SELECT string_agg(schemaname || sequencename || COALESCE(last_value, -1)::text, ',')
    FROM pg_catalog.pg_sequences
"""
_NUMBER: Final = "SELECT 1 WHERE pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL"
_TIGHT: Final = {
    "allow_system_table_mods": "off", "log_min_duration_statement": "0", "log_statement": "all",
    "session_replication_role": "origin", "track_activities": "on", "track_counts": "on",
    "track_functions": "all", "zero_damaged_pages": "off",
}  # fmt: skip
"""What a guard may become without a word."""
SECRET: Final = "what-only-a-server-file-says"


class Observed(msgspec.Struct, frozen=True):
    """What happened. Names are of relations, catalogs or settings."""

    rows: frozenset[str] = frozenset()
    """Tables of users' whose rows were written."""
    defined: frozenset[str] = frozenset()
    """Catalogs with another content, temporary relations left out."""
    granted: frozenset[str] = frozenset()
    """Rights, owners and roles that changed."""
    locked: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    """Guards with another value."""
    ran: bool = False
    """A volatile function of a user's, or a sequence."""
    files: bool = False
    """A file of the server's was read or written, or a program run."""
    others: bool = False
    """Another session ended."""
    numbered: bool = False
    """The transaction got a number, as any that writes does."""
    errors: tuple[str, ...] = ()


class Watched(msgspec.Struct, frozen=True):
    """A state to compare with."""

    catalogs: dict[str, str]
    owned: dict[str, str]
    settings: dict[str, str]
    counted: str
    files: frozenset[str]


class Observer:
    """One session whose messages are looked at. ``room`` is a folder that the server can write."""

    def __init__(self, dsn: str, room: Path, guards: Sequence[str]) -> None:
        self._dsn: Final = dsn
        self._room: Final = room
        self._guards: Final = sorted(set(guards) - RELATIVE | {"statement_timeout"})
        self._line = self._connected("observed")
        self._victim = self._connected("victim")
        self._watch = self._connected("watch")
        self._before = self._state()

    def close(self) -> None:
        for line in (self._line, self._victim, self._watch):
            with contextlib.suppress(psycopg.Error):
                line.close()

    def observe(self, messages: Sequence[str]) -> Observed:
        """Run them in one transaction, one after the other, and undo them."""
        before = self._before
        self._begin()
        written = self._names(_ROWS)
        errors, said = [], b""
        for message in messages:
            error, rows = self._send(message)
            said += rows
            if error:
                errors.append(error)
                break
        failed = bool(errors) or self._line.pgconn.transaction_status == TransactionStatus.INERROR
        after = None if failed else self._state()
        found = Observed(
            rows=frozenset() if failed else _users(self._names(_ROWS) - written),
            locked=frozenset() if failed else self._names(_LOCKS),
            numbered=not failed and bool(self._names(_NUMBER)),
            defined=frozenset() if after is None else _changed(before.catalogs, after.catalogs),
            granted=frozenset() if after is None else _common(before.owned, after.owned),
            settings=frozenset() if after is None else _loosened(before.settings, after.settings),
            ran=self._counted() not in {before.counted, ""},
            files=SECRET.encode() in said or self._files() != before.files,
            others=self._victim_gone(),
            errors=tuple(errors),
        )
        self._undo()
        return found

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self._watch.execute(query.encode()).fetchall()

    def _connected(self, name: str) -> "psycopg.Connection[tuple[object, ...]]":
        line = psycopg.connect(self._dsn, autocommit=True, application_name=name)
        if name == "observed":
            line.execute("SET client_min_messages = error")
        return line

    def _begin(self) -> None:
        if self._line.closed or self._line.pgconn.status != 0:
            self._line = self._connected("observed")
        self._line.pgconn.exec_(b"BEGIN")

    def _send(self, message: str) -> tuple[str, bytes]:
        line = self._line.pgconn
        try:
            line.send_query(message.encode())
        except (psycopg.Error, UnicodeError) as refused:
            return str(refused), b""
        error, said = "", b""
        while (result := line.get_result()) is not None:
            match result.status:
                case ExecStatus.COPY_OUT:
                    while (copied := line.get_copy_data(0))[0] > 0:
                        said += bytes(copied[1])
                case ExecStatus.COPY_IN:
                    line.put_copy_end(None)
                case ExecStatus.FATAL_ERROR:
                    error = error or result.error_message.decode("utf-8", "replace") or "lost"
                case _:
                    for row in range(min(result.ntuples, 50)):
                        for column in range(result.nfields):
                            said += (result.get_value(row, column) or b"")[:200]
            if line.status != 0:
                return "lost", said
        return error, said

    def _names(self, query: str) -> frozenset[str]:
        result = self._line.pgconn.exec_(query.encode())
        return frozenset(
            (result.get_value(row, 0) or b"").decode() for row in range(result.ntuples)
        )

    def _state(self) -> Watched:
        parts = [
            f"SELECT 'c', '{catalog}', COALESCE(sum(hashtextextended(xmin::text || ctid::text, 0))"
            f"::text, '') FROM pg_catalog.{catalog}"
            + (
                f" WHERE NOT COALESCE({_TEMPORARY[catalog]}, false)"
                if catalog in _TEMPORARY
                else ""
            )
            for catalog in _CATALOGS
        ]
        parts += [
            f"SELECT 'o', '{catalog}.' || oid, COALESCE({acl}::text, '') || {owner}::text"
            f" FROM pg_catalog.{catalog} WHERE oid >= 16384"
            for catalog, (acl, owner) in _OWNED.items()
        ]
        listed = ", ".join(f"'{name}'" for name in self._guards)
        parts.append(f"SELECT 's', name, setting FROM pg_settings WHERE name IN ({listed})")
        who = self._names("SELECT current_user || ' ' || session_user")
        for text in (b"RESET SESSION AUTHORIZATION", b"RESET ROLE"):
            self._line.pgconn.exec_(text)
        result = self._line.pgconn.exec_(" UNION ALL ".join(parts).encode())
        found: dict[str, dict[str, str]] = {"c": {}, "o": {}, "s": {}}
        found["s"]["role"] = " ".join(sorted(who))
        for row in range(result.ntuples):
            kind, name, value = (
                (result.get_value(row, column) or b"").decode() for column in range(3)
            )
            found[kind][name] = value
        return Watched(found["c"], found["o"], found["s"], self._counted(), self._files())

    def _counted(self) -> str:
        """The figures of all sequences, which no rollback takes back."""
        try:
            return str(self._watch.execute(_SEQUENCES).fetchone())
        except psycopg.errors.LockNotAvailable:
            return ""  # the messages keep everybody out

    def _files(self) -> frozenset[str]:
        return frozenset(path.name for path in self._room.iterdir())

    def _victim_gone(self) -> bool:
        try:
            self._victim.execute("SELECT 1")
        except psycopg.Error:
            self._victim = self._connected("victim")
            return True
        return False

    def _undo(self) -> None:
        """Back to the state before; what was committed all the same is found out and told."""
        line = self._line
        if line.closed or line.pgconn.status != 0:
            line = self._line = self._connected("observed")
        line.pgconn.exec_(b"ROLLBACK")
        line.pgconn.exec_(b"RESET SESSION AUTHORIZATION")
        for text in (b"DISCARD ALL", b"SET client_min_messages = error"):
            line.pgconn.exec_(text)
        for path in self._room.iterdir():
            if path.name != "secret":
                path.unlink()
        self._before = msgspec.structs.replace(self._before, counted=self._counted())

    @property
    def spoilt(self) -> bool:
        """Something was committed after all: the database is no longer what it was."""
        return _changed(self._before.catalogs, self._state().catalogs) != frozenset()


def _users(figures: frozenset[str]) -> frozenset[str]:
    names = (figure.rpartition(" ")[0] for figure in figures)
    return frozenset(
        name for name in names if not name.startswith(("pg_temp", "pg_toast", "pg_catalog."))
    )


def _changed(before: dict[str, str], after: dict[str, str]) -> frozenset[str]:
    return frozenset(name for name, value in after.items() if before.get(name) != value)


def _loosened(before: dict[str, str], after: dict[str, str]) -> frozenset[str]:
    return frozenset(name for name in _changed(before, after) if after[name] != _TIGHT.get(name))


def _common(before: dict[str, str], after: dict[str, str]) -> frozenset[str]:
    """Of what was there before and still is, what has other rights or another owner."""
    return frozenset(name for name, value in after.items() if before.get(name, value) != value)
