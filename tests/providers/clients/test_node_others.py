"""postgres.js, Drizzle, and node-postgres' cursor, stream and COPY, unmodified: the day of each is
the same with and without the gateway. Where Node.js or its registry is not to be had, this says so
and is skipped.
"""

import shutil
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.installed import installed, kept
from tests.providers.clients.two_days import TwoDays

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(400)]

DAY = Path(__file__).with_name("day_of_others.js")
PACKAGES = (
    "postgres@3.4.7",
    "drizzle-orm@0.44.5",
    "pg@8.16.3",
    "pg-cursor@2.15.3",
    "pg-query-stream@4.10.3",
    "pg-copy-streams@7.0.0",
)


@pytest.fixture(scope="module")
def script() -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node.js here")

    def make(folder: Path) -> None:
        (folder / "package.json").write_text('{"name": "day", "version": "1.0.0"}')
        installed([npm, "install", "--no-audit", "--no-fund", *PACKAGES], folder)
        shutil.copy(DAY, folder / "day.js")

    return kept("node", [*PACKAGES, DAY.read_text()], make) / "day.js"


@pytest.mark.parametrize(
    ("client", "options"), [("postgres.js", ["--local"]), ("drizzle", []), ("streams", [])]
)
def test_a_day_in_node_is_the_same(
    script: Path,
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    *,
    client: str,
    options: list[str],
) -> None:
    words = ["node", str(script), client]
    # postgres.js reads neither PGPASSFILE nor an authority: `--local` leads its URL.
    seen = TwoDays(postgres, database, start_gateway).live(words, *options)
    assert len(seen) > 10
