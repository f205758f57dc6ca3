"""The fixed script of statements: every way in which a driver speaks, and what is refused in each.

Law: nothing here depends on the hour, on a version of the server, or on who runs it. What is added
goes to the end of its session or into one of its own, so that what stands above stays as it is.
"""

import time
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg.types.json import Jsonb
from tests.real.evidence_logins import enter, logins, query, raw_protocol
from tests.real.evidence_pipelines import pipelines
from tests.real.evidence_setting import CAPTURE, COMMAND, DENIED
from tests.real.evidence_stage import Stage, result
from tests.real.raw_line import message, text

MERGE: Final = (
    "MERGE INTO scratch s USING (VALUES (1), (9)) v (n) ON s.number = v.n"
    " WHEN MATCHED THEN UPDATE SET words = 'met' WHEN NOT MATCHED THEN INSERT VALUES (v.n, 'new')"
)
SIMPLE: Final = (
    "SELECT 1 AS one, 'two', NULL",
    "SELECT * FROM users ORDER BY id",
    "SELECT id, name FROM users WHERE ssn = 'hjklmnpqrs' AND password <> 'never mind'",
    "SELECT upper(ssn), pin + 1, ssn || name FROM users WHERE id = 1",
    "SELECT * FROM people ORDER BY id",
    "SELECT ssn_of(2), u FROM users u WHERE id = 1",
    "WITH c AS (SELECT ssn, name FROM users) SELECT c.ssn, o.item FROM c, orders o WHERE o.id = 1",
    "SELECT id FROM users UNION ALL SELECT id FROM archive.orders",
    "SELECT * FROM orders ORDER BY id",
    "SELECT 'write to bob@example.com', 'EMP-123456', '4111111111111111', 'AKIAQWERTYUIOPASDFGH'",
    "SELECT $tag$call +44 20 7946 0958$tag$, E'a\\tb', U&'d\\0061t', B'101', x'1f', -12345678",
    "INSERT INTO scratch VALUES (1, 'one'), (2, 'two') RETURNING number",
    "INSERT INTO users (id, ssn, pin, password) VALUES (4, 'ghjkghjkgh', 424242424242, 'open')",
    "UPDATE users SET ssn = 'kjhgkjhgkj', note = 'EMP-654321' WHERE id = 4 RETURNING ssn, pin",
    "DELETE FROM users WHERE ssn = 'kjhgkjhgkj'",
    MERGE,
    "DELETE FROM scratch",
    DENIED,
    "UPDATE users SET note = ''",
    "WITH gone AS (DELETE FROM users RETURNING 1) SELECT count(*) FROM gone",
    "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) DELETE FROM users",
    "EXPLAIN (COSTS OFF) DELETE FROM users WHERE id = 1",
    "EXPLAIN (COSTS OFF) SELECT * FROM users",
    "SELECT * FROM audit",
    "DROP TABLE orders",
    "TRUNCATE scratch",
    "",
    "-- nothing but words",
    ";;",
    "SELECT 1; SELECT 2, 'b'; INSERT INTO scratch VALUES (3, 'c')",
    "SELECT 'first'; DELETE FROM users; SELECT 'last'",
    "SELECT 'first'; SELECT 1/0; SELECT 'never'",
    "SELEC ssn FROM users WHERE ssn = 'hjklmnpqrs'",
    "SELECT 'it never ends",
    "SELECT * FROM missing WHERE password = 'x'",
    "SELECT nothing FROM users",
    "SELECT ssn::int FROM users WHERE id = 1",
    "INSERT INTO users (id, ssn) VALUES (9, 'hjklmnpqrs')",
    "INSERT INTO users (id, ssn, pin) VALUES (1, 'a', 112233445566)",
    "INSERT INTO orders (id, price) VALUES (3, 'not a price')",
    "SELECT shout(1)",
    "SELECT cry(2)",
    "SELECT touch(3)",
    "CALL note('bob@example.com was here')",
    "DO $$ BEGIN RAISE WARNING 'done by %', 'bob@example.com'; END $$",
    "DO $$ BEGIN PERFORM ssn FROM users; RAISE EXCEPTION 'not done'; END $$",
    "CREATE TABLE scratch_copy AS SELECT * FROM scratch",
    "ALTER TABLE scratch_copy ADD COLUMN password text DEFAULT 'secret word'",
    "SELECT * FROM scratch_copy",
    "DROP TABLE scratch_copy",
    "CREATE INDEX ON scratch (number)",
    "GRANT SELECT ON scratch TO public",
    "ANALYZE scratch",
    "SET search_path = archive, public",
    "SELECT * FROM orders",
    "SHOW search_path",
    "RESET search_path",
    "SET LOCAL work_mem = '5MB'",
    "SET session_replication_role = replica",
    "SELECT set_config('my.word', 'bob@example.com', false), current_setting('my.word')",
    "RESET ALL",
    "PREPARE by_ssn (text) AS SELECT id, ssn FROM users WHERE ssn = $1",
    "EXECUTE by_ssn ('stvwxzghjk')",
    "DEALLOCATE by_ssn",
    "EXECUTE by_ssn ('gone')",
    "CREATE TEMPORARY TABLE mine (password text)",
    "INSERT INTO mine VALUES ('letmein')",
    "TABLE mine",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT pg_catalog.int4pl(1, 2), coalesce(NULL, 'x'), CASE WHEN true THEN 1 END, ARRAY[1, 2]",
    "SELECT pg_read_file('/nowhere/at/all')",
    "COPY users TO PROGRAM 'cat'",
    "LOCK TABLE scratch",
    "SELECT number FROM scratch FOR UPDATE",
    "LISTEN news",
    "NOTIFY news, 'call bob@example.com'",
    "UNLISTEN *",
    "CREATE ROLE same_evidence_role PASSWORD 'hunter2hunter2' ADMIN nobody_at_all",
    "ALTER ROLE nobody_at_all PASSWORD 'hunter2hunter2'",
    "SELECT 'postgres://bob:geheim@db.example.com/x', 'password=geheim', 'häßlich 日本 🙂'",
    f"SELECT '{'x' * COMMAND}'",
    "DISCARD ALL",
)
LIMITED: Final = (
    "SELECT name FROM users WHERE id = 1",
    "BEGIN",
    "COMMIT",
    "INSERT INTO scratch VALUES (1)",
    "CREATE TABLE mine (number int)",
    "GRANT SELECT ON users TO public",
    "DO $$ BEGIN END $$",
    "CALL note('x')",
    "SELECT touch(1)",
    "SELECT nextval('nothing')",
    "SELECT number FROM scratch FOR UPDATE",
    "SELECT * INTO mine FROM users",
    "SET ROLE nobody_at_all",
    "SELEC 1",
    "SHOW search_path",
)
OBJECTS: Final = (
    "SELECT count(*) FROM scratch",
    "INSERT INTO scratch VALUES (5, 'five')",
    "SELECT item FROM archive.orders",
    "SELECT item FROM orders",
    "SET search_path = archive",
    "SELECT item FROM orders",
    "INSERT INTO public.scratch SELECT id, ssn FROM public.users",
    "SELECT name FROM public.users",
    "DELETE FROM public.scratch",
)
TRANSACTIONS: Final = (
    ("BEGIN", "INSERT INTO scratch VALUES (10)", "SELECT count(*) FROM scratch", "COMMIT"),
    ("BEGIN", "INSERT INTO scratch VALUES (11)", DENIED, "SELECT 1", "COMMIT", "SELECT 2"),
    (
        *("BEGIN", "INSERT INTO scratch VALUES (12)", "SAVEPOINT here", DENIED, DENIED),
        *("ROLLBACK TO here", "INSERT INTO scratch VALUES (13)", "RELEASE here", "COMMIT"),
    ),
    ("BEGIN", "SELECT 1/0", "SELECT 1", "DROP TABLE orders", "ROLLBACK"),
    ("START TRANSACTION READ ONLY", "INSERT INTO scratch VALUES (14)", "ABORT"),
    (f"BEGIN; INSERT INTO scratch VALUES (15); {DENIED}; COMMIT", "SELECT 3"),
    ("BEGIN", f"COMMIT; {DENIED}", "SELECT 4", "ROLLBACK"),
    ("BEGIN; INSERT INTO scratch VALUES (16); COMMIT", "COMMIT", "ROLLBACK"),
    (
        *("BEGIN", "DECLARE walk CURSOR FOR SELECT id, ssn FROM users ORDER BY id"),
        *("FETCH 2 FROM walk", "MOVE 1 IN walk", "FETCH ALL FROM walk", "CLOSE walk"),
        *("DECLARE kill CURSOR FOR SELECT 1", DENIED, "FETCH kill", "ROLLBACK"),
    ),
)
COPIES_OUT: Final = (
    "COPY users TO STDOUT",
    "COPY users (ssn, pin, password) TO STDOUT (FORMAT csv, HEADER)",
    "COPY users (id, ssn) TO STDOUT (FORMAT binary)",
    "COPY (SELECT upper(ssn), email FROM users ORDER BY id) TO STDOUT (DELIMITER '|')",
    "COPY (SELECT n, repeat('word ', 10) FROM generate_series(1, 200) n) TO STDOUT",
    "COPY missing TO STDOUT",
    "COPY (DELETE FROM users RETURNING id) TO STDOUT",
    "COPY audit TO STDOUT",
)
COPIES_IN: Final = (
    ("COPY scratch FROM STDIN", b"20\tbob@example.com\n21\t\\N\n22\t4111111111111111\n"),
    ("COPY users (id, ssn, pin) FROM STDIN (FORMAT csv)", b'30,"qqqqqqqqqq",5555666677\n31,w,\n'),
    ("COPY scratch FROM STDIN", b"".join(b"%d\tline %d\n" % (n, n) for n in range(100, 400))),
    ("COPY users (id, ssn) FROM STDIN", b"not-a-number\tjjjjjjjjjj\n"),
    ("COPY scratch FROM STDIN", b""),
    ("COPY missing FROM STDIN", b"1\n"),
)


