"""What a statement touches beside the relations that it names, and the SELECTs that find it.

Law: what cannot be found out may be anything: the object ``*.*`` stands for it, which only a grant
for everything covers.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from custody.model.words import Effect
from custody.protocols.postgres.statements.search_path import schemas
from custody.protocols.postgres.statements.session_view import Settings
from custody.wire.sql.collector import ANY
from custody.wire.sql.syntax import Reach, Statement

EVERYTHING: Final = f"{ANY}.{ANY}"
REACHED_AT_MOST: Final = 500
STRONG: Final = frozenset((Effect.DEFINE, Effect.GRANT, Effect.EXECUTE, Effect.UNKNOWN))
"""With one of these, what names no object touches who knows what."""


class ReachQuestion(msgspec.Struct, frozen=True):
    """What a statement that does this to a relation (or type) of that name reaches."""

    how: str
    name: str


class SchemaQuestion(msgspec.Struct, frozen=True):
    """All relations of a schema."""

    name: str


class ReachFact(msgspec.Struct, frozen=True):
    origin: str
    """The schema of the relation that it begins at."""
    schema: str
    name: str
    columns: tuple[str, ...]
    """Of the first relation: it is reached only by an update of one of these."""


class ReachFacts(msgspec.Struct, frozen=True):
    found: tuple[ReachFact, ...]
    complete: bool = True


_KEYS: Final = """\
WITH RECURSIVE k(origin, child, cols) AS (
  SELECT c.oid, f.conrelid, ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
      WHERE a.attrelid {eq} f.confrelid AND a.attnum {eq} ANY (f.confkey))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_constraint f ON f.confrelid {eq} c.oid
  WHERE c.relname {eq} {name}::pg_catalog.name AND {first}
  UNION
  SELECT k.origin, f.conrelid, k.cols
  FROM k JOIN pg_catalog.pg_constraint f ON f.confrelid {eq} k.child
  WHERE {next}
)
SELECT n.nspname, m.nspname, d.relname, pg_catalog.array_to_string(k.cols, E'\\x01')
FROM k JOIN pg_catalog.pg_class c ON c.oid {eq} k.origin
JOIN pg_catalog.pg_namespace n ON n.oid {eq} c.relnamespace
JOIN pg_catalog.pg_class d ON d.oid {eq} k.child
JOIN pg_catalog.pg_namespace m ON m.oid {eq} d.relnamespace
LIMIT {limit}"""
_ACTS: Final = "f.{column}::pg_catalog.text {eq} ANY (ARRAY['c','n','d']::pg_catalog.text[])"

_PARENT: Final = """\
SELECT n.nspname, m.nspname, d.relname, ''
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid {eq} c.relnamespace
JOIN pg_catalog.pg_class d ON d.oid {eq} ANY (ARRAY(
  SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid {eq} c.oid
  UNION ALL
  SELECT p.refobjid FROM pg_catalog.pg_depend p
  WHERE p.objid {eq} c.oid AND c.relkind::pg_catalog.text {eq} 'S'
    AND p.classid {eq} 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
    AND p.refclassid {eq} 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid))
JOIN pg_catalog.pg_namespace m ON m.oid {eq} d.relnamespace
WHERE c.relname {eq} {name}::pg_catalog.name
LIMIT {limit}"""

# A view stands and falls with its rule, which depends on it "internally"; so does an index of a
# constraint, and an identity's sequence: from such a part the way leads on to its whole.
_DEPENDENTS: Final = """\
WITH RECURSIVE origins(schema, class, id) AS (
  {origins}
), d(origin, class, id) AS (
  SELECT schema, class, id FROM origins
  UNION
  SELECT d.origin, e.class, e.id FROM d JOIN LATERAL (
    SELECT p.classid, p.objid FROM pg_catalog.pg_depend p
    WHERE p.refclassid {eq} d.class AND p.refobjid {eq} d.id
    UNION ALL
    SELECT p.refclassid, p.refobjid FROM pg_catalog.pg_depend p
    WHERE p.classid {eq} d.class AND p.objid {eq} d.id
      AND p.deptype::pg_catalog.text {eq} 'i'
      AND p.classid {eq} 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid
  ) e(class, id) ON true
)
SELECT DISTINCT d.origin, m.nspname, r.relname, ''
FROM d JOIN pg_catalog.pg_class r ON r.oid {eq} CASE d.class
    WHEN 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid THEN d.id
    WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid
      THEN (SELECT x.conrelid FROM pg_catalog.pg_constraint x WHERE x.oid {eq} d.id)
    WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid
      THEN (SELECT x.adrelid FROM pg_catalog.pg_attrdef x WHERE x.oid {eq} d.id)
    WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid
      THEN (SELECT x.ev_class FROM pg_catalog.pg_rewrite x WHERE x.oid {eq} d.id)
    WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid
      THEN (SELECT x.tgrelid FROM pg_catalog.pg_trigger x WHERE x.oid {eq} d.id)
    WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid
      THEN (SELECT x.polrelid FROM pg_catalog.pg_policy x WHERE x.oid {eq} d.id) END
