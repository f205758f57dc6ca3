"""The database and the configuration that the fixed script of statements plays in.

Law: fixed. A word that changes here changes the evidence.
"""

from tests.real.configs import ALL_EFFECTS

from custody.demo.scratch_postgres import ScratchPostgres

NAME = "gw1.example.com"
DATABASE = "same_evidence"
CAPTURE = 1500
COMMAND = 4000
DENIED = "DELETE FROM users"

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text, email text, ssn text UNIQUE, pin bigint,
  password text, note text);
INSERT INTO users VALUES
  (1, 'Ada', 'ada.lovelace@engine.example.com', 'hjklmnpqrs', 112233445566, 'open sesame', 'first'),
  (2, 'Grace', 'grace.hopper@navy.example.com', 'stvwxzghjk', 998877665544, 'swordfish', NULL),
  (3, 'Zoë', 'zoe@müller.example.com', 'zxwvtsrqpn', 31337, 'hunter2', 'card 4111 1111 1111 1111');
CREATE TABLE orders (id int PRIMARY KEY, item text, price numeric(10, 2), tags text[], data jsonb,
  paid boolean, code uuid, raw bytea, placed timestamp, weight float8);
INSERT INTO orders VALUES
  (1, 'tape', 9.50, '{red,"light blue"}', '{"size": 3}', true,
   '00000000-0000-0000-0000-000000000001', '\\x00ff10', '2001-02-03 04:05:06', 0.25),
  (2, 'card', NULL, NULL, NULL, false, NULL, NULL, NULL, 1e100);
CREATE TABLE scratch (number int, words text);
CREATE TABLE audit (who text);
CREATE VIEW people AS SELECT id, ssn AS number, name FROM users;
CREATE SCHEMA archive;
CREATE TABLE archive.orders (id int, item text);
INSERT INTO archive.orders VALUES (7, 'old');
CREATE FUNCTION ssn_of(int) RETURNS text LANGUAGE sql STABLE AS
  'SELECT ssn FROM users WHERE id = $1';
CREATE FUNCTION touch(int) RETURNS int LANGUAGE sql VOLATILE AS
  'UPDATE scratch SET words = ''touched'' WHERE number = $1; SELECT $1';
CREATE FUNCTION shout(int) RETURNS void LANGUAGE plpgsql AS
  $$ BEGIN RAISE NOTICE 'ssn is %', (SELECT ssn FROM users WHERE id = $1); END $$;
CREATE FUNCTION cry(int) RETURNS void LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'ssn is %', (SELECT ssn FROM users WHERE id = $1)
     USING DETAIL = 'a detail', HINT = 'a hint', ERRCODE = 'P0042'; END $$;
CREATE PROCEDURE note(text) LANGUAGE sql AS 'INSERT INTO audit VALUES ($1)';
"""

_GATEWAY = f"""
[gateway]
name = "{NAME}"
data = "data"

[listen.postgres]
address = "127.0.0.1:0"
cleartext = "loopback"
notice = "This session is recorded."
"""

_REST = f"""
[[grant]]
name = "wide"
groups = ["agents"]
targets = ["orders"]
effects = {ALL_EFFECTS}
max_loop = "8h"

[[grant]]
name = "lookers"
groups = ["readers"]
targets = ["orders"]
effects = ["read"]

[[grant]]
name = "clerks"
groups = ["clerks"]
targets = ["orders"]
effects = ["read", "write"]
objects = ["public.scratch", "archive.*", "pg_catalog.*"]

[[grant]]
name = "few"
groups = ["few"]
targets = ["orders"]
effects = ["read", "write"]
budget = {{ commands = 3, then = "pause" }}

[[grant]]
name = "rationed"
groups = ["rationed"]
targets = ["orders"]
effects = ["read"]
budget = {{ rows = 5, then = "end" }}

[[grant]]
name = "patience"
groups = ["tried"]
targets = ["orders"]
effects = ["read"]
budget = {{ denials = 1, then = "ask" }}

[[grant]]
name = "stockists"
groups = ["stockists"]
targets = ["stock"]
effects = ["read"]

[[rule]]
name = "scratch-is-free"
when = 'command.action == "DELETE" && "public.scratch" in command.objects'
then = "allow"

[[rule]]
name = "unbounded-write"
when = '"write" in command.effects && !command.bounded'
then = "deny"
reason = "UPDATE and DELETE need a WHERE here"

[[rule]]
name = "drops-are-asked"
when = 'command.action.startsWith("DROP") && !("public.scratch_copy" in command.objects)'
then = "ask"
approvers = ["leads"]
reason = "dropping things needs a second pair of eyes"

[[rule]]
name = "no-audit"
when = '"public.audit" in command.objects && identity.subject == "ada" && "read" in command.effects'
then = "deny"

[[mask]]
columns = ["users.ssn"]
as = "token"
[[mask]]
columns = ["users.pin"]
as = "last4"
[[mask]]
columns = ["*.password"]
[[mask]]
detect = ["email", "phone"]
as = "token"
[[mask]]
detect = ["card", "secret"]
[[mask]]
pattern = "EMP-[0-9]{{6}}"
name = "employee"
as = "last4"

[capture]
response_bytes = {CAPTURE}
command_bytes = {COMMAND}
"""


def prepare(server: ScratchPostgres) -> None:
    """A fresh database."""
    server.execute(f"DROP DATABASE IF EXISTS {DATABASE};")
    server.create_database(DATABASE)
    server.execute(SCHEMA, database=DATABASE)


def configuration(server: ScratchPostgres) -> str:
    targets = "".join(
        f"""
[[target]]
name = "{name}"
protocol = "postgres"
address = "{server.host}:{server.port}"
tls = "off"
database = "{DATABASE}"
user = "{server.superuser}"
password = "env:TARGET_PASSWORD"
"""
        for name in ("orders", "stock")
    )
    return _GATEWAY + targets + _REST
