"""The ways in which a statement may call a function.

Law: a way is made of three tables that are multiplied: how an expression calls (a form), where an
expression stands (a place), and what carries the statement (a wrapping). From PostgreSQL's grammar
and catalogue; a new way is a new line.
"""

from collections.abc import Iterator
from typing import Final

# --- forms of a call of one argument, with {f} for the name and {a} for the argument

UNARY: Final = (
    "{f}({a})",
    "{schema}.{f}({a})",
    '"{f}"({a})',
    '"{schema}"."{f}"({a})',
    "{database}.{schema}.{f}({a})",
    "{f} /* ( */ ({a})",
    'U&"{u}"({a})',
    "(SELECT {f}({a}))",
    "({a}).{f}",
    "((({a}))).{f}",
    '({a})."{f}"',
    '({a}).U&"{u}"',
    "({a})./**/{f}",
    "((SELECT {a})).{f}",
    "(ARRAY[{a}])[1].{f}",
    "(CASE WHEN true THEN {a} END).{f}",
    "(COALESCE({a})).{f}",
    "(SELECT (v).{f} FROM (SELECT {a} AS v) q)",
    "(SELECT (q.v).{f} FROM (SELECT {a} AS v) q)",
    "(WITH q AS (SELECT {a} AS v) SELECT (q.v).{f} FROM q)",
    "(SELECT (v).{f} FROM (VALUES ({a})) q(v))",
    "(SELECT (v).{f} FROM unnest(ARRAY[{a}]) v)",
    "(SELECT max((v).{f}::text) FROM (SELECT {a} AS v) q)",
)

# --- expressions that run a function of a user's which nobody names, or names otherwise

