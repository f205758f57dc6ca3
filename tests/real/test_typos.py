"""A statement with a typo is told what the server would tell, and goes nowhere.

Law: each text is sent to the server itself and through a gateway that grants all but ``unknown``;
code, message and place are the same, and so is what the transaction then is.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from tests.real.configs import HEAD, MASKS, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

TYPOS = (
    "selec name from t",
    "SELECT 1; SELEC 2",
    "SELECT 'ä', fro m x",
    "SELECT 1 +",
    "SELECT 'abc",
    "SELECT $$abc",
    "INSERT INTO t VALUES (1,)",
    "CREATE TABLE x (a int b)",
    "/* unterminated",
    "SELECT '\\n' \\",
)
SECRET = "hunter2-swordfish"


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("typos")
    folder: Path = tmp_path_factory.mktemp("typos") / "gateway"
    config = (HEAD + target(postgres, "typos") + MASKS).replace(', "unknown"]', "]")
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


@pytest.fixture(scope="module")
def ticket(gateway: RunningGateway) -> str:
    return gateway.ticket()


Told = tuple[str | None, str | None, str | None, str]


def told(conninfo: str, text: str, *, extended: bool, inside: bool) -> Told:
    with psycopg.connect(conninfo, autocommit=not inside) as connection:
        connection.execute("SELECT 1")
        # The extended protocol takes one statement: psycopg uses it where there are parameters.
        with pytest.raises(errors.SyntaxError) as caught:
            connection.execute(text.encode(), prepare=extended, binary=extended)
        status = connection.info.transaction_status.name
        if inside:
            with pytest.raises(errors.InFailedSqlTransaction):
                connection.execute("SELECT 2")
            connection.rollback()
        assert connection.execute("SELECT 3").fetchone() == (3,)
        diagnosis = caught.value.diag
        return (
            diagnosis.sqlstate,
            diagnosis.message_primary,
            diagnosis.statement_position,
            status,
        )


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("text", TYPOS)
def test_a_typo_is_told_as_by_the_server(  # noqa: PLR0917 - a table of cases
    gateway: RunningGateway,
    ticket: str,
    postgres: ScratchPostgres,
    text: str,
    extended: bool,  # noqa: FBT001 - one of a table
    inside: bool,  # noqa: FBT001 - likewise
) -> None:
    direct = told(postgres.dsn("typos"), text, extended=extended, inside=inside)
    assert direct[0] == "42601"
    through = told(gateway.dsn(ticket, "orders"), text, extended=extended, inside=inside)
    assert through == direct


def test_a_typo_is_recorded_as_one_and_its_secret_is_not(
    gateway: RunningGateway, ticket: str
) -> None:
    text = f"ALTR ROLE app PASSWORD '{SECRET}'"
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        with pytest.raises(errors.SyntaxError, match="ALTR"):
            connection.execute(text)
        with pytest.raises(errors.SyntaxError, match=SECRET):
            connection.execute(f"ALTER ROLE app PASSWORD PASSWORD '{SECRET}' '{SECRET}'")
    (found,) = [each for each in gateway.commands() if each["text"].startswith("ALTR")]
    assert (found["verdict"], found["outcome"]) == ("deny", "refused")
    shown = [gateway.custody("show", str(each["id"])).stdout for each in gateway.items("sessions")]
    assert any("syntax" in each for each in shown)
    assert all(SECRET not in each for each in shown)
