"""Questions to a target's catalogue, the SQL that asks them, and the readers of the rows.

Law: a question is a value; its SQL is one read-only SELECT whose inputs are quoted here and whose
result is bounded; a reader is pure and total for rows of that SELECT. All names in the SQL carry
their schema, so that no search_path can turn a look-up into something else.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final, assert_never

import msgspec

from custody.protocols.postgres.frames import malformed
from custody.protocols.postgres.statements import reach, relation_sql, surprises
from custody.protocols.postgres.statements.reach import (
    ReachFacts,
    ReachQuestion,
    SchemaQuestion,
)
from custody.protocols.postgres.types.type_fact import TypeFact, TypeQuestion
from custody.wire.sql.builtin.guards import RELATIVE

Row = Sequence[str | None]
"""One result row in text format."""

ROWS_AT_MOST: Final = 500
"""Relations or functions of one name that are looked at; more make the answer incomplete."""
SURPRISES_AT_MOST: Final = 10_000
"""As many names that surprise."""


Kin = tuple[tuple[str, str], ...]


class RelationsQuestion(msgspec.Struct, frozen=True):
    """Every relation of that name, whatever its schema."""

    name: str


class FunctionsQuestion(msgspec.Struct, frozen=True):
    """Every function of that name, built-in ones included."""

    name: str


class UserCodeQuestion(msgspec.Struct, frozen=True):
    """Operators, casts, types and relations that run a volatile function of a user's."""


class GuardsQuestion(msgspec.Struct, frozen=True):
    """What a session's bounds are by default, for this role and database."""


class ColumnsQuestion(msgspec.Struct, frozen=True):
    """The relation behind a RowDescription's table OID."""

    oid: int


CatalogueQuestion = (
    RelationsQuestion
    | FunctionsQuestion
    | UserCodeQuestion
    | GuardsQuestion
    | ReachQuestion
    | SchemaQuestion
    | ColumnsQuestion
    | TypeQuestion
)


class RelationFact(msgspec.Struct, frozen=True):
    schema: str
    name: str
    kind: str
    """``pg_class.relkind``: ``r`` table, ``p`` partitioned, ``v`` view, ``f`` foreign, …"""
    columns: tuple[str, ...]
    """In their order, dropped ones left out."""
    types: tuple[int, ...] = ()
    """Their types' OIDs."""
    kin: Kin | None = ()
    """All that it inherits from and that inherits from it; ``None``: too many to name."""


class RelationFacts(msgspec.Struct, frozen=True):
    found: tuple[RelationFact, ...]
    complete: bool = True


class FunctionFact(msgspec.Struct, frozen=True):
    schema: str
    kind: str
    """``pg_proc.prokind``: ``f`` function, ``p`` procedure, ``a`` aggregate, ``w`` window."""
    volatile: bool
    """It, or the function behind an aggregate, is VOLATILE."""
    native: bool
    """Written in C or internal: it runs no SQL of its own, as far as that can be told."""
    unary: bool = True
    """It can be called with one argument, as ``value.name`` does."""


class FunctionFacts(msgspec.Struct, frozen=True):
    found: tuple[FunctionFact, ...]
    complete: bool = True


class UserCodeFacts(msgspec.Struct, frozen=True):
    """Bare names; a user's function is volatile behind each."""

    operators: frozenset[str] = frozenset()
    """Of operators."""
    types: frozenset[str] = frozenset()
    """Of types: a cast to them, a domain's check, or that of one of their parts. The row type of a
    table has the table's name.
    """
    functions: frozenset[str] = frozenset()
    """Of functions that take or make a value of such a type."""
    relations: frozenset[str] = frozenset()
    """Of relations: beside one of its columns a mere literal may be cast to such a type."""
    complete: bool = True


class GuardFacts(msgspec.Struct, frozen=True):
    defaults: tuple[tuple[str, str], ...]
    """Setting and value, by the server, the database or the role."""

    def of(self, name: str) -> tuple[str, ...]:
        # SET TRANSACTION goes against what transactions are by default.
        wanted = {name, f"default_{name}"}
        return tuple(value for setting, value in self.defaults if setting in wanted)


