"""What may touch anything, and what touches no more than it names.

Law: one statement a line, for the schema of the corpus.
"""

EVERYTHING = """
DROP OWNED BY reporting
REASSIGN OWNED BY reporting TO postgres
DROP DATABASE x
CREATE DATABASE x
ALTER DATABASE x RENAME TO y
ALTER DATABASE x OWNER TO reporting
ALTER DATABASE x SET log_statement = 'none'
ALTER DATABASE x ALLOW_CONNECTIONS false
DROP EXTENSION hstore
DROP EXTENSION hstore CASCADE
ALTER EXTENSION hstore UPDATE
DROP SERVER s CASCADE
DROP LANGUAGE plperl CASCADE
DROP FUNCTION touch(int) CASCADE
DROP OPERATOR @@@ (int, int) CASCADE
DROP ROLE reporting
ALTER ROLE reporting SUPERUSER
GRANT pg_read_all_data TO reporting
SET ROLE reporting
SET session_replication_role = replica
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reporting
ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b
CREATE PUBLICATION p FOR ALL TABLES
VACUUM
VACUUM FULL
ANALYZE
CLUSTER
REINDEX DATABASE x
REINDEX SYSTEM x
UPDATE pg_class SET relname = 'x' WHERE relname = 'payments'
DELETE FROM pg_catalog.pg_attribute WHERE attname = 'card'
DO $$ BEGIN PERFORM touch(1); END $$
CALL purge(1)
SELECT touch(id) FROM orders
SELECT query_to_xml('SELECT 1', true, true, '') FROM orders
COPY (SELECT 1) TO PROGRAM 'id'
LOAD 'x'
ALTER SYSTEM SET log_statement = 'none'
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()
"""
WITHIN = """
SELECT * FROM orders
UPDATE orders SET note = 'x' WHERE id = 1
DELETE FROM parcels WHERE id = 1
CREATE INDEX ON orders (note)
ALTER TABLE orders ADD COLUMN more text
ANALYZE orders
GRANT SELECT ON orders TO reporting
SELECT currval('orders_id_seq'), id FROM orders
DROP INDEX orders_status_idx
"""
