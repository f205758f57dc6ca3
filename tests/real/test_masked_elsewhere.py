"""A masked column's values, wherever else a session may meet them.

Law: the client sees each value; nothing of the evidence does. What certainly holds none of them is
kept.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

VALUE = "zwqxvkjhgrtz"
SCHEMA = f"""
CREATE TABLE users (id int, name text, ssn text);
CREATE TABLE members (since int) INHERITS (users);
CREATE TABLE events (id int, code text) PARTITION BY LIST (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE things (id int, note text);
CREATE TABLE loud (id int); CREATE TABLE failing (id int); CREATE TABLE sly (id int);
CREATE MATERIALIZED VIEW copies AS SELECT 1 AS id, '{VALUE}'::text AS ssn;
CREATE VIEW people AS SELECT * FROM users;
INSERT INTO users VALUES (1, 'joe', '{VALUE}');
INSERT INTO members VALUES (2, 'jim', '{VALUE}', 3);
INSERT INTO events VALUES (1, '{VALUE}');
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE 'ssn is %', (SELECT ssn FROM users WHERE id = 1); RETURN NEW; END $$;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'x' USING ERRCODE = '23514', DETAIL = (SELECT ssn FROM users WHERE id = 1);
  END $$;
CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.id := (SELECT ssn FROM users WHERE id = 1); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER t BEFORE INSERT ON failing FOR EACH ROW EXECUTE FUNCTION fail();
CREATE TRIGGER t BEFORE INSERT ON sly FOR EACH ROW EXECUTE FUNCTION trip();
"""
MASKS = """
[[mask]]
columns = ["users.ssn", "events_1.code"]
as = "token"
"""
TOLD = (
    "INSERT INTO loud VALUES (1)",
    "INSERT INTO failing VALUES (1)",
    "INSERT INTO sly VALUES (1)",
)
SHOWN = (
    "SELECT ssn FROM members",
    "SELECT * FROM users",
    "SELECT code FROM events",
    "SELECT code FROM events_1",
    "TABLE copies",
    "TABLE people",
    "SELECT users FROM users",
    "SELECT users.*::text FROM users",
    "SELECT row_to_json(u) FROM users u",
    "SELECT xmlforest(ssn) FROM users",
    "SELECT json_agg(m) FROM members m",
    "SELECT string_agg(code, '') FROM events",
    'SELECT * FROM json_populate_record(NULL::users, \'{{"ssn":"{value}"}}\')',
    'SELECT * FROM jsonb_populate_recordset(NULL::public.members, \'[{{"ssn":"{value}"}}]\')',
    "SELECT ('(1,a,{value})'::users).ssn",
    "SELECT ('{{\"(1,a,{value})\"}}'::users[])[1]",
    "SELECT set_config('application_name', ssn, false) FROM users; SHOW application_name",
    "SELECT set_config('search_path', ssn, true) FROM users WHERE id = 1",
    "SELECT current_setting('application_name')",
    "SELECT name, setting FROM pg_settings WHERE name = 'application_name'",
    "SELECT application_name, query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    "SELECT application_name FROM pg_stat_get_activity(pg_backend_pid())",
    "INSERT INTO members (id, ssn) VALUES (3, '{value}') RETURNING ssn",
    "UPDATE members SET ssn = '{value}' WHERE id = 3 RETURNING ssn",
    "COPY members TO STDOUT",
    "COPY (SELECT code FROM events) TO STDOUT (FORMAT csv)",
    "EXPLAIN (COSTS off) SELECT 1 FROM users WHERE ssn = '{value}'",
    "DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM members; FETCH ALL FROM c",
    "SELECT query_to_xml('SELECT ssn FROM members', true, true, '')",
)
KEPT = (
    ("SELECT note FROM things", "a note of things"),
    ("SELECT since FROM members", "3"),
    ("SHOW server_version_num", "15"),
    ("SELECT name FROM pg_settings WHERE name = 'jit'", "jit"),
    ("SELECT state FROM pg_stat_activity WHERE pid = pg_backend_pid()", "active"),
    ("INSERT INTO things VALUES (1, 'a note of things') RETURNING note", "a note of things"),
)


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("elsewhere")
    postgres.execute(SCHEMA, database="elsewhere")
    config = HEAD + target(postgres, "elsewhere") + MASKS
    folder: Path = tmp_path_factory.mktemp("elsewhere") / "gateway"
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


def seen_and_kept(gateway: RunningGateway, text: str) -> tuple[str, str]:
    """What the client saw, and what the evidence of its session says."""
    seen: list[str] = []
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
        connection.execute("INSERT INTO things VALUES (1, 'a note of things')")
        with contextlib.suppress(psycopg.Error):
            connection.execute("SELECT set_config('application_name', 'x', false)")
        raw = connection.pgconn.exec_(text.encode())
        if raw.status == psycopg.pq.ExecStatus.COPY_OUT:
            while (piece := connection.pgconn.get_copy_data(0))[0] > 0:
                seen.append(bytes(piece[1]).decode())
            while connection.pgconn.get_result() is not None:
                pass
        seen += [
            (raw.get_value(row, column) or b"").decode()
            for row in range(raw.ntuples)
            for column in range(raw.nfields)
        ]
        seen.append(raw.error_message.decode())
        seen.append((raw.error_field(psycopg.pq.DiagnosticField.MESSAGE_DETAIL) or b"").decode())
    session = str(gateway.items("sessions")[0]["id"])
    return "\n".join(seen), str(gateway.items("show", session))


@pytest.mark.parametrize("text", [*TOLD, *SHOWN])
def test_a_value_that_the_client_meets_stands_nowhere_in_the_evidence(
    gateway: RunningGateway, text: str
) -> None:
    text = text.format(value=VALUE)
    seen, kept = seen_and_kept(gateway, text)
    assert VALUE in seen or VALUE in text or "application_name" in text
    assert VALUE not in kept
    assert "‹" in kept


@pytest.mark.parametrize(("text", "value"), KEPT)
def test_what_holds_no_masked_value_is_kept(gateway: RunningGateway, text: str, value: str) -> None:
    seen, kept = seen_and_kept(gateway, text)
    assert value in seen
    answers = kept.rpartition(text[:20])[2]
    assert value in answers
