"""pgx, unmodified, in its five query modes: it sees what it sees without a gateway.

Where Go or its module proxy is not to be had, this says so and is skipped.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.ordinary_day import direct, through
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(400)]

DAY = Path(__file__).with_name("day.go")
PGX = "github.com/jackc/pgx/v5@v5.7.1"
GO = shutil.which("go", path=os.environ.get("PATH", "") + os.pathsep + "/usr/local/go/bin")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if GO is None:
        pytest.skip("there is no Go here")
    folder = tmp_path_factory.mktemp("go")
    shutil.copy(DAY, folder / "main.go")
    (folder / "go.mod").write_text("module day\n\ngo 1.21\n")
    for words in ([GO, "get", PGX], [GO, "build", "-o", "day", "."]):
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, check=False, timeout=180
        )
        if done.returncode != 0:
            pytest.skip(f"pgx cannot be built here: {done.stderr.strip()[-200:]}")
    return folder / "day"


@pytest.mark.parametrize(
    "mode", ["cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"]
)
def test_an_ordinary_day_is_the_same_with_and_without_the_gateway(
    program: Path,
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    mode: str,
) -> None:
    words = [str(program), mode]
    gateway = start_gateway(HEAD + target(postgres, database))
    expected = direct(postgres, database, words)
    assert len(expected) > 35
    assert through(gateway, words) == expected
    texts = [item["text"] for item in gateway.commands()]
    assert sum("* 2" in text for text in texts) == 20
    assert any(text.lower().startswith("copy") for text in texts)
    assert gateway.verify().returncode == 0
