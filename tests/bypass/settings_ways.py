"""The ways in which a session sets a parameter, takes a lock, or writes under another name.

Law: {n} is a parameter and {v} a value that loosens it; each way is what a client would send, one
message after the other, and does what it is here for on a real server.
"""

from typing import Final

_VIEW: Final = "CREATE TEMP VIEW v AS SELECT * FROM pg_settings"
_SET_V: Final = "UPDATE v SET setting = '{v}' WHERE name = '{n}'"

SETTING: Final[tuple[tuple[str, ...], ...]] = (
    ("SET {n} = {v}",),
    ("SET {n} TO '{v}'",),
    ("set session {n} to {v}",),
    ('SET "{n}" = \'{v}\'',),
    ("BEGIN", "SET LOCAL {n} = {v}"),
    ("SELECT 1; SET {n} = {v}; SELECT 2",),
    ("SELECT set_config('{n}', '{v}', false)",),
    ("SELECT pg_catalog.set_config(U&'{n}', '{v}', false)",),
    ("SELECT set_config('{n}' || '', '{v}', false)",),
    ("SELECT set_config(x, '{v}', false) FROM (VALUES ('{n}')) v(x)",),
    ("SELECT set_config(name, '{v}', false) FROM pg_settings WHERE name = '{n}'",),
    ("SELECT set_config(name, '{v}', false) FROM pg_settings WHERE name LIKE '{n}'",),
    ("WITH x AS MATERIALIZED (SELECT set_config('{n}', '{v}', false)) SELECT * FROM x",),
    ("SELECT 1 WHERE set_config('{n}', '{v}', false) IS NOT NULL",),
    ("SELECT * FROM set_config('{n}', '{v}', false)",),
    ("VALUES (set_config('{n}', '{v}', false))",),
    ("EXPLAIN ANALYZE SELECT set_config('{n}', '{v}', false)",),
    ("PREPARE p AS SELECT set_config('{n}', '{v}', false)", "EXECUTE p"),
    ("PREPARE p(text) AS SELECT set_config($1, '{v}', false)", "EXECUTE p('{n}')"),
    ("PREPARE p(text) AS SELECT set_config('{n}', $1, false)", "EXECUTE p('{v}')"),
    ("BEGIN", "DECLARE c CURSOR FOR SELECT set_config('{n}', '{v}', false)", "FETCH c"),
    ("COPY (SELECT set_config('{n}', '{v}', false)) TO STDOUT",),
    ("CREATE TEMP TABLE t AS SELECT set_config('{n}', '{v}', false)",),
    ("DO $$ BEGIN SET {n} = {v}; END $$",),
    ("DO $$ BEGIN PERFORM set_config('{n}', '{v}', false); END $$",),
    ("DO $$ BEGIN EXECUTE 'SET ' || '{n} = {v}'; END $$",),
    ("UPDATE pg_settings SET setting = '{v}' WHERE name = '{n}'",),
    ("UPDATE pg_catalog.pg_settings AS s SET setting = '{v}' WHERE s.name = '{n}'",),
    ("PREPARE p AS UPDATE pg_settings SET setting = '{v}' WHERE name = '{n}'", "EXECUTE p"),
    ("EXPLAIN ANALYZE UPDATE pg_settings SET setting = '{v}' WHERE name = '{n}'",),
    (_VIEW, _SET_V),
    ("CREATE VIEW pg_temp.v AS TABLE pg_settings", _SET_V),
    (_VIEW, "CREATE TEMP VIEW w AS SELECT * FROM v", _SET_V.replace("v ", "w ", 1)),
    (_VIEW, "ALTER VIEW v RENAME TO w", _SET_V.replace("v ", "w ", 1)),
    ("BEGIN", _VIEW, "SAVEPOINT a", _SET_V),
    ("CREATE TEMP TABLE t (a int)",
     ("CREATE RULE r AS ON INSERT TO t DO ALSO UPDATE pg_settings SET setting = '{v}'"
     " WHERE name = '{n}'"),
     "INSERT INTO t VALUES (1)"),
)  # fmt: skip

LOCKING: Final = (
    "LOCK orders",
    "LOCK TABLE ONLY public.orders IN ACCESS EXCLUSIVE MODE NOWAIT",
    "LOCK orders IN ROW EXCLUSIVE MODE",
    "LOCK orders IN SHARE UPDATE EXCLUSIVE MODE",
    "LOCK orders IN SHARE MODE",
    "LOCK orders IN SHARE ROW EXCLUSIVE MODE",
    "LOCK orders IN EXCLUSIVE MODE",
    "LOCK tagged IN ACCESS SHARE MODE; LOCK orders IN SHARE MODE",
    "DO $$ BEGIN LOCK orders IN SHARE MODE; END $$",
    "CREATE TEMP VIEW v AS TABLE orders; LOCK v IN SHARE MODE",
    "SELECT pg_advisory_lock(1)",
    "SELECT (1::bigint).pg_advisory_lock",
    "SELECT pg_try_advisory_xact_lock(1, 2)",
    "SELECT (id::bigint).pg_advisory_xact_lock_shared FROM orders",
    "EXPLAIN ANALYZE SELECT pg_advisory_lock(3)",
)
LOOKING_ON: Final = (
    "LOCK orders IN ACCESS SHARE MODE",
    "LOCK TABLE orders IN ROW SHARE MODE NOWAIT",
)

WRITING: Final[tuple[tuple[str, ...], ...]] = tuple(
    (made, write)
    for made in (
        "CREATE TEMP VIEW v AS SELECT * FROM orders",
        "CREATE VIEW pg_temp.v AS SELECT * FROM ONLY public.orders",
        "CREATE TEMP VIEW u AS TABLE orders; CREATE TEMP VIEW v AS TABLE u",
        "CREATE TEMP VIEW v AS SELECT * FROM orders WHERE id > 0 WITH CHECK OPTION",
        "CREATE TEMP VIEW u AS TABLE orders; ALTER VIEW u RENAME TO v",
        "CREATE OR REPLACE TEMP VIEW v (id, note) AS SELECT o.* FROM orders AS o",
    )
    for write in (
        "UPDATE v SET note = 'z' WHERE id = 1",
        "UPDATE pg_temp.\"v\" AS x SET note = 'z' WHERE x.id = 1",
        "DELETE FROM v WHERE id = 1",
        "INSERT INTO v VALUES (9, 'z')",
        "WITH d AS (DELETE FROM v WHERE id = 1 RETURNING 1) SELECT * FROM d",
        "EXPLAIN ANALYZE DELETE FROM v WHERE id = 1",
        "PREPARE p AS DELETE FROM v WHERE id = 1; EXECUTE p",
    )
)
