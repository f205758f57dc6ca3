"""Statements by chance: from a grammar, from the corpus, and by mutation of both.

Law: everything follows from the random source that is given, so that a seed repeats a run.
"""

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.bypass.clothings import PLACES, WRAPPINGS, placed, user_expressions, wrapped
from tests.bypass.corpus import evasions, innocents
from tests.bypass.settings_ways import LOCKING, SETTING, WRITING

_TABLES: Final = (
    *("orders", "public.orders", "tagged", "paired", "graded", "users", "parts", "lines"),
    *("pg_temp.mine", "mine", "seen", "pg_settings", "pg_class", "pg_authid", "app.notes"),
)
_COLUMNS: Final = ("id", "note", "a", "tags", "kind", "p", "g", "name", "ctid", "of_row", "probe")
_LITERALS: Final = (
    "1",
    "'x'",
    "NULL",
    "'{x}'",
    "'(1,x)'",
    "0.5",
    "true",
    "'orders'",
    "'ran'",
    "-1",
)
_TYPES: Final = (
    *("text", "int", "checked", "pair", "orders", "regclass", "checked[]", "pg_temp.dom", "bigint"),
    *("name", "jsonb", "xml", "checked_pair", "grade", "oid", "bytea", "date", "record"),
)
_OPERATORS: Final = ("=", "<", "||", "+", "@@@", "###", "@>", "LIKE", "IS DISTINCT FROM", "~", "->")
_GUARDS: Final = ("session_replication_role", "log_statement", "role", "track_counts", "work_mem",
                  "statement_timeout", "search_path", "allow_system_table_mods")  # fmt: skip
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z_0-9.]*|\d+|\s+|.", re.DOTALL)


