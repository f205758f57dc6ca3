"""A column called password: without a mask or a description, and in what a server complains of."""

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target
from tests.real.raw_line import SYNC, bind, execute, parse
from tests.real.test_raw_messages import Wire

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

VALUE = "zwqxvkjhgrtz"
TABLES = f"""
CREATE TABLE accounts (id int PRIMARY KEY, password text UNIQUE NOT NULL, note text);
INSERT INTO accounts VALUES (1, '{VALUE}', 'a note');
"""
UNDESCRIBED = (
    "SELECT * FROM accounts",
    "SELECT password FROM accounts",
    "SELECT max(password) FROM accounts",
    "SELECT lower(password) FROM accounts",
)


def test_a_client_that_asks_for_no_description_reads_it_and_the_evidence_does_not(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    postgres.execute(TABLES, database=database)
    gateway = start_gateway(HEAD + target(postgres, database))
    wire = Wire(psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True))
    for words in UNDESCRIBED:
        assert VALUE in str(wire.say(parse("", words) + bind("", "") + execute() + SYNC, 1)), words
    told = wire.say(parse("", "SELECT note FROM accounts") + bind("", "") + execute() + SYNC, 1)
    assert "a note" in str(told)
    wire.close()
    shown = str(gateway.items("show", str(gateway.items("sessions")[0]["id"])))
    assert VALUE not in shown
    assert "a note" in shown  # worked out from a column of another name alone


@pytest.mark.parametrize(
    "words",
    [
        f"INSERT INTO accounts SELECT 2, '{VALUE}'",
        f"INSERT INTO accounts SELECT null, '{VALUE}x'",
        "SELECT max(password) AS p FROM accounts",
    ],
)
def test_what_the_server_says_of_it_is_kept_without_it(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway, words: str
) -> None:
    postgres.execute(TABLES, database=database)
    gateway = start_gateway(HEAD + target(postgres, database))
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        result = connection.pgconn.exec_(words.encode())
        detail = result.error_field(psycopg.pq.DiagnosticField.MESSAGE_DETAIL)
        assert VALUE in str(detail or result.get_value(0, 0))
    (command,) = (
        item
        for item in gateway.items("show", str(gateway.items("sessions")[0]["id"]))
        if item["kind"] == "command"
    )
    assert "accounts" in str(command)
    assert "‹" in str(command)
    assert VALUE not in str(command)
