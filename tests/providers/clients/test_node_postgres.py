"""node-postgres, unmodified, through `custody run`: it sees what it sees without a gateway.

Where Node.js or its registry is not to be had, this says so and is skipped.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.ordinary_day import direct, through
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.provider

DAY = Path(__file__).with_name("day.js")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node.js here")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"name": "day", "version": "1.0.0"}')
    words = [npm, "install", "--no-audit", "--no-fund", "pg@8"]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    if done.returncode != 0:
        pytest.skip(f"npm cannot install pg here: {done.stderr.strip()[-200:]}")
    return Path(shutil.copy(DAY, folder / "day.js"))


def test_an_ordinary_day_is_the_same_with_and_without_the_gateway(
    script: Path, postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    words = ["node", str(script)]
    gateway = start_gateway(HEAD + target(postgres, database))
    expected = direct(postgres, database, words)
    assert len(expected) > 15
    assert through(gateway, words) == expected
    texts = [item["text"] for item in gateway.commands()]
    assert sum("twice" in text for text in texts) == 20
    assert sum("WHERE id = $1" in text for text in texts) == 3
    assert gateway.verify().returncode == 0
