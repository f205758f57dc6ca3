"""pg_dump and pg_restore, a round trip in each format. What it sees goes out as JSON.

The words: the folder of the two programs. Dumps go into a folder that this leaves.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FILL = """
    CREATE SCHEMA shop;
    CREATE TYPE shop.state AS ENUM ('open', 'paid');
    CREATE TABLE shop.customers (id serial PRIMARY KEY, name text UNIQUE, "odd ""name" bytea);
    CREATE TABLE shop.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer int REFERENCES shop.customers ON DELETE CASCADE, state shop.state DEFAULT 'open',
        total numeric(10, 2) CHECK (total >= 0));
    CREATE INDEX ON shop.orders (customer) WHERE state = 'open';
    INSERT INTO shop.customers (name, "odd ""name")
        SELECT E'name\\t\\\\' || n, decode(lpad(to_hex(n), 8, '0'), 'hex')
        FROM generate_series(1, 2000) n;
    INSERT INTO shop.orders (customer, total) SELECT n, n FROM generate_series(1, 2000) n;
    CREATE VIEW shop.open AS SELECT * FROM shop.orders WHERE state = 'open';
    CREATE MATERIALIZED VIEW shop.sums AS SELECT customer, sum(total) FROM shop.orders GROUP BY 1;
    CREATE FUNCTION shop.noted() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
    CREATE TRIGGER noted BEFORE INSERT ON shop.orders
        FOR EACH ROW EXECUTE FUNCTION shop.noted();
    SELECT lo_from_bytea(4711, 'a large object');
"""
EMPTY = "DROP SCHEMA shop CASCADE; SELECT lo_unlink(4711)"
COUNTS = """
    SELECT (SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM shop.customers c),
        (SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM shop.orders o),
        (SELECT count(*) FROM shop.sums), lo_get(4711), nextval('shop.customers_id_seq')
"""
WAYS = {
    "plain": (["--format=plain"], None),
    "custom, two at once": (["--format=custom"], ["--jobs=2"]),
    "directory, two at once": (["--format=directory", "--jobs=2"], ["--jobs=2"]),
    "tar": (["--format=tar"], ["--single-transaction"]),
    "inserts": (["--format=custom", "--rows-per-insert=100"], []),
}


def main() -> None:
    programs = Path(sys.argv[1])
    database = os.environ["PGDATABASE"]

    def run(program: str, *words: str) -> str:
        done = subprocess.run(
            [programs / program, "-w", *words], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{program} {words}: {done.stderr}")
        return done.stdout + done.stderr

    def ask(text: str) -> str:
        return run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", text)

    seen: list[object] = []
    ask(FILL)
    with tempfile.TemporaryDirectory() as left:
        for number, (way, (dump, restore)) in enumerate(WAYS.items()):
            place = str(Path(left) / str(number))
            run("pg_dump", *dump, "--file", place, "-d", database)
            ask(EMPTY)
            if restore is None:
                said = run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", place)
            else:
                said = run("pg_restore", *restore, "-d", database, place)
            seen.append([way, said, ask(COUNTS)])
    print(json.dumps(seen))


main()
