"""`custody doctor` looks at the evidence's keeping."""

import os
from pathlib import Path

import pytest
from tests.investigation.evidence_scene import Scene, usual

from custody.app.indexer.tail import LogFollower
from custody.config.load import load_config
from custody.config.tables import Config
from custody.doctor.evidence import examine_evidence
from custody.doctor.findings import Finding, Level
from custody.evidence.disk.escrow_file import escrow_header, escrow_line
from custody.evidence.keys.escrow import EscrowKey, create_escrow_key
from custody.index import OwnDayFiles, SqliteIndex

CONFIG = """
[gateway]
name = "gw1.example.com"
[listen.postgres]
address = "127.0.0.1:0"
"""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.tell(usual())
    (tmp_path / "custody.toml").write_text(CONFIG)
    return scene


def config_of(scene: Scene) -> Config:
    return load_config(scene.root / "custody.toml")


def found(scene: Scene, *, serving: bool = False) -> list[Finding]:
    return list(examine_evidence(config_of(scene), serving=serving))


def faults(scene: Scene, *, serving: bool = False) -> list[str]:
    return [each.what for each in found(scene, serving=serving) if each.level is Level.FAULT]


def follow(scene: Scene) -> None:
    reader = scene.reader()
    index = SqliteIndex(OwnDayFiles(scene.data / "index"))
    LogFollower(index, reader).catch_up()
    index.close()
    reader.close()


def test_a_stopped_gateway_in_order(scene: Scene) -> None:
    assert faults(scene) == []
    follow(scene)
    assert faults(scene) == []


def test_a_lost_anchor(scene: Scene) -> None:
    (scene.root / "anchor").unlink()
    assert any("knows nothing of gw1.example.com/2" in each for each in faults(scene))


def test_looking_at_what_a_killed_gateway_left_changes_nothing(scene: Scene) -> None:
    follow(scene)
    data = config_of(scene).gateway.data
    days = [path for path in (data / "index").iterdir() if path.suffix == ".db"]
    assert days
    for day in days:  # as a writer that was killed leaves it
        day.with_name(f"{day.name}-wal").write_bytes(bytes(64))
    before = sorted(data.rglob("*"))
    assert any("search index" in finding.what for finding in found(scene))
    assert sorted(data.rglob("*")) == before


def test_an_index_that_does_not_catch_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custody.doctor.evidence.LAG_SECONDS", 0.0)
    assert any("does not catch up" in each for each in faults(scene, serving=True))
    follow(scene)
    assert faults(scene, serving=True) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_of_another_account(scene: Scene) -> None:
    follow(scene)
    day = next((scene.data / "index").glob("*.db"))
    os.chown(day, 12345, 12345)
    assert any(str(day) in each for each in faults(scene))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_index_that_root_makes_belongs_to_the_gateways_account(scene: Scene) -> None:
    for path in [scene.data, *scene.data.rglob("*")]:
        os.chown(path, 12345, 12345)
    follow(scene)
    assert faults(scene) == []


def test_who_may_open_contents_is_named_and_a_private_key_here_is_a_fault(scene: Scene) -> None:
    now, before = (EscrowKey(bytes([number]) * 32).public for number in (1, 2))
    path = scene.data / "evidence" / "escrow" / "2026-03-01"
    path.parent.mkdir()
    line = escrow_line(path.name, "left", before, b"\x01" * 80, lasting=False)
    path.write_bytes(escrow_header(path.name) + line)
    table = f'[[escrow]]\nname = "dpo"\nkey = "{now}"\noutlives_retention = true\n'
    (scene.root / "custody.toml").write_text(CONFIG + table)
    said = [each.what for each in found(scene) if "escrow" in each.what]
    assert said == [
        "dpo may open contents by escrow, also when retention is over",
        "left, who is no recipient of escrow any more, may open those of 1 day",
    ]
    assert not [each for each in faults(scene) if "escrow" in each]
    create_escrow_key(scene.root / "forgotten")
    (fault,) = [each for each in faults(scene) if "escrow" in each]
    assert "forgotten is the private key of a recipient" in fault