JOIN pg_catalog.pg_namespace m ON m.oid {eq} r.relnamespace
WHERE r.relkind::pg_catalog.text {eq} ANY (ARRAY['r','p','v','m','f','S']::pg_catalog.text[])
LIMIT {limit}"""
_OF_RELATION: Final = """\
SELECT n.nspname, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid {eq} c.relnamespace
  WHERE c.relname {eq} {name}::pg_catalog.name"""
_OF_TYPE: Final = """\
SELECT n.nspname, 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, t.oid
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid {eq} t.typnamespace
  WHERE t.typname {eq} {name}::pg_catalog.name"""
_SCHEMA: Final = """\
SELECT n.nspname, n.nspname, c.relname, '' FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid {eq} c.relnamespace
WHERE n.nspname {eq} {name}::pg_catalog.name
  AND c.relkind::pg_catalog.text {eq} ANY (ARRAY['r','p','v','m','f','S']::pg_catalog.text[])
LIMIT {limit}"""
_EQUAL: Final = "OPERATOR(pg_catalog.=)"


def sql(question: ReachQuestion | SchemaQuestion, name: str) -> str:
    """The SELECT that asks it; ``name`` is the question's, quoted."""
    given = {"eq": _EQUAL, "name": name, "limit": REACHED_AT_MOST + 1}
    if isinstance(question, SchemaQuestion):
        return _SCHEMA.format(**given)
    match question.how:
        case "delete" | "update":
            first = _ACTS.format(column="confdeltype", eq=_EQUAL)
            if question.how == "update":
                first = _ACTS.format(column="confupdtype", eq=_EQUAL)
            return _KEYS.format(first=first, next=first, **given)
        case "truncate":
            return _KEYS.format(first="true", next="true", **given)
        case "parent":
            return _PARENT.format(**given)
        case _:
            origins = _OF_TYPE if question.how == "drop-type" else _OF_RELATION
            return _DEPENDENTS.format(origins=origins.format(**given), **given)


def read(rows: list[tuple[str, str, str, str]]) -> ReachFacts:
    found = tuple(
        ReachFact(origin, schema, name, tuple(columns.split("\x01")) if columns else ())
        for origin, schema, name, columns in rows[:REACHED_AT_MOST]
    )
    return ReachFacts(found, complete=len(rows) <= REACHED_AT_MOST)


def questions(statement: Statement) -> Iterator[ReachQuestion | SchemaQuestion]:
    for use in statement.relations:
        if use.name == ANY and use.schema not in {ANY, ""}:
            yield SchemaQuestion(use.schema)
    for reach in statement.reaches:
        if reach.how != "sequence" and reach.name != ANY:
            yield ReachQuestion(reach.how, reach.name)


def reached(reach: Reach, facts: object, settings: Settings) -> Iterator[str]:
    """The objects that are reached, by their names."""
    if not isinstance(facts, ReachFacts) or not facts.complete:
        yield EVERYTHING
        return
    path = schemas(settings.paths, settings.roles)
    for fact in facts.found:
        begun = fact.origin == reach.schema or (
            not reach.schema and (path is None or fact.origin in path)
        )
        assigned = not fact.columns or reach.how != "update" or set(fact.columns) & {*reach.columns}
        if begun and assigned:
            yield f"{fact.schema}.{fact.name}"
