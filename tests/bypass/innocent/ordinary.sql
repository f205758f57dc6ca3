# Ordinary questions of people and programs.

SELECT 1

SELECT NULL

SELECT version()

SELECT now(), current_timestamp, clock_timestamp(), localtime

SELECT * FROM orders

TABLE orders

VALUES (1, 'a'), (2, 'b')

SELECT id, total FROM orders WHERE id = 7

SELECT id, total FROM orders WHERE id = $1

SELECT o.id, u.name FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = 'a@x.org' ORDER BY o.id DESC LIMIT 10 OFFSET 20

SELECT count(*), sum(total), avg(total)::numeric(10,2) FROM orders GROUP BY status HAVING count(*) > 1

SELECT DISTINCT ON (user_id) user_id, id FROM orders ORDER BY user_id, id DESC

SELECT * FROM orders WHERE user_id IN (SELECT id FROM users WHERE name LIKE 'a%')

SELECT * FROM orders o WHERE EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id)

SELECT * FROM orders WHERE id = ANY ($1)

SELECT * FROM orders WHERE id = ANY (ARRAY[1, 2, 3])

SELECT * FROM orders WHERE (id, status) IN ((1, 'open'), (2, 'closed'))

SELECT * FROM orders WHERE total BETWEEN 1 AND 10 AND status IS NOT NULL

SELECT CASE WHEN total > 10 THEN 'big' ELSE 'small' END FROM orders

SELECT coalesce(note, ''), nullif(status, 'x'), greatest(1, 2), least(1, 2) FROM orders

SELECT status, row_number() OVER (PARTITION BY user_id ORDER BY id) FROM orders

SELECT sum(total) OVER w FROM orders WINDOW w AS (PARTITION BY status)

WITH recent AS (SELECT * FROM orders WHERE id > 10) SELECT count(*) FROM recent

WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT sum(n) FROM t

SELECT * FROM orders UNION ALL SELECT * FROM orders

SELECT id FROM orders INTERSECT SELECT order_id FROM payments

SELECT id FROM orders EXCEPT SELECT order_id FROM payments

SELECT * FROM (SELECT id, total FROM orders) AS x WHERE x.id = 3

SELECT u.name, l.total FROM users u LEFT JOIN LATERAL (SELECT total FROM orders o WHERE o.user_id = u.id LIMIT 1) l ON true

SELECT * FROM generate_series(1, 10) AS g(n)

SELECT * FROM unnest(ARRAY[1, 2]) WITH ORDINALITY AS t(a, b)

SELECT jsonb_build_object('a', 1) -> 'a', '{"a": 1}'::jsonb @> '{}'::jsonb

SELECT body ->> 'kind', body #>> '{a,b}', body ? 'x' FROM app.events

SELECT * FROM jsonb_each('{"a": 1}'), jsonb_array_elements('[1]') AS e

SELECT to_char(created_at, 'YYYY-MM-DD'), date_trunc('day', created_at), extract(year FROM created_at) FROM users

SELECT created_at AT TIME ZONE 'UTC', created_at - interval '1 day' FROM users

SELECT upper(name), length(name), substring(name FROM 1 FOR 2), trim(both ' ' FROM name), position('a' IN name) FROM users

SELECT name || ' ' || email, concat(name, email), format('%s', name) FROM users

SELECT regexp_replace(name, 'a', 'b'), name ~ '^a', name ILIKE '%A%', name SIMILAR TO 'a%' FROM users

SELECT md5('x'), encode(sha256('x'::bytea), 'hex')

SELECT string_agg(name, ', ' ORDER BY name), array_agg(id) FILTER (WHERE id > 1) FROM users

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM orders

SELECT * FROM orders TABLESAMPLE BERNOULLI (10) REPEATABLE (1)

SELECT * FROM paid

SELECT * FROM totals

SELECT * FROM app.orders

SELECT * FROM "orders"

SELECT * FROM ONLY orders

SELECT * FROM parts WHERE at >= '2020-01-01'

SELECT orders.*, (users).name, users FROM orders, users WHERE users.id = orders.user_id

SELECT row(1, 2), (row(1, 2)).f1

SELECT 'ok'::mood, 'ok'::public.mood

SELECT 5::posint