OTHERS: Final = (
    "probe(arg => 'x')",
    "probe(arg := 'x')",
    "optional('x')",
    "('x'::text).optional",
    "variable('x', 'y')",
    "variable(VARIADIC ARRAY['x'])",
    "('x'::text).variable",
    "several('x')",
    "('x'::text).several",
    "(1).anything",
    "(SELECT (id).anything FROM orders LIMIT 1)",
    "(SELECT o.anything FROM orders o LIMIT 1)",
    "(SELECT of_row(o) FROM orders o LIMIT 1)",
    "(SELECT o.of_row FROM orders o LIMIT 1)",
    "(SELECT orders.of_row FROM orders LIMIT 1)",
    "(SELECT public.orders.of_row FROM public.orders LIMIT 1)",
    "(SELECT clothes.public.orders.of_row FROM public.orders LIMIT 1)",
    "(SELECT (o).of_row FROM orders o LIMIT 1)",
    "(SELECT (o.*).of_row FROM orders o LIMIT 1)",
    "(row(1, 'x')::orders).of_row",
    "(SELECT q.of_row FROM (TABLE orders) q LIMIT 1)",
    "(SELECT (q.o).of_row FROM (SELECT o FROM orders o) q LIMIT 1)",
    "(WITH q AS (SELECT o FROM orders o) SELECT (o).of_row FROM q LIMIT 1)",
    "(SELECT (SELECT y.of_row FROM (paired y CROSS JOIN graded) j LIMIT 1) FROM orders y LIMIT 1)",
    "(SELECT gathered(note) FROM orders)",
    "(SELECT gathered(note ORDER BY id) FROM orders)",
    "(SELECT gathered(note) FILTER (WHERE id > 0) FROM orders)",
    "(SELECT gathered(note) OVER () FROM orders LIMIT 1)",
    "(SELECT gathered(note) OVER w FROM orders WINDOW w AS (ORDER BY id) LIMIT 1)",
    "(SELECT placed() WITHIN GROUP (ORDER BY note) FROM orders)",
    "(SELECT (note).gathered FROM orders GROUP BY id LIMIT 1)",
    "'x' @@@ 'y'",
    "'x'::text OPERATOR(public.@@@) 'y'",
    "@@@ 'x'::text",
    "OPERATOR(public.@@@) 'x'::text",
    "'x' @@@ ANY (ARRAY['x'])",
    "'x' @@@ ALL (ARRAY['x'])",
    "'x' @@@ ANY (SELECT note FROM orders)",
    "'x' @@@ (SELECT 'y'::text)",
    "('x', 'y') = ANY (SELECT probe(note), note FROM orders)",
    "'x'::checked",
    "'x'::public.checked",
    "CAST('x' AS \"checked\")",
    "checked 'x'",
    "checked('x')",
    "('x'::text).checked",
    "('x'::text::varchar).checked",
    "'x'::checked_outer",
    "'x'::operated",
    "'x'::counting",
    "('x'::text).counting",
    "'{x}'::checked[]",
    "'{x}'::_checked",
    "'{x}'::checked_list",
    "ARRAY['x']::checked[]",
    "ARRAY['x']::text[]::checked[]",
    "'(1,x)'::checked_pair",
    "row(1, 'x')::checked_pair",
    "'(\"(1,x)\")'::checked_deep",
    "(1, 'x')::checked_pair",
    "checked_range('a', 'b')",
    "'[a,b]'::checked_range",
    "checked_range('a', 'b') @> 'a'::checked",
    "'a' <@ '[a,b]'::checked_range",
    "'{[a,b]}'::checked_multirange",
    "(1, 'x', null, null)::tagged",
    "'(1,x,,)'::tagged",
    'json_populate_record(null::tagged, \'{"kind": "x"}\')',
    'jsonb_populate_record(null::checked_pair, \'{"b": "x"}\')',
    '(SELECT json_populate_record(t, \'{"kind": "x"}\') FROM (SELECT null::tagged AS t) q)',
    '(SELECT max(a::text) FROM json_to_record(\'{"a": "x"}\') AS r(a checked))',
    '(SELECT max(a::text) FROM json_to_recordset(\'[{"a": "x"}]\') AS r(a checked))',
    '(SELECT max(kind) FROM jsonb_populate_recordset(null::tagged, \'[{"kind": "x"}]\'))',
    '(SELECT max(a::text) FROM ROWS FROM (json_to_record(\'{"a": "x"}\') AS (a checked)) r)',
    "(SELECT max(a) FROM xmltable('/r' PASSING '<r>x</r>' COLUMNS a checked PATH '.'))",
    "(SELECT count(*) FROM (TABLE tagged UNION SELECT 1, 'x', null, null) q WHERE tags = '{x}')",
    "(SELECT count(*) FROM tagged WHERE tags = '{x}')",
    "(SELECT count(*) FROM tagged WHERE tags && '{x}')",
    "(SELECT max(array_append(tags, 'x')::text) FROM (SELECT null::checked[] AS tags) t)",
    "(SELECT count(*) FROM (SELECT null::checked_pair AS c) q WHERE c = '(1,x)'::checked_pair)",
    "(SELECT count(*) FROM tagged WHERE couple IN ('(1,x)', '(2,y)'))",
    "takes('x')",
    "takes_list('{x}')",
    "takes(arg) FROM (SELECT 'x'::text AS arg) q",
    "('x'::text).takes",
    "'x' ### 'y'",
    "xmlserialize(CONTENT '<a/>'::xml AS checked)",
    "'1'::text::pair",
    "CAST('1'::text AS public.pair)",
    "row(1, 2)::pair::int",
    "(row(1, 2)::pair)::int4",
    "1 + row(1, 2)::pair",
    "abs(row(1, 2)::pair)",
    "(SELECT p::int FROM paired)",
    "(SELECT 1 + p FROM paired)",
    "(SELECT abs(p) FROM paired)",
    "(SELECT id FROM paired WHERE p > 0)",
    "(SELECT count(*) FROM (SELECT id FROM graded ORDER BY g) q)",
    "(SELECT count(*) FROM (SELECT DISTINCT g FROM graded) q)",
    "(SELECT max(n) FROM (SELECT count(*) AS n FROM graded GROUP BY g) q)",
    "(SELECT count(*) FROM (SELECT g FROM graded UNION SELECT g FROM graded) q)",
    "(SELECT max(r) FROM (SELECT rank() OVER (ORDER BY g) AS r FROM graded) q)",
    "(SELECT count(*) FROM (SELECT id FROM graded ORDER BY g USING <%) q)",
    "(SELECT greatest(row(1)::grade, row(2)::grade))",
    "(SELECT count(*) FROM graded WHERE g =% row(2)::grade)",
    "(SELECT count(*) FROM graded WHERE g =% ANY (ARRAY[row(2)::grade]))",
)

