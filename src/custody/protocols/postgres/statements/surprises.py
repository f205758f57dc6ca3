"""The SELECT that finds behind what a volatile function of a user's hides: operators, casts, types.

Law: a type surprises where making a value of it runs such a function (a domain's check, a cast, its
own input), and so does every type with a part that does: domains over it, arrays, composites, rows
of tables, ranges. What takes or makes such values surprises too.
"""

from typing import Final

from custody.wire.sql.builtin.functions import QUIET_VOLATILE

# Names of operators and casts carry no schema here, so that they can be read; ``sql`` adds it.
# 16384 is FirstNormalObjectId: what is below came with the server. ``deep``: a literal beside a
# column may be cast to the type although nobody names it, which PostgreSQL does for arrays,
# composites, ranges and by implicit casts, and not for a plain domain (it compares base types).
# ``silent``: nobody need write a cast for it. A cast to a type of PostgreSQL's own is looked for at
# its source, or every ``::int`` would surprise.
_SELECT: Final = """\
WITH RECURSIVE harmful(oid) AS (
  SELECT oid FROM pg_catalog.pg_proc
  WHERE provolatile::pg_catalog.text = 'v' AND oid >= 16384::pg_catalog.oid
), called(oid) AS (
  SELECT oid FROM harmful UNION ALL
  SELECT oid FROM pg_catalog.pg_proc
  WHERE provolatile::pg_catalog.text = 'v' AND oid < 16384::pg_catalog.oid
    AND proname::pg_catalog.text <> ALL (ARRAY[{quiet}]::pg_catalog.text[])
), checks(owner, proc) AS (
  SELECT c.contypid, d.refobjid FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_depend d ON d.objid = c.oid
    AND d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid
    AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
  WHERE c.contypid <> 0::pg_catalog.oid
  UNION ALL
  SELECT c.contypid, o.oprcode::pg_catalog.oid FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_depend d ON d.objid = c.oid
    AND d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid
    AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid
  JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid
  WHERE c.contypid <> 0::pg_catalog.oid
  UNION ALL
  SELECT c.contypid, m.found[1]::pg_catalog.oid FROM pg_catalog.pg_constraint c,
    LATERAL pg_catalog.regexp_matches(
      c.conbin::pg_catalog.text, ' :(?:funcid|opfuncid) ([0-9]+)', 'g') m(found)
  WHERE c.contypid <> 0::pg_catalog.oid
), seeds(oid, deep, silent) AS (
  SELECT owner, false, true FROM checks WHERE proc = ANY (ARRAY(SELECT oid FROM called))
  UNION
  SELECT k.casttarget, false,
    k.castcontext::pg_catalog.text = 'i' AND k.casttarget >= 16384::pg_catalog.oid
  FROM pg_catalog.pg_cast k JOIN harmful h ON h.oid = k.castfunc
  WHERE k.casttarget >= 16384::pg_catalog.oid OR k.castsource < 16384::pg_catalog.oid
  UNION
  SELECT k.castsource, true, true FROM pg_catalog.pg_cast k JOIN harmful h ON h.oid = k.castfunc
  WHERE k.castsource >= 16384::pg_catalog.oid
    AND (k.castcontext::pg_catalog.text = 'i' OR k.casttarget < 16384::pg_catalog.oid)
  UNION
  SELECT t.oid, true, true FROM pg_catalog.pg_type t JOIN harmful h ON h.oid = ANY (ARRAY[
    t.typinput::pg_catalog.oid, t.typoutput::pg_catalog.oid, t.typreceive::pg_catalog.oid,
    t.typsend::pg_catalog.oid, t.typmodin::pg_catalog.oid, t.typmodout::pg_catalog.oid])
  UNION
  SELECT c.opcintype, true, true FROM pg_catalog.pg_opclass c
  JOIN pg_catalog.pg_amproc a ON a.amprocfamily = c.opcfamily
  JOIN harmful h ON h.oid = a.amproc::pg_catalog.oid
  WHERE c.opcintype >= 16384::pg_catalog.oid
), wholes(part, whole, deep) AS (
  SELECT typbasetype, oid, false FROM pg_catalog.pg_type WHERE typbasetype <> 0::pg_catalog.oid
  UNION ALL
  SELECT typelem, oid, true FROM pg_catalog.pg_type WHERE typelem <> 0::pg_catalog.oid
  UNION ALL
  SELECT a.atttypid, r.reltype, true FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
  WHERE r.oid >= 16384::pg_catalog.oid AND r.reltype <> 0::pg_catalog.oid
    AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT rngsubtype, rngtypid, true FROM pg_catalog.pg_range
  UNION ALL
  SELECT rngsubtype, rngmultitypid, true FROM pg_catalog.pg_range
), bad(oid, deep, silent) AS (
  SELECT oid, deep, silent FROM seeds
  UNION
  SELECT w.whole, bad.deep OR w.deep, bad.silent FROM bad JOIN wholes w ON w.part = bad.oid
)
SELECT 'operator', o.oprname::pg_catalog.text FROM pg_catalog.pg_operator o
WHERE o.oprcode::pg_catalog.oid = ANY (ARRAY(SELECT oid FROM harmful))
   OR (o.oid >= 16384::pg_catalog.oid AND (o.oprleft = ANY (ARRAY(SELECT oid FROM bad WHERE silent))
       OR o.oprright = ANY (ARRAY(SELECT oid FROM bad WHERE silent))))
UNION
SELECT 'type', t.typname::pg_catalog.text
FROM bad JOIN pg_catalog.pg_type t ON t.oid = bad.oid
UNION
SELECT 'function', p.proname::pg_catalog.text FROM pg_catalog.pg_proc p
WHERE p.oid >= 16384::pg_catalog.oid
  AND (EXISTS (SELECT 1 FROM bad WHERE silent AND bad.oid = ANY (p.proargtypes::pg_catalog.oid[]))
       OR p.prorettype = ANY (ARRAY(SELECT oid FROM bad WHERE deep AND silent)))
UNION
SELECT 'relation', r.relname::pg_catalog.text
FROM bad
JOIN pg_catalog.pg_attribute a ON a.atttypid = bad.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
WHERE bad.deep AND bad.silent AND r.oid >= 16384::pg_catalog.oid
LIMIT {limit}"""

_NAMED: Final = ("<>", ">=", "=", "<", ">")


def _qualified(select: str) -> str:
    """With the schema of each operator, so that no search_path can put another in its place."""
    words = select.split(" ")
    return " ".join(f"OPERATOR(pg_catalog.{word})" if word in _NAMED else word for word in words)


_QUALIFIED: Final = _qualified(_SELECT)


def sql(limit: int) -> str:
    """The SELECT; each row is a kind and a bare name."""
    quiet = ", ".join(f"'{name}'" for name in sorted(QUIET_VOLATILE))
    return _QUALIFIED.format(limit=limit, quiet=quiet)