class Statements:
    """``functions`` are names that the server has; ``room`` is where files may be written."""

    def __init__(
        self, chance: random.Random, functions: Sequence[str], room: Path, more: Sequence[str] = ()
    ) -> None:
        self._chance: Final = chance
        self._functions: Final = functions
        self._room: Final = room
        self._corpus: Final[list[tuple[str, ...]]] = [
            *((*case.before, case.text) for case in (*evasions(), *innocents())),
            *((text,) for text in LOCKING),
            *WRITING,
            *(self._setting(way) for way in SETTING),
            *((text,) for text in more),
        ]
        self._expressions: Final = list(user_expressions())

    def next(self) -> tuple[str, ...]:
        """A few messages of one session."""
        kinds: tuple[tuple[Callable[[], tuple[str, ...]], int], ...] = (
            (self._grammar, 40),
            (self._mutated, 30),
            (self._clothed, 15),
            (lambda: self._pick(self._corpus), 10),
            (self._spliced, 5),
        )
        return self._chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[
            0
        ]()

    def _pick(self, of: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        return self._chance.choice(of)

    def _setting(self, way: tuple[str, ...]) -> tuple[str, ...]:
        name, value = self._chance.choice(
            (("session_replication_role", "replica"), ("statement_timeout", "0"),
             ("log_statement", "none"), ("track_functions", "none"))
        )  # fmt: skip
        return tuple(part.replace("{n}", name).replace("{v}", value) for part in way)

    def _clothed(self) -> tuple[str, ...]:
        place = self._chance.choice(PLACES)
        return wrapped(self._chance.choice(WRAPPINGS), placed(place, self._expression(0)))

    def _mutated(self) -> tuple[str, ...]:
        messages = list(
            self._pick(self._corpus) if self._chance.random() < 0.7 else self._grammar()
        )
        place = self._chance.randrange(len(messages))
        tokens = _TOKEN.findall(messages[place])
        for _ in range(self._chance.randrange(1, 4)):
            if not tokens:
                break
            at = self._chance.randrange(len(tokens))
            match self._chance.randrange(6):
                case 0:
                    del tokens[at]
                case 1:
                    tokens.insert(at, tokens[self._chance.randrange(len(tokens))])
                case 2 if _IDENTIFIER.fullmatch(tokens[at]):
                    tokens[at] = self._name()
                case 3:
                    other = _TOKEN.findall(self._pick(self._corpus)[-1]) or [" "]
                    tokens[at] = self._chance.choice(other)
                case 4 if tokens[at].startswith("'"):
                    tokens[at] = f"({self._expression(1)})"
                case _:
                    other_at = self._chance.randrange(len(tokens))
                    tokens[at], tokens[other_at] = tokens[other_at], tokens[at]
        messages[place] = "".join(tokens)
        return tuple(messages)

    def _spliced(self) -> tuple[str, ...]:
        """One's session, another's last statement."""
        one, other = self._pick(self._corpus), self._pick(self._corpus)
        return (*one, *other)[:4]

    def _name(self) -> str:
        return self._chance.choice(
            (*_TABLES, *_COLUMNS, "checked", *_GUARDS, self._chance.choice(self._functions))
        )

    # --- the grammar

    def _grammar(self) -> tuple[str, ...]:
        makers = (self._select, self._select, self._write, self._define, self._utility)
        messages = [
            self._chance.choice(makers)(2) for _ in range(self._chance.choice((1, 1, 1, 2, 3)))
        ]
        if self._chance.random() < 0.25:
            return wrapped(self._chance.choice(WRAPPINGS), messages[-1])
        return tuple(messages)

    def _expression(self, depth: int) -> str:
        chance, deeper = self._chance, depth - 1
        if depth <= 0 or chance.random() < 0.2:
            leaf = chance.randrange(4)
            if leaf == 0:
                return chance.choice(self._expressions)
            return chance.choice(_LITERALS if leaf < 3 else _COLUMNS)
        inner = self._expression(deeper)
        function = chance.choice(self._functions)
        return chance.choice(
            (
                f"({inner}) {chance.choice(_OPERATORS)} ({self._expression(deeper)})",
                f"({inner})::{chance.choice(_TYPES)}",
                f"CAST({inner} AS {chance.choice(_TYPES)})",
                f"{function}({inner})",
                f"{function}({inner}, {self._expression(deeper)})",
                f"{function}()",
                f"({inner}).{function}",
                f"({inner})::{chance.choice(_TYPES)}.{function}",
                f"(({inner})::{chance.choice(_TYPES)}).{function}",
                f"o.{chance.choice((*_COLUMNS, function))}",
                f"CASE WHEN {inner} THEN {self._expression(deeper)} END",
                f"ARRAY[{inner}, {self._expression(deeper)}]",
                f"({self._select(deeper)})",
                f"EXISTS ({self._select(deeper)})",
                f"({inner}) IN ({self._select(deeper)})",
                f"ROW({inner}, {self._expression(deeper)})",
                f"set_config('{chance.choice(_GUARDS)}', {inner}, false)",
                f"{inner} OVER (ORDER BY {self._expression(deeper)})",
            )
        )

    def _source(self, depth: int) -> str:
        chance = self._chance
        return chance.choice(
            (
                f"{chance.choice(_TABLES)} o",
                f"ONLY {chance.choice(_TABLES)} AS o",
                (
                    f"{chance.choice(_TABLES)} o JOIN {chance.choice(_TABLES)} q"
                    f" ON {self._expression(depth - 1)}"
                ),
                f"({self._select(depth - 1)}) o",
                f"{chance.choice(self._functions)}({self._expression(depth - 1)}) o",
                f"{chance.choice(_TABLES)} o TABLESAMPLE SYSTEM (50)",
                f"{chance.choice(_TABLES)} o, LATERAL ({self._select(depth - 1)}) q",
            )
        )

    def _select(self, depth: int) -> str:
        chance = self._chance
        if depth <= 0:
            return f"SELECT {chance.choice(_COLUMNS)} FROM {chance.choice(_TABLES)}"
        text = f"SELECT {self._expression(depth)}, {self._expression(depth - 1)}"
        if chance.random() < 0.8:
            text += f" FROM {self._source(depth)}"
        if chance.random() < 0.5:
            text += f" WHERE {self._expression(depth)}"
        if chance.random() < 0.2:
            text += f" ORDER BY {self._expression(depth - 1)}"
        if chance.random() < 0.2:
            text += f" LIMIT {self._expression(depth - 1)}"
        if chance.random() < 0.1:
            text += chance.choice((" FOR UPDATE", " FOR KEY SHARE SKIP LOCKED"))
        if chance.random() < 0.15:
            text = f"WITH w AS ({self._write(depth - 1)}) {text}"
        return text

    def _write(self, depth: int) -> str:
        chance, table = self._chance, self._chance.choice(_TABLES)
        condition = f"WHERE {self._expression(depth - 1)}"
        return chance.choice(
            (
                f"INSERT INTO {table} {self._select(depth - 1)}",
                f"INSERT INTO {table} DEFAULT VALUES",
                (
                    f"INSERT INTO {table} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id ="
                    f" {self._expression(depth - 1)}"
                ),
                (
                    f"UPDATE {table} o SET {chance.choice(_COLUMNS)} ="
                    f" {self._expression(depth - 1)} {condition}"
                    f" RETURNING {self._expression(0)}"
                ),
                f"UPDATE {table} SET note = 'z'",
                f"DELETE FROM {table} o {condition}",
                f"DELETE FROM {table}",
                (
                    f"MERGE INTO {table} o USING {chance.choice(_TABLES)} q ON o.id = q.id"
                    f" WHEN MATCHED AND {self._expression(depth - 1)} THEN DELETE"
                ),
            )
        ) + chance.choice(("", "", f" RETURNING {self._expression(0)}"))

    def _define(self, depth: int) -> str:
        chance, table = self._chance, self._chance.choice(_TABLES)
        expression = self._expression(depth - 1)
        return chance.choice(
            (
                f"CREATE TEMP TABLE mine AS {self._select(depth)}",
                f"CREATE TEMP TABLE mine (id int, note text DEFAULT {expression})",
                f"CREATE TEMP TABLE mine (LIKE {table} INCLUDING ALL)",
                f"CREATE TEMP VIEW seen AS {self._select(depth)}",
                f"CREATE TEMP VIEW seen AS SELECT * FROM {table}",
                f"SELECT {expression} INTO TEMP mine FROM {table}",
                f"CREATE TABLE made (a int CHECK ({expression} IS NOT NULL))",
                f"CREATE TABLE made PARTITION OF parts FOR VALUES IN ({expression})",
                f"CREATE VIEW made AS {self._select(depth)}",
                f"CREATE INDEX ON {table} (({expression}))",
                f"CREATE FUNCTION made() RETURNS int LANGUAGE sql AS $f${self._select(1)}$f$",
                f"CREATE DOMAIN made AS text CHECK ({expression} IS NOT NULL)",
                f"CREATE RULE made AS ON INSERT TO {table} DO ALSO {self._write(1)}",
                f"ALTER TABLE {table} ADD COLUMN extra text DEFAULT {expression}",
                f"ALTER TABLE {table} ALTER COLUMN note TYPE text USING {expression}",
                f"ALTER TABLE {table} RENAME TO renamed",
                f"ALTER TABLE {table} OWNER TO reporting",
                f"DROP TABLE {table}",
                f"DROP TABLE IF EXISTS {table} CASCADE",
                f"DROP VIEW {table}",
                f"TRUNCATE {table}",
                f"TRUNCATE {table} CASCADE",
                f"ANALYZE {table}",
                f"REINDEX TABLE {table}",
                f"COMMENT ON TABLE {table} IS 'x'",
                f"GRANT SELECT ON {table} TO reporting",
                "GRANT pg_read_server_files TO reporting",
                "CREATE ROLE made SUPERUSER",
                "ALTER ROLE reporting SET log_statement = 'none'",
                f"CREATE SEQUENCE made; SELECT setval('made', {expression})",
                (
                    f"CREATE TRIGGER made BEFORE INSERT ON {table} EXECUTE FUNCTION"
                    " suppress_redundant_updates_trigger()"
                ),
            )
        )

    def _utility(self, depth: int) -> str:
        chance, table = self._chance, self._chance.choice(_TABLES)
        file = self._room / chance.choice(("secret", "made"))
        mode = chance.choice(("ACCESS SHARE", "ROW SHARE", "SHARE", "ACCESS EXCLUSIVE"))
        guard, value = (
            chance.choice(_GUARDS),
            chance.choice(("off", "on", "none", "all", "replica")),
        )
        return chance.choice(
            (
                f"LOCK TABLE {table} IN {mode} MODE",
                f"SET {guard} = {value}",
                f"SET LOCAL {guard} TO '{value}'",
                f"RESET {guard}",
                "RESET ALL",
                "DISCARD TEMP",
                "SHOW ALL",
                f"PREPARE p AS {self._select(depth)}; EXECUTE p",
                f"PREPARE p(text) AS SELECT $1; EXECUTE p({self._expression(1)})",
                f"DECLARE c CURSOR FOR {self._select(depth)}; FETCH ALL FROM c",
                f"EXPLAIN ANALYZE {self._write(depth)}",
                f"EXPLAIN (VERBOSE) {self._select(depth)}",
                f"COPY ({self._select(depth)}) TO STDOUT",
                f"COPY {table} TO STDOUT",
                f"COPY {table} TO '{file}'",
                f"COPY (SELECT 1) TO PROGRAM 'cat > {self._room}/made'",
                f"COPY {table} (note) FROM '{file}'",
                f"SELECT pg_read_file('{self._room}/secret')",
                f"SELECT ('{self._room}/secret'::text).pg_read_file",
                f"SELECT pg_ls_dir('{self._room}')",
                f"SELECT lo_import('{self._room}/secret')",
                f"DO $d$ BEGIN PERFORM {self._expression(depth)}; END $d$",
                f"DO $d$ BEGIN {self._write(1)}; END $d$",
                f"CALL proceed({self._expression(1)})",
                f"NOTIFY x, '{value}'",
                "LISTEN x",
                f"SET ROLE {chance.choice(('reporting', 'postgres', 'none'))}",
                "SET SESSION AUTHORIZATION reporting",
                (
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'victim'"
                ),
                f"SELECT pg_cancel_backend({self._expression(1)})",
                "SAVEPOINT s; ROLLBACK TO s",
                "VALUES (nextval('ran'))",
                "SELECT lo_creat(-1)",
                "SELECT pg_export_snapshot()",
            )
        )