def simple(stage: Stage, ticket: str) -> None:
    with stage.session("simple", ticket) as client:
        client.runs(SIMPLE)


def transactions(stage: Stage, ticket: str) -> None:
    with stage.session("transactions", ticket, autocommit=True) as client:
        for steps in TRANSACTIONS:
            client.runs(steps)
    with stage.session("transactions of the driver", ticket, autocommit=False) as client:
        client.run("INSERT INTO scratch VALUES (%s)", (17,))
        client.run(DENIED + " WHERE true OR id = %s", (1,))
        client.connection.rollback()
        client.run("SELECT count(*) FROM scratch WHERE number = %s", (17,))
        client.connection.commit()


def extended(stage: Stage, ticket: str) -> None:
    with stage.session("extended", ticket) as client:
        for binary in (False, True):
            client.run("SELECT * FROM orders ORDER BY id", (), binary=binary)
            client.run("SELECT * FROM users WHERE ssn = %s", ("hjklmnpqrs",), binary=binary)
            client.run("SELECT pin, password FROM users WHERE pin > %s", (10**11,), binary=binary)
            client.run("SELECT %s::text, %s::int, %b::int8", ("a", None, 7), binary=binary)
        client.run("SELECT %s::text", ("mail bob@example.com, card 4111111111111111",))
        client.run("SELECT %s::bytea, %s::jsonb", (b"\0\xff", Jsonb({"to": "bob@example.com"})))
        client.run("SELECT %s::float8, %s::bool, %s::text[]", (0.5, True, ["x", "bob@example.com"]))
        client.run("INSERT INTO users (id, ssn, pin) VALUES (%b, %b, %b)", (50, "mmmmmmmmmm", 99))
        client.run("UPDATE users SET password = %s WHERE id = %s RETURNING password", ("pw", 50))
        client.run("DELETE FROM users WHERE id = %s", (50,))
        client.run("SELECT id FROM users WHERE ssn LIKE %s AND note IS NULL", ("stv%",))
        client.run("SELECT * FROM users WHERE id = %s::int", ("not a number",))
        client.run("SELECT ssn::int FROM users WHERE id = %s", (1,))
        client.run("SELECT * FROM missing WHERE id = %s", (1,))
        client.run("SELEC %s", (1,))
        client.run(DENIED + " WHERE true OR id = %s", (1,))
        client.run("UPDATE users SET note = %s", ("hjklmnpqrs",))
        client.run("DROP TABLE users", ())
        client.run("SELECT cry(%s)", (1,))
        client.run("SELECT length(%s::text)", ("y" * 3 * COMMAND,))
        client.run("SELECT length(%s::text)", ("long " * 400_000,))
        client.run("SELECT id, ssn FROM users WHERE id = %s", (1,), prepare=True)
        client.run("SELECT id, ssn FROM users WHERE id = %s", (2,), prepare=True)
        client.run("SELECT id, ssn FROM users WHERE id = %s", (3,), prepare=True, binary=True)
        client.run("UPDATE users SET note = %s", ("x",), prepare=True)
        client.run("SET search_path = archive", (), prepare=True)
        client.run("SELECT item FROM orders", (), prepare=True)
    with (
        stage.session("a cursor of the server's", ticket, autocommit=False) as client,
        client.connection.cursor("walk") as cursor,
    ):
        cursor.execute("SELECT id, ssn FROM users WHERE id < %s ORDER BY id", (4,))
        client.told("  rows", cursor.fetchmany(2), cursor.fetchmany(2))