# --- places for an expression

PLACES: Final = (
    "SELECT {e}",
    "SELECT ALL {e} AS x",
    "VALUES (1, {e})",
    "SELECT DISTINCT {e} FROM orders",
    "SELECT DISTINCT ON (({e})::text) 1 FROM orders",
    "SELECT 1 FROM orders WHERE ({e}) IS NOT NULL",
    "SELECT 1 FROM orders WHERE NOT (({e}) IS NULL)",
    "SELECT 1 FROM orders GROUP BY ({e})::text",
    "SELECT 1 FROM orders GROUP BY GROUPING SETS ((({e})::text), ())",
    "SELECT 1 FROM orders GROUP BY CUBE (({e})::text)",
    "SELECT 1 FROM orders GROUP BY note HAVING ({e}) IS NOT NULL",
    "SELECT 1 FROM orders ORDER BY ({e})::text",
    "SELECT 1 FROM orders ORDER BY ({e})::text USING <",
    "SELECT 1 FROM orders LIMIT length(({e})::text)",
    "SELECT 1 FROM orders OFFSET length(({e})::text)",
    "SELECT 1 FROM orders FETCH FIRST (length(({e})::text)) ROWS ONLY",
    "SELECT count(*) OVER (PARTITION BY ({e})::text) FROM orders",
    "SELECT count(*) OVER (ORDER BY ({e})::text) FROM orders",
    "SELECT count(*) OVER (ORDER BY id ROWS length(({e})::text) PRECEDING) FROM orders",
    "SELECT count(*) OVER w FROM orders WINDOW w AS (ORDER BY ({e})::text)",
    "SELECT count(*) FILTER (WHERE ({e}) IS NOT NULL) FROM orders",
    "SELECT max(({e})::text) FROM orders",
    "SELECT string_agg(note, ',' ORDER BY ({e})::text) FROM orders",
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ({e})::text) FROM orders",
    "SELECT CASE WHEN ({e}) IS NOT NULL THEN 1 END",
    "SELECT CASE 1 WHEN 1 THEN ({e})::text ELSE 'y' END",
    "SELECT CASE ({e})::text WHEN 'x' THEN 1 END",
    "SELECT COALESCE(NULL, ({e})::text, 'y')",
    "SELECT NULLIF('y', ({e})::text)",
    "SELECT GREATEST('a', ({e})::text)",
    "SELECT ARRAY[({e})::text]",
    "SELECT ARRAY(SELECT ({e})::text)",
    "SELECT ROW(1, ({e})::text)",
    "SELECT (1, ({e})::text)",
    "SELECT 'x' IN ('a', ({e})::text)",
    "SELECT 'x' IN (SELECT ({e})::text)",
    "SELECT 'x' = ANY (ARRAY[({e})::text])",
    "SELECT 'x' = ALL (SELECT ({e})::text)",
    "SELECT 'x' BETWEEN 'a' AND ({e})::text",
    "SELECT 'x' LIKE ({e})::text",
    "SELECT 'x' ILIKE '%' ESCAPE left(({e})::text, 1)",
    "SELECT 'x' SIMILAR TO ({e})::text",
    "SELECT 'x' IS DISTINCT FROM ({e})::text",
    "SELECT EXISTS (SELECT 1 WHERE ({e}) IS NOT NULL)",
    "SELECT (SELECT ({e})::text)",
    "SELECT ('{{a,b}}'::text[])[length(({e})::text)]",
    "SELECT ('{{a,b}}'::text[])[1:length(({e})::text)]",
    'SELECT (({e})::text) COLLATE "C"',
    "SELECT now() AT TIME ZONE CASE WHEN ({e}) IS NOT NULL THEN 'UTC' END",
    "SELECT EXTRACT(year FROM CASE WHEN ({e}) IS NOT NULL THEN now() END)",
    "SELECT SUBSTRING('abc' FROM length(({e})::text))",
    "SELECT OVERLAY('abc' PLACING ({e})::text FROM 1)",
    "SELECT POSITION('a' IN ({e})::text)",
    "SELECT TRIM(BOTH ({e})::text FROM 'xax')",
    "SELECT NORMALIZE(({e})::text)",
    "SELECT format('%s', ({e})::text)",
    "SELECT concat(VARIADIC ARRAY[({e})::text])",
    "SELECT make_interval(days => length(({e})::text))",
    "SELECT XMLELEMENT(NAME a, ({e})::text)",
    "SELECT XMLELEMENT(NAME a, XMLATTRIBUTES(({e})::text AS b))",
    "SELECT XMLFOREST(({e})::text AS b)",
    "SELECT XMLPARSE(CONTENT 'a' || ({e})::text)",
    "SELECT XMLPI(NAME php, ({e})::text)",
    "SELECT * FROM XMLTABLE('/r' PASSING XMLELEMENT(NAME r, ({e})::text) COLUMNS a text PATH '.')",
    "SELECT * FROM XMLTABLE('/r' PASSING '<r/>' COLUMNS a text PATH 'x' DEFAULT ({e})::text)",
    "SELECT xmlexists(('/' || CASE WHEN ({e}) IS NOT NULL THEN 'a' END) PASSING '<a/>')",
    "SELECT * FROM (SELECT {e}) q",
    "SELECT * FROM (VALUES (({e})::text)) q",
    "SELECT * FROM generate_series(1, length(({e})::text))",
    "SELECT * FROM ROWS FROM (generate_series(1, length(({e})::text)), generate_series(1, 2)) r",
    "SELECT * FROM generate_series(1, length(({e})::text)) WITH ORDINALITY",
    "SELECT * FROM orders o, LATERAL (SELECT {e}) q",
    "SELECT * FROM orders o LEFT JOIN LATERAL (SELECT ({e})::text AS y) q ON true",
    "SELECT * FROM orders a JOIN orders b ON ({e}) IS NOT NULL",
    "SELECT * FROM orders TABLESAMPLE SYSTEM (50 + length(({e})::text))",
    "SELECT * FROM orders TABLESAMPLE BERNOULLI (99) REPEATABLE (length(({e})::text))",
    "SELECT 1 UNION ALL SELECT length(({e})::text)",
    "SELECT 1 INTERSECT SELECT length(({e})::text)",
    "(SELECT 1) ORDER BY 1 LIMIT length(({e})::text)",
    "WITH q AS (SELECT ({e})::text AS v) SELECT * FROM q",
    "WITH q AS MATERIALIZED (SELECT ({e})::text AS v) SELECT * FROM q",
    (
        "WITH RECURSIVE q(v) AS (SELECT 1 UNION ALL SELECT v + length(({e})::text) FROM q"
        " WHERE v < 2) SELECT * FROM q"
    ),
    (
        "WITH RECURSIVE q(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM q WHERE v < 2)"
        " SEARCH DEPTH FIRST BY v SET s SELECT ({e})::text FROM q"
    ),
    "SELECT 1 FROM orders WHERE ({e}) IS NOT NULL FOR UPDATE",
    "SELECT ({e})::text INTO TEMP made",
    "INSERT INTO orders SELECT 8, ({e})::text",
    "INSERT INTO orders VALUES (8, ({e})::text)",
    "INSERT INTO orders VALUES (8, 'x') RETURNING {e}",
    "INSERT INTO orders VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET note = ({e})::text",
    (
        "INSERT INTO orders VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET note = 'y'"
        " WHERE ({e}) IS NOT NULL"
    ),
    "UPDATE orders SET note = ({e})::text WHERE id = 1",
    "UPDATE orders SET (note) = (SELECT ({e})::text) WHERE id = 1",
    "UPDATE orders SET note = 'x' WHERE id = 1 AND ({e}) IS NOT NULL",
    "UPDATE orders SET note = 'x' WHERE id = 1 RETURNING {e}",
    "UPDATE orders SET note = v FROM (SELECT ({e})::text AS v) q WHERE id = 1",
    "DELETE FROM orders WHERE id = 1 AND ({e}) IS NOT NULL",
    "DELETE FROM orders USING (SELECT ({e})::text AS v) q WHERE id = 1 OR note = v",
    "DELETE FROM orders WHERE id = 1 RETURNING {e}",
    (
        "MERGE INTO orders o USING (SELECT length(({e})::text) AS v) q ON o.id = q.v"
        " WHEN MATCHED THEN DO NOTHING"
    ),
    (
        "MERGE INTO orders o USING (SELECT 1 AS v) q ON o.id = q.v AND ({e}) IS NOT NULL"
        " WHEN MATCHED THEN DO NOTHING"
    ),
    (
        "MERGE INTO orders o USING (SELECT 1 AS v) q ON o.id = q.v"
        " WHEN MATCHED AND ({e}) IS NOT NULL THEN DELETE"
    ),
    (
        "MERGE INTO orders o USING (SELECT 1 AS v) q ON o.id = q.v"
        " WHEN MATCHED THEN UPDATE SET note = ({e})::text"
    ),
    (
        "MERGE INTO orders o USING (SELECT 9 AS v) q ON o.id = q.v"
        " WHEN NOT MATCHED THEN INSERT VALUES (9, ({e})::text)"
    ),
    "WITH w AS (INSERT INTO orders VALUES (8, ({e})::text) RETURNING 1) SELECT * FROM w",
    "EXECUTE before(({e})::text)",
    "CREATE TEMP TABLE made (a int DEFAULT length(({e})::text)); INSERT INTO made DEFAULT VALUES",
    "CREATE TEMP TABLE made (a int CHECK (({e}) IS NOT NULL)); INSERT INTO made VALUES (1)",
    "CALL proceed(({e})::text)",
    "DO $do$ BEGIN PERFORM {e}; END $do$",
    "DO $do$ DECLARE v text := ({e})::text; BEGIN END $do$",
    "DO $do$ BEGIN IF ({e}) IS NOT NULL THEN NULL; END IF; END $do$",
    "DO $do$ BEGIN EXECUTE 'SELECT ' || quote_nullable(({e})::text); END $do$",
    (
        "CREATE TABLE ranged (a int) PARTITION BY RANGE (a); CREATE TABLE part PARTITION OF ranged"
        " FOR VALUES FROM (length(({e})::text)) TO (100)"
    ),
    "ALTER TABLE orders ADD COLUMN more text DEFAULT ({e})::text",
)