class Unanswered(msgspec.Struct, frozen=True):
    """It could not be found out: no connection, no right, no time."""


class TableFact(msgspec.Struct, frozen=True):
    """``kind`` is empty where no such relation is (or is no more)."""

    schema: str
    name: str
    kind: str
    columns: tuple[tuple[int, str], ...]
    """Attribute number and name; system columns are not here."""
    kin: Kin | None = ()
    """As in ``RelationFact``."""


CatalogueAnswer = (
    RelationFacts
    | FunctionFacts
    | UserCodeFacts
    | GuardFacts
    | ReachFacts
    | TableFact
    | TypeFact
    | Unanswered
)

KnownFacts = Callable[[CatalogueQuestion], CatalogueAnswer | None]
"""What is known already; ``None`` where nobody has asked yet."""


def quote(value: str) -> str:
    """A string literal that reads the same whatever ``standard_conforming_strings`` says."""
    if "\0" in value:
        value = value.split("\0", 1)[0]
    if "\\" in value:
        doubled = value.replace("\\", "\\\\").replace("'", "''")
        return f" E'{doubled}'"
    return "'" + value.replace("'", "''") + "'"


_FUNCTIONS = """\
SELECT n.nspname, p.prokind::pg_catalog.text,
       (p.provolatile::pg_catalog.text OPERATOR(pg_catalog.=) 'v' OR EXISTS (
          SELECT 1 FROM pg_catalog.pg_aggregate g JOIN pg_catalog.pg_proc s
            ON s.oid OPERATOR(pg_catalog.=) ANY (ARRAY[g.aggtransfn::pg_catalog.oid,
               g.aggfinalfn::pg_catalog.oid, g.aggcombinefn::pg_catalog.oid,
               g.aggmtransfn::pg_catalog.oid, g.aggminvtransfn::pg_catalog.oid,
               g.aggmfinalfn::pg_catalog.oid])
          WHERE g.aggfnoid::pg_catalog.oid OPERATOR(pg_catalog.=) p.oid
            AND s.provolatile::pg_catalog.text OPERATOR(pg_catalog.=) 'v'))::pg_catalog.text,
       (l.lanname::pg_catalog.text OPERATOR(pg_catalog.=)
            ANY (ARRAY['c','internal']::pg_catalog.text[]))::pg_catalog.text,
       (p.pronargs OPERATOR(pg_catalog.>=) 1 AND p.pronargs OPERATOR(pg_catalog.-)
            p.pronargdefaults OPERATOR(pg_catalog.<=) 1
        AND p.prokind::pg_catalog.text OPERATOR(pg_catalog.<>) 'p')::pg_catalog.text
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
WHERE p.proname OPERATOR(pg_catalog.=) {name}::pg_catalog.name
ORDER BY p.oid LIMIT {limit}"""

# What this connection began with is not enough: the role may have got its bounds since. The last
# column orders them as ``process_settings`` does (postinit.c).
_GUARDS = """\
SELECT s.name, s.reset_val, '0' FROM pg_catalog.pg_show_all_settings() s
WHERE s.name OPERATOR(pg_catalog.=) ANY (ARRAY[{names}]::pg_catalog.text[])
UNION ALL
SELECT pg_catalog.split_part(c.setting, '=', 1),
       pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') OPERATOR(pg_catalog.+) 1),
       CASE WHEN r.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN '1' ELSE '3' END
       OPERATOR(pg_catalog.||)
       CASE WHEN r.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN '1' ELSE '2' END
FROM pg_catalog.pg_db_role_setting r
CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) c(setting)
WHERE pg_catalog.split_part(c.setting, '=', 1) OPERATOR(pg_catalog.=)
        ANY (ARRAY[{names}]::pg_catalog.text[])
  AND (r.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid
       OR r.setrole OPERATOR(pg_catalog.=) ANY (ARRAY(
          SELECT a.oid FROM pg_catalog.pg_roles a
          WHERE a.rolname OPERATOR(pg_catalog.=) SESSION_USER)))
  AND (r.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid
       OR r.setdatabase OPERATOR(pg_catalog.=) ANY (ARRAY(
          SELECT d.oid FROM pg_catalog.pg_database d
          WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())))"""