SELECT public.add1(2), add1(3)

SELECT random(), gen_random_uuid()

SELECT pg_size_pretty(pg_total_relation_size('orders')), pg_relation_size('orders'::regclass)

SELECT * FROM information_schema.tables WHERE table_schema = 'public'

SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'orders' ORDER BY ordinal_position

SELECT * FROM pg_stat_activity

SELECT * FROM pg_locks

SELECT has_table_privilege('orders', 'select')

EXPLAIN SELECT * FROM orders

EXPLAIN (FORMAT JSON, VERBOSE) SELECT * FROM orders WHERE id = 1

EXPLAIN ANALYZE SELECT * FROM orders

EXPLAIN (ANALYZE, BUFFERS) SELECT count(*) FROM orders

EXPLAIN DELETE FROM orders WHERE id = 7

EXPLAIN (ANALYZE false) UPDATE orders SET note = 'x' WHERE id = 1

COPY orders TO STDOUT

COPY (SELECT id FROM orders) TO STDOUT WITH (FORMAT csv, HEADER)

COPY orders (id, status) TO STDOUT (FORMAT binary)

PREPARE q AS SELECT * FROM orders WHERE id = $1

DECLARE c CURSOR FOR SELECT * FROM orders

FETCH ALL FROM c

MOVE FORWARD 10 FROM c

CLOSE c

DEALLOCATE q

LISTEN news

-- a comment before it
SELECT 1 -- and one behind it

/* a comment /* with another inside */ */ SELECT 'DELETE FROM orders', "delete from orders" FROM (SELECT 1 AS "delete from orders") AS x

SELECT $$DROP TABLE orders; --$$, E'it''s \'quoted\'', U&'d\0061t\+000061', B'101', X'1F'

SELECT 'a;b'; SELECT 2;

SELECT currval('counter'), lastval()

SELECT current_user, session_user, current_role, current_catalog, current_schema

SELECT set_config('application_name', 'x', false)

SELECT set_config('search_path', 'app, public', false)

SELECT * FROM orders WHERE note = 'x' OR note IS NULL FETCH FIRST 5 ROWS ONLY

SELECT * FROM orders ORDER BY total USING <

SELECT 1 OPERATOR(pg_catalog.+) 2

SELECT xmlelement(name a, 'b'), xmlforest(1 AS a)

SELECT GROUPING(status), count(*) FROM orders GROUP BY ROLLUP (status), CUBE (user_id)

SELECT a.x, b.y FROM (VALUES (1)) AS a(x) CROSS JOIN (VALUES (2)) AS b(y)

SELECT * FROM orders NATURAL JOIN payments

SELECT * FROM orders JOIN payments USING (id)

SELECT ARRAY(SELECT id FROM orders), (ARRAY[1,2,3])[1:2]

SELECT to_tsvector('english', note) @@ plainto_tsquery('x') FROM orders

SELECT int4range(1, 5) && int4range(2, 3), daterange('2020-01-01', NULL)

SELECT inet '10.0.0.1' << cidr '10.0.0.0/8'

SELECT exists(SELECT FROM orders), NOT true, 1 <> 2, 2 ^ 3, @ -1, |/ 4

SELECT pg_sleep(0)

SELECT o.id, o.total, u.name FROM orders o JOIN users u ON u.id = o.user_id

SELECT x.n, x.total FROM (SELECT count(*) AS n, total FROM orders GROUP BY total) x

WITH c AS (SELECT id, note AS harm FROM orders) SELECT c.id, c.harm FROM c

WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT c.n + 1 FROM c WHERE c.n < 3) SELECT c.n FROM c

SELECT o.ctid, o.xmin FROM orders o

SELECT (p).a FROM (SELECT '(1,2)'::text AS p) x

SELECT c.email FROM contacts c WHERE c.email = 'x'

SELECT x.harm FROM json_to_record('{"harm": 1}') AS x(harm int)

SELECT n.nspname FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c WHERE c.relnamespace = n.oid

SET statement_timeout = 0

SET lock_timeout = '5s'

BEGIN READ WRITE

SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE

LOCK TABLE orders IN ACCESS SHARE MODE

LOCK TABLE public.orders, ONLY app.orders IN ROW SHARE MODE

SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'
