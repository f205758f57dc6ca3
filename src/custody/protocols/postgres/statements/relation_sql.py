"""The SELECTs that ask for relations, their columns, their kin and types.

Law: as for all look-ups: read-only, bounded, every name with its schema; the caller quotes inputs.
"""

from typing import Final

KIN_AT_MOST: Final = 4000
"""Relations of one family of inheritance."""

_KIN = """\
(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(kn.nspname, kc.relname))::pg_catalog.text
 FROM (WITH RECURSIVE kin(oid) AS (
         SELECT {of}.oid
         UNION SELECT CASE WHEN i.inhrelid OPERATOR(pg_catalog.=) k.oid
                           THEN i.inhparent ELSE i.inhrelid END
         FROM kin k JOIN pg_catalog.pg_inherits i
           ON i.inhrelid OPERATOR(pg_catalog.=) k.oid OR i.inhparent OPERATOR(pg_catalog.=) k.oid)
       SELECT oid FROM kin LIMIT {limit}) f
 JOIN pg_catalog.pg_class kc ON kc.oid OPERATOR(pg_catalog.=) f.oid
 JOIN pg_catalog.pg_namespace kn ON kn.oid OPERATOR(pg_catalog.=) kc.relnamespace
 WHERE f.oid OPERATOR(pg_catalog.<>) {of}.oid)"""

_RELATIONS = """\
SELECT n.nspname, c.relname, c.relkind::pg_catalog.text,
       a.attname, a.atttypid::pg_catalog.oid::pg_catalog.text,
       CASE WHEN pg_catalog.row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)
            OPERATOR(pg_catalog.=) 1 THEN c.kin END
FROM (SELECT oid, relname, relkind, relnamespace, {kin} AS kin FROM pg_catalog.pg_class g
      WHERE relname OPERATOR(pg_catalog.=) {name}::pg_catalog.name
        AND relkind::pg_catalog.text OPERATOR(pg_catalog.=)
            ANY (ARRAY['r','p','v','m','f','S','c','i','I']::pg_catalog.text[])
      ORDER BY oid LIMIT {limit}) c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
  AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
ORDER BY c.oid, a.attnum"""

_COLUMNS = """\
SELECT n.nspname, c.relname, c.relkind::pg_catalog.text, a.attnum::pg_catalog.text, a.attname,
       CASE WHEN pg_catalog.row_number() OVER (ORDER BY a.attnum)
            OPERATOR(pg_catalog.=) 1 THEN {kin} END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
  AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
WHERE c.oid OPERATOR(pg_catalog.=) {oid}::pg_catalog.oid
ORDER BY a.attnum"""

_TYPE = """\
SELECT t.typname, t.typtype::pg_catalog.text, p.proname,
       t.typbasetype::pg_catalog.oid::pg_catalog.text,
       r.rngsubtype::pg_catalog.oid::pg_catalog.text,
       t.typelem::pg_catalog.oid::pg_catalog.text
FROM pg_catalog.pg_type t
LEFT JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.typsend::pg_catalog.oid
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid OPERATOR(pg_catalog.=) t.oid
  OR (pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'rngmultitypid')
     OPERATOR(pg_catalog.=) t.oid::pg_catalog.text
WHERE t.oid OPERATOR(pg_catalog.=) {oid}::pg_catalog.oid"""


def relations(name: str, limit: int) -> str:
    """Every relation of that name, given as a literal, with its columns."""
    kin = _KIN.format(of="g", limit=KIN_AT_MOST + 2)
    return _RELATIONS.format(name=name, limit=limit, kin=kin)


def columns(oid: int) -> str:
    return _COLUMNS.format(oid=int(oid), kin=_KIN.format(of="c", limit=KIN_AT_MOST + 2))


def value_type(oid: int) -> str:
    return _TYPE.format(oid=int(oid))