# Only from version 17 on; what is older refuses their syntax.
NEWER: Final = (
    "SELECT * FROM JSON_TABLE(to_jsonb(({e})::text), '$' COLUMNS (a text PATH '$'))",
    "SELECT * FROM JSON_TABLE('1'::jsonb, '$' PASSING ({e})::text AS v COLUMNS (a text PATH '$'))",
    (
        "SELECT * FROM JSON_TABLE('1'::jsonb, '$' COLUMNS (a text PATH '$.b' DEFAULT ({e})::text"
        " ON EMPTY))"
    ),
    "SELECT JSON_VALUE(to_jsonb(({e})::text), '$')",
    "SELECT JSON_VALUE('1'::jsonb, '$.b' DEFAULT ({e})::text ON EMPTY)",
    "SELECT JSON_QUERY('1'::jsonb, '$' PASSING ({e})::text AS v)",
    "SELECT JSON_EXISTS('1'::jsonb, '$' PASSING ({e})::text AS v)",
    "SELECT JSON_OBJECT('a': ({e})::text)",
    "SELECT JSON_ARRAY(({e})::text)",
    "SELECT JSON_ARRAYAGG(({e})::text)",
    "SELECT JSON_OBJECTAGG('a': ({e})::text)",
    "SELECT JSON_SCALAR(({e})::text)",
    "SELECT JSON_SERIALIZE(to_json(({e})::text))",
    "SELECT ({e})::text IS JSON",
    "SELECT ANY_VALUE(({e})::text) FROM orders",
    (
        "MERGE INTO orders o USING (SELECT 1 AS v) q ON o.id = q.v WHEN MATCHED THEN DO NOTHING"
        " RETURNING {e}"
    ),
    (
        "MERGE INTO orders o USING (SELECT 9 AS v) q ON o.id = q.v"
        " WHEN NOT MATCHED BY SOURCE AND ({e}) IS NOT NULL THEN DELETE"
    ),
)

