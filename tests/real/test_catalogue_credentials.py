"""What opens other servers stands in the catalogue, and not in the evidence."""

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, MASKS, target
from tests.real.searching import every_file

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

PASSWORD = "Tr0ub4dorAndHorse"
MAPPING = f"""
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER other FOREIGN DATA WRAPPER wrapper;
CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (user 'bob', password '{PASSWORD}');
"""


@pytest.mark.parametrize("masks", ["", MASKS], ids=["no masks", "masks"])
def test_a_mappings_options_are_redacted_wherever_they_are_read(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway, masks: str
) -> None:
    postgres.execute(MAPPING, database=database)
    gateway = start_gateway(HEAD + target(postgres, database) + masks)
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        for text in (
            "SELECT option_name, option_value FROM information_schema.user_mapping_options",
            "SELECT * FROM information_schema._pg_user_mappings",
            "SELECT umoptions FROM pg_user_mappings",
            "SELECT option_value || '' FROM information_schema.user_mapping_options",
        ):
            assert PASSWORD in str(connection.execute(text).fetchall()), text
    (session,) = {item["session"] for item in gateway.commands()}
    shown = gateway.custody("show", session, "--json").stdout
    assert "option_value" in shown
    assert PASSWORD not in shown
    assert gateway.stop() == 0
    assert [name for name, data in every_file(gateway.folder) if PASSWORD.encode() in data] == []
