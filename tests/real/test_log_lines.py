"""What a running gateway says of sessions and refusals in its own log."""

import json
from typing import Any

import psycopg
import pytest
from psycopg import errors
from tests.conftest import StartGateway
from tests.real.configs import HEAD, RULES, target

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

SECRET = "planted-7381"


@pytest.mark.parametrize("form", ["text", "json"])
def test_sessions_refusals_and_strangers_have_a_line_each_and_no_content(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway, form: str
) -> None:
    log = f'[log]\nformat = "{form}"\n'
    gateway = start_gateway(HEAD + log + target(postgres, database) + RULES)
    ticket = gateway.ticket()
    postgres.execute("CREATE TABLE t (a text)", database=database)
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        connection.execute(f"SELECT '{SECRET}'")
        with pytest.raises(errors.InsufficientPrivilege) as refused:
            connection.execute(f"DELETE FROM t -- {SECRET}")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(gateway.dsn(f"ct_{SECRET}", "orders"))
    assert gateway.stop() == 0
    said = gateway.errors.read_text()
    assert SECRET not in said
    assert ticket not in said
    named = str(refused.value.diag.message_hint).rpartition(" ")[2].rstrip(".")
    for what in ("a session began", "a command was refused", "a session ended"):
        assert said.count(what) == 1, what
    assert said.count("a caller was turned away") == 1
    if form == "text":
        assert f"code=denied command={named}" in said
        return
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    (line,) = [each for each in lines if each["message"] == "a command was refused"]
    assert (line["command"], line["rule"]) == (named, "unbounded-write")


def test_a_quiet_level_says_only_what_is_wrong(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(HEAD + '[log]\nlevel = "error"\n' + target(postgres, database))
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders")) as connection:
        connection.execute("SELECT 1")
    assert gateway.stop() == 0
    assert gateway.errors.read_text() == ""
