"""pg_dump and pg_restore, round trips by every format, two connections at once too: what comes back
is the same with and without the gateway.
"""

import sys
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.two_days import TwoDays

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(300)]


def test_a_day_of_dumps_is_the_same(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    if not (postgres.programs / "pg_restore").exists():
        pytest.skip("this PostgreSQL comes without pg_restore")
    day = Path(__file__).with_name("day_of_dumps.py")
    words = [sys.executable, str(day), str(postgres.programs)]
    assert len(TwoDays(postgres, database, start_gateway).live(words)) == 5
