"""tokio-postgres, unmodified: its day, COPYs dropped half-way in it, is the same with and without
the gateway. Where Rust or its registry is not to be had, this says so and is skipped.
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

DAY = Path(__file__).with_name("day.rs")
CARGO = shutil.which(
    "cargo", path=os.pathsep.join((os.environ.get("PATH", ""), str(Path.home() / ".cargo/bin")))
)
PACKAGE = """
[package]
name = "day"
version = "0.0.0"
edition = "2021"

[dependencies]
tokio-postgres = "=0.7.13"
tokio = { version = "1", features = ["rt", "macros", "time"] }
futures-util = { version = "0.3", default-features = false, features = ["sink"] }
bytes = "1"
serde_json = "1"

[profile.dev]
debug = false
"""


@pytest.fixture(scope="module")
def program() -> Path:
    cargo = CARGO
    if cargo is None:
        pytest.skip("there is no Rust here")

    def make(folder: Path) -> None:
        (folder / "src").mkdir()
        shutil.copy(DAY, folder / "src/main.rs")
        (folder / "Cargo.toml").write_text(PACKAGE)
        installed([cargo, "build", "--quiet"], folder)

    return kept("tokio-postgres", [PACKAGE, DAY.read_text()], make) / "target/debug/day"


def test_a_day_of_tokio_postgres_is_the_same(
    program: Path, postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    seen = TwoDays(postgres, database, start_gateway).live([str(program)], "--local")
    assert len(seen) > 25