def copies(stage: Stage, ticket: str) -> None:
    with stage.session("copies", ticket) as client:
        for statement in COPIES_OUT:
            client.told(">", statement)
            try:
                with client.connection.cursor().copy(statement.encode()) as copy:
                    client.told("  data", b"".join(bytes(piece) for piece in copy))
            except psycopg.Error as error:
                client.failed(error)
        for statement, data in COPIES_IN:
            client.told(">", statement, data)
            cursor = client.connection.cursor()
            try:
                with cursor.copy(statement.encode()) as copy:
                    for place in range(0, len(data), 1000):
                        copy.write(data[place : place + 1000])
                client.told("  copied", cursor.statusmessage)
            except psycopg.Error as error:
                client.failed(error)
        client.told("> a copy that the client ends")
        try:
            with client.connection.cursor().copy("COPY scratch FROM STDIN") as copy:
                copy.write(b"1\tbob@example.com\n")
                raise psycopg.DataError("the client has enough")
        except psycopg.Error as error:
            client.failed(error)
        client.run("SELECT count(*) FROM scratch")


def large(stage: Stage, ticket: str) -> None:
    """Longer than what is captured, also with a secret where the cut falls."""
    series = "FROM generate_series(1, 500) n"
    with stage.session("large results", ticket) as client:
        client.run(f"SELECT n, repeat('word ', 8) AS words, {CAPTURE} {series} LIMIT 120")
        for before in range(CAPTURE - 20, CAPTURE + 5, 8):
            client.run("SELECT repeat('x', %s) || ' bob@example.com'", (before,))
            client.run("SELECT repeat('x', %s) || ssn FROM users WHERE id = 1", (before,))


