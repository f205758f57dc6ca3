"""What earlier versions left behind, today's version starts from: log, state, index, keys, config.

Each ``tests/golden/installation-N`` was written by the code of then: 1 with format 1 and the first
revision of the state, 2 with format 1 and its second, 3 with the first of format 2.
"""

import json
import shutil
import sqlite3
from pathlib import Path

import psycopg
import pytest
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres
from custody.state.schema import HEAD

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

GOLDEN = Path(__file__).parents[1] / "golden"
INSTALLATIONS = {"installation-1": "0001", "installation-2": "0002", "installation-3": "0003"}
SEGMENT_BYTES = 16 * 1024 * 1024


def revision(gateway: RunningGateway) -> str:
    connection = sqlite3.connect(gateway.data / "state.db")
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()


def listed(gateway: RunningGateway) -> list[dict[str, str]]:
    done = gateway.custody("ticket", "list", "--json")
    items: list[dict[str, str]] = json.loads(done.stdout)["items"]
    return items


def installed(name: str, folder: Path, server: ScratchPostgres) -> RunningGateway:
    """As it lay on that gateway's disk, but for the target's port."""
    gateway = RunningGateway(folder / "made-first", "", {"TARGET_PASSWORD": server.password})
    shutil.rmtree(gateway.folder)
    shutil.copytree(GOLDEN / name, gateway.folder)
    for private in (gateway.data, gateway.folder / "keys"):
        private.chmod(0o700)
        for path in private.iterdir():
            path.chmod(0o700 if path.is_dir() else 0o600)
    for segment in gateway.data.glob("evidence/segments/*/*.seg"):
        with segment.open("r+b") as file:
            file.truncate(SEGMENT_BYTES)
    lines = [
        f'address = "{server.host}:{server.port}"'
        if line.startswith("address") and not line.endswith(':0"')
        else f'user = "{server.superuser}"' if line.startswith("user") else line
        for line in gateway.config.read_text().splitlines()
    ]  # fmt: skip
    gateway.config.write_text("\n".join(lines))
    return gateway


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_a_gateway_goes_on_from_what_an_earlier_version_wrote(
    name: str, postgres: ScratchPostgres, tmp_path: Path
) -> None:
    gateway = installed(name, tmp_path, postgres)
    assert revision(gateway) == INSTALLATIONS[name]
    before = json.loads(gateway.verify("--json").stdout)
    assert before["verdict"] == "proved"
    try:
        gateway.start()
        assert revision(gateway) == HEAD
        tickets = {item["state"] for item in listed(gateway)}
        assert "revoked" in tickets
        assert len(listed(gateway)) == 2
        with psycopg.connect(
            gateway.dsn(gateway.ticket(), "orders"), autocommit=True
        ) as connection:
            connection.execute("SELECT 'after the upgrade'")
        found = [item["text"] for item in gateway.commands()]
        assert "SELECT 'before the upgrade'" in found
        assert "SELECT 'after the upgrade'" in found
        (new, old) = gateway.items("sessions")
        for session, text in ((old, "before"), (new, "after")):
            assert f"{text} the upgrade" in gateway.custody("show", session["id"]).stdout
        gateway.custody("index", "rebuild")
        assert [item["text"] for item in gateway.commands()] == found
        gateway.custody("backup", str(tmp_path / "backup"))
        assert gateway.stop() == 0
    finally:
        gateway.end()
    after = json.loads(gateway.verify("--json").stdout)
    assert after["verdict"] == "proved"
    assert after["logs"][-1]["records"] > before["logs"][-1]["records"]
    assert after["logs"][-1]["given_up"] == []
