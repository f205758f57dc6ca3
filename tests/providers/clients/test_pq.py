"""lib/pq, unmodified, with and without parameters in binary: its day is the same with and without
the gateway. Where Go or its module proxy is not to be had, this says so and is skipped.
"""

import os
import shutil
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.installed import installed, kept
from tests.providers.clients.two_days import TwoDays

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(400)]

DAY = Path(__file__).with_name("day_pq.go")
PQ = "github.com/lib/pq"
GO = shutil.which("go", path=os.environ.get("PATH", "") + os.pathsep + "/usr/local/go/bin")
# Those before 1.12 panic at a variable of libpq's that they do not know.
OLDER = ["env", "-u", "PGSERVICEFILE"]


def built(version: str) -> Path:
    go = GO
    if go is None:
        pytest.skip("there is no Go here")

    def make(folder: Path) -> None:
        shutil.copy(DAY, folder / "main.go")
        (folder / "go.mod").write_text("module day\n\ngo 1.21\n")
        installed([go, "get", f"{PQ}@{version}"], folder)
        installed([go, "build", "-o", "day", "."], folder)

    return kept("pq", [PQ, version, DAY.read_text()], make) / "day"


@pytest.mark.parametrize(
    ("version", "before", "words"),
    [
        ("v1.12.3", [], ""),
        ("v1.12.3", [], "binary_parameters=yes"),
        ("v1.10.9", OLDER, ""),
    ],
)
def test_a_day_of_pq_is_the_same(
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    *,
    version: str,
    before: list[str],
    words: str,
) -> None:
    program = built(version)
    plain = {"PGSSLMODE": "disable", "DAY_WORDS": words}
    seen = TwoDays(postgres, database, start_gateway).live([*before, str(program)], **plain)
    assert len(seen) > 25