def sql(question: CatalogueQuestion) -> str:  # noqa: PLR0911  # a table
    """The SELECT that asks it, for the gateway's own read-only connection."""
    match question:
        case RelationsQuestion(name=name):
            return relation_sql.relations(quote(name), ROWS_AT_MOST + 1)
        case FunctionsQuestion(name=name):
            return _FUNCTIONS.format(name=quote(name), limit=ROWS_AT_MOST + 1)
        case UserCodeQuestion():
            return surprises.sql(SURPRISES_AT_MOST + 1)
        case GuardsQuestion():
            return _GUARDS.format(names=", ".join(map(quote, sorted(RELATIVE))))
        case ReachQuestion(name=name) | SchemaQuestion(name=name):
            return reach.sql(question, quote(name))
        case ColumnsQuestion(oid=oid):
            return relation_sql.columns(oid)
        case TypeQuestion(oid=oid):
            return relation_sql.value_type(oid)
        case _:
            assert_never(question)


def read(question: CatalogueQuestion, rows: Sequence[Row]) -> CatalogueAnswer:
    """The answer in the rows of ``sql(question)``, each value as the server's text.

    Raises ``WireError`` where they are not what was asked for.
    """
    try:
        return _read(question, rows)
    except (ValueError, IndexError):
        pass  # its text would quote the catalogue
    raise malformed("look-up", "server")


def _read(  # noqa: PLR0911  # a table
    question: CatalogueQuestion, rows: Sequence[Row]
) -> CatalogueAnswer:
    match question:
        case RelationsQuestion():
            return _relations(rows)
        case FunctionsQuestion():
            found = tuple(
                FunctionFact(
                    row[0] or "",
                    row[1] or "",
                    row[2] != "false",
                    row[3] == "true",
                    row[4] != "false",
                )
                for row in rows[:ROWS_AT_MOST]
            )
            return FunctionFacts(found, complete=len(rows) <= ROWS_AT_MOST)
        case UserCodeQuestion():
            operators, types, functions, relations = (
                frozenset(row[1] or "" for row in rows if row[0] == what)
                for what in ("operator", "type", "function", "relation")
            )
            complete = len(rows) <= SURPRISES_AT_MOST
            return UserCodeFacts(operators, types, functions, relations, complete=complete)
        case GuardsQuestion():
            ranked = sorted((row[2] or "", row[0] or "", row[1] or "") for row in rows)
            # The last of a name goes before all others.
            return GuardFacts(tuple({name: value for _, name, value in ranked}.items()))
        case ReachQuestion() | SchemaQuestion():
            return reach.read([(r[0] or "", r[1] or "", r[2] or "", r[3] or "") for r in rows])
        case ColumnsQuestion():
            if not rows:
                return TableFact("", "", "", ())
            columns = tuple((int(row[3]), row[4] or "") for row in rows if row[3] is not None)
            schema, name, kind = (text or "" for text in rows[0][:3])
            return TableFact(schema, name, kind, columns, _kin(rows[0][5]))
        case TypeQuestion():
            if not rows:
                return TypeFact("", "", "", 0, 0)
            name, kind, send = (text or "" for text in rows[0][:3])
            return TypeFact(name, kind, send, *(int(oid or 0) for oid in rows[0][3:]))
        case _:
            assert_never(question)


def _kin(text: str | None) -> Kin | None:
    found = tuple((schema, name) for schema, name in json.loads(text or "[]"))
    return found if len(found) <= relation_sql.KIN_AT_MOST else None


def _relations(rows: Sequence[Row]) -> RelationFacts:
    columns: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    kin: dict[tuple[str, str, str], Kin | None] = {}
    for row in rows:
        key = (row[0] or "", row[1] or "", row[2] or "")
        listed = columns.setdefault(key, [])
        kin.setdefault(key, _kin(row[5]))
        if row[3] is not None:
            listed.append((row[3], int(row[4] or 0)))
    found = tuple(
        RelationFact(
            *key, tuple(name for name, _ in listed), tuple(oid for _, oid in listed), kin[key]
        )
        for key, listed in columns.items()
    )
    return RelationFacts(found[:ROWS_AT_MOST], complete=len(found) <= ROWS_AT_MOST)
