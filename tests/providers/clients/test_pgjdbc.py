"""pgjdbc, unmodified, in its four query modes: it sees what it sees without a gateway.

Where Java, Maven or its repository is not to be had, this says so and is skipped.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import StartGateway
from tests.providers.clients.ordinary_day import direct, through
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.provider, pytest.mark.timeout(300)]

DAY = Path(__file__).with_name("Day.java")
DRIVER = "org.postgresql:postgresql:42.7.4"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    maven = shutil.which("mvn")
    if maven is None or shutil.which("java") is None:
        pytest.skip("there is no Java with Maven here")
    folder = tmp_path_factory.mktemp("java")
    words = [maven, "-q", "dependency:copy", f"-Dartifact={DRIVER}", f"-DoutputDirectory={folder}"]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=180
    )
    found = list(folder.glob("postgresql-*.jar"))
    if not found:
        pytest.skip(f"Maven cannot bring pgjdbc here: {done.stdout.strip()[-200:]}")
    return found[0]


@pytest.mark.parametrize(
    "mode", ["simple", "extended", "extendedForPrepared", "extendedCacheEverything"]
)
def test_an_ordinary_day_is_the_same_with_and_without_the_gateway(
    driver: Path,
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    mode: str,
) -> None:
    words = ["java", "-cp", str(driver), str(DAY), mode]
    own = (
        f"jdbc:postgresql://{postgres.host}:{postgres.port}/{database}"
        f"?user={postgres.superuser}&password={postgres.password}&sslmode=disable"
    )
    gateway = start_gateway(HEAD + target(postgres, database))
    expected = direct(postgres, database, words, DAY_URL=own)
    assert len(expected) > 20
    # It reads no variable of libpq's: `--local` leads the URL, whose credential is replaced.
    assert through(gateway, words, "--local", DAY_URL=own) == expected
    texts = [item["text"] for item in gateway.commands()]
    assert sum(text.startswith("INSERT INTO things") for text in texts) >= 1
    assert any(text.startswith("COPY things") for text in texts)
    assert gateway.verify().returncode == 0
