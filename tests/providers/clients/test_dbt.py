"""dbt, unmodified: what it builds and what its tests find is the same with and without the gateway.

Where PyPI is not to be had, this says so and is skipped.
"""

from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.installed import python_with
from tests.providers.clients.two_days import TwoDays

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(500)]

# dbt-core 1.12 and later have a part that PyPI does not carry.
REQUIREMENTS = ("dbt-core==1.11.16", "dbt-postgres==1.10.2")


def test_a_day_of_dbt_is_the_same(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway, tmp_path: Path
) -> None:
    here = Path(__file__).parent
    program = python_with("dbt", *REQUIREMENTS) / "python"
    words = [str(program), str(here / "day_dbt.py"), str(here / "dbt_project")]
    # dbt's profile must hold a password; where that is empty, libpq reads this file alone.
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:*:{postgres.password}\n")
    passwords.chmod(0o600)
    # dbt writes the database's name into every statement, so the target must bear it.
    days = TwoDays(postgres, database, start_gateway, name=database)
    seen = days.live(words, PGPASSFILE=str(passwords))
    succeeded = {each[0]: each[1] for each in seen if len(each) == 3}
    assert succeeded == {"seed": True, "run": True, "test": False}
    assert any("accepted_values" in str(each) and "fail" in each for each in seen)