def cancelled(stage: Stage, ticket: str) -> None:
    asleep = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'cancelled' AND wait_event = 'PgSleep'"
    )
    with (
        stage.session("cancelled", ticket) as client,
        psycopg.connect(stage.server.dsn(stage.database), autocommit=True) as direct,
    ):
        connection = client.connection.pgconn
        client.told("> SELECT pg_sleep(60), and a cancel request")
        connection.send_query(b"SELECT pg_sleep(60)")
        while direct.execute(asleep).fetchone() == (0,):
            time.sleep(0.02)
        with stage.settled("admin"):
            client.connection.cancel_safe()
        while (found := connection.get_result()) is not None:
            client.told("  " + result(found))
        client.run("SELECT 'goes on'")


def budgets(stage: Stage) -> None:
    few, _, _ = stage.ticket("bob", "few")
    with stage.session("a loop that is paused", few) as client:
        client.runs(("SELECT 1", "BEGIN", "SELECT 2", "SELECT 3", "SELECT 4", "ROLLBACK"))
    rationed, _, _ = stage.ticket("bob", "rationed")
    with (
        stage.settled("loop.end"),
        stage.settled("session.end"),
        enter(stage, "a loop that has had its rows", rationed) as line,
    ):
        query(line, "SELECT id FROM orders")
        line.send("more rows than are left", message(b"Q", text("SELECT generate_series(1, 9)")))
        line.until()
    stage.login_refused("a loop that is over", rationed, "orders")
    tried, _, _ = stage.ticket("bob", "tried")
    with stage.session("a loop that was refused too often", tried) as client:
        client.runs(("TRUNCATE users", "SELECT 1", "TRUNCATE users", "SELECT 2"))


def killed(stage: Stage) -> None:
    ticket, _, loop = stage.ticket("eve", "agents")
    with (
        stage.settled("loop.end"),
        stage.settled("session.end"),
        enter(stage, "a loop that is killed", ticket) as line,
    ):
        query(line, "SELECT 1")
        stage.gateway.custody("kill", loop)
        line.until()
    stage.login_refused("a loop that was killed", ticket, "orders")


ACTS: Final[tuple[Callable[[Stage, str], None], ...]] = (
    *(simple, extended, transactions, copies, pipelines, large, cancelled, raw_protocol),
)


def play(stage: Stage) -> None:
    purpose = ("--purpose", "nightly report for bob@example.com", "--on-behalf-of", "grace")
    ada, _, _ = stage.ticket("ada", "agents", *purpose)
    for act in ACTS:
        act(stage, ada)
    rob, _, _ = stage.ticket("rob", "readers")
    with stage.session("a grant of read", rob) as client:
        client.runs(LIMITED)
    cleo, _, _ = stage.ticket("cleo", "clerks")
    with stage.session("a grant of some objects", cleo) as client:
        client.runs(OBJECTS)
    budgets(stage)
    killed(stage)
    logins(stage, ada)
