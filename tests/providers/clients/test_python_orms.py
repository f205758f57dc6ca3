"""SQLAlchemy with two drivers, and Django, unmodified: an ordinary day of each is the same with and
without the gateway. Where PyPI is not to be had, this says so and is skipped.
"""

from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.installed import python_with
from tests.providers.clients.two_days import TwoDays

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(400)]

REQUIREMENTS = (
    "sqlalchemy[asyncio]==2.1.9",
    "psycopg[binary]==3.3.9",
    "asyncpg==0.32.0",
    "django==5.2.19",
)


@pytest.fixture(scope="module")
def python() -> Path:
    return python_with("orms", *REQUIREMENTS) / "python"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_day_of_sqlalchemy_is_the_same(
    python: Path,
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    driver: str,
) -> None:
    words = [str(python), str(Path(__file__).with_name("day_sqlalchemy.py")), driver]
    seen = TwoDays(postgres, database, start_gateway).live(words)
    assert len(seen) > 25


def test_a_day_of_django_is_the_same(
    python: Path, postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    words = [str(python), str(Path(__file__).with_name("day_django.py"))]
    seen = TwoDays(postgres, database, start_gateway).live(words)
    assert len(seen) > 25