# --- what carries a statement; a list is several messages

WRAPPINGS: Final = (
    ("{s}",),
    ("SELECT 1; {s}",),
    ("BEGIN", "{s}", "COMMIT"),
    ("BEGIN; SAVEPOINT a; {s}; ROLLBACK TO a; COMMIT",),
    ("EXPLAIN ANALYZE {s}",),
    ("EXPLAIN (ANALYZE true, COSTS off) {s}",),
    ("PREPARE carried AS {s}", "EXPLAIN (ANALYZE) EXECUTE carried"),
    ("PREPARE carried AS {s}", "EXECUTE carried"),
    ("PREPARE carried AS {s}", "PREPARE again AS SELECT 1", "EXECUTE carried"),
    ("BEGIN", "DECLARE c CURSOR FOR {s}", "FETCH ALL FROM c", "COMMIT"),
    ("DECLARE c CURSOR WITH HOLD FOR {s}",),
    ("BEGIN; DECLARE c SCROLL CURSOR FOR {s}; MOVE ALL IN c; COMMIT",),
    ("COPY ({s}) TO STDOUT",),
    ("CREATE TEMP TABLE carried AS {s}",),
    ("CREATE TEMP VIEW carried(a) AS {s}", "SELECT * FROM carried"),
    ("CREATE VIEW pg_temp.carried(a) AS {s}", "TABLE pg_temp.carried"),
    ("CREATE MATERIALIZED VIEW carried(a) AS {s}",),
    ("PREPARE inner_one AS {s}", "CREATE TEMP TABLE carried AS EXECUTE inner_one"),
    ("DO $carried$ BEGIN EXECUTE $text${s}$text$; END $carried$",),
    ("DO $carried$ DECLARE r record; BEGIN FOR r IN {s} LOOP END LOOP; END $carried$",),
    ("WITH outermost AS ({s}) SELECT * FROM outermost",),
    ("SELECT * FROM ({s}) AS outermost",),
    ("TABLE orders; /* */ {s} -- end",),
)


def called(form: str, name: str, argument: str, schema: str = "public") -> str:
    """The call of a function by one of ``UNARY``; the name also by its code points."""
    spelled = "".join(f"\\{ord(letter):04x}" for letter in name)
    return form.format(f=name, a=argument, schema=schema, database="clothes", u=spelled)


def user_expressions() -> Iterator[str]:
    """Every form that runs a probe."""
    for form in UNARY:
        for name, argument in (("probe", "'x'::text"), ("inlined", "'x'::text")):
            yield called(form, name, argument)
    yield from OTHERS


def placed(place: str, expression: str) -> str:
    return place.format(e=expression)


def wrapped(wrapping: tuple[str, ...], statement: str) -> tuple[str, ...]:
    return tuple(part.replace("{s}", statement) for part in wrapping)
