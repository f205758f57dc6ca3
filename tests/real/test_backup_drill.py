"""A backup is worth what its restore is worth: the whole drill, against a real gateway."""

import json
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def said(gateway: RunningGateway, ticket: str, *texts: str) -> None:
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        for text in texts:
            connection.execute(text.encode())


def texts(gateway: RunningGateway) -> list[str]:
    return [item["text"] for item in gateway.commands()]


def lose_the_disk(gateway: RunningGateway) -> None:
    """All but the keys, which were kept elsewhere."""
    shutil.rmtree(gateway.data)
    (gateway.folder / "anchor").unlink()
    gateway.config.unlink()


def backup_size(place: Path) -> int:
    manifest = json.loads((place / "backup.json").read_text())
    return int(manifest["logs"][-1]["size"])


def test_a_gateway_that_lost_its_disk_goes_on_from_its_backup(
    postgres: ScratchPostgres, tmp_path: Path
) -> None:
    postgres.create_database("drill")
    place = tmp_path / "monday"
    config = HEAD + target(postgres, "drill")
    with running_gateway(
        tmp_path / "gateway", config, {"TARGET_PASSWORD": postgres.password}
    ) as gateway:
        old = gateway.ticket()
        said(gateway, old, "CREATE TABLE drill (n int)", "INSERT INTO drill VALUES (1)")
        with psycopg.connect(gateway.dsn(old, "orders"), autocommit=True) as open_session:
            open_session.execute("SELECT 'before'")
            done = gateway.custody("backup", str(place), "--json")
            open_session.execute("SELECT 'after'")
        (made,) = json.loads(done.stdout)["items"]
        assert made["verdict"].startswith("PROVED")
        copied = {path.relative_to(place).parts[0] for path in place.rglob("*") if path.is_file()}
        assert copied == {"backup.json", "ca.pem", "custody.toml", "evidence", "state.db"}
        (act,) = gateway.items("search", "kind:admin action:backup")
        assert act["detail"]["subject"] == str(place)

        said(gateway, old, "INSERT INTO drill VALUES (2)", "SELECT 'given up'")
        gateway.stop()
        lose_the_disk(gateway)

        gateway.custody(
            "restore", str(place), "--into", str(gateway.folder),
            "--policy", str(gateway.folder / "keys" / "verifier.policy"), configured=False,
        )  # fmt: skip
        gateway.start("--accept-new-anchor")

        with pytest.raises(psycopg.OperationalError):
            said(gateway, old, "SELECT 'a ticket of before'")
        said(gateway, gateway.ticket(), "SELECT count(*) FROM drill")
        gateway.custody("index", "rebuild")
        found = texts(gateway)
        assert "INSERT INTO drill VALUES (1)" in found
        assert "SELECT 'before'" in found
        assert "SELECT 'given up'" not in found
        assert "SELECT count(*) FROM drill" in found
        assert gateway.stop() == 0
        report = json.loads(gateway.verify("--json").stdout)
        assert report["verdict"] == "proved"
        # The anchor was lost with the disk: nobody can say how many there were.
        assert [each["known"] for each in report["logs"][-1]["given_up"]] == [False]


def test_a_gateway_that_lost_everything_goes_on_from_its_backup_and_its_sealed_keys(
    postgres: ScratchPostgres, tmp_path: Path
) -> None:
    postgres.create_database("drill_of_all")
    place, keys, private = tmp_path / "monday", tmp_path / "keys.sealed", tmp_path / "auditor.key"
    config = HEAD + target(postgres, "drill_of_all")
    with running_gateway(
        tmp_path / "gateway", config, {"TARGET_PASSWORD": postgres.password}
    ) as gateway:
        said(gateway, gateway.ticket(), "SELECT 'kept'")
        made = gateway.custody("escrow", "keygen", str(private), "--json", configured=False)
        public = json.loads(made.stdout)["key"]
        policy = tmp_path / "verifier.policy"
        shutil.copyfile(gateway.folder / "keys" / "verifier.policy", policy)
        gateway.custody("backup", str(place), "--keys", str(keys), "--recipient", public)
        (act,) = gateway.items("search", "kind:admin action:backup")
        assert str(keys) in act["detail"]["subject"]
        gateway.stop()
        lose_the_disk(gateway)
        shutil.rmtree(gateway.folder / "keys")

        gateway.custody(
            "restore", str(place), "--into", str(gateway.folder), "--policy", str(policy),
            "--keys", str(keys), "--escrow-key", str(private), configured=False,
        )  # fmt: skip
        gateway.start("--accept-new-anchor")
        said(gateway, gateway.ticket(), "SELECT 'goes on'")
        gateway.custody("index", "rebuild")
        assert {"SELECT 'kept'", "SELECT 'goes on'"} <= set(texts(gateway))
        assert gateway.stop() == 0
        assert json.loads(gateway.verify("--json").stdout)["verdict"] == "proved"


def test_restoring_beside_the_anchor_counts_what_was_given_up(
    postgres: ScratchPostgres, tmp_path: Path
) -> None:
    place = tmp_path / "monday"
    config = HEAD + target(postgres, "postgres")
    with running_gateway(
        tmp_path / "gateway", config, {"TARGET_PASSWORD": postgres.password}
    ) as gateway:
        gateway.custody("backup", str(place))
        said(gateway, gateway.ticket(), "SELECT 'given up'")
        gateway.stop()
        whole = json.loads(gateway.verify("--json").stdout)["logs"][-1]["records"]
        shutil.rmtree(gateway.data)
        gateway.custody("restore", str(place), "--into", str(gateway.folder), configured=False)
        gateway.start("--accept-new-anchor")
        gateway.stop()
        report = json.loads(gateway.verify("--json").stdout)
        (given_up,) = report["logs"][-1]["given_up"]
        assert report["verdict"] == "proved"
        assert (given_up["lost"], given_up["known"]) == (whole - backup_size(place), True)


def test_a_backup_of_a_stopped_gateway_that_is_damaged_leaves_nothing(tmp_path: Path) -> None:
    gateway = RunningGateway(tmp_path / "gateway", HEAD, {})
    gateway.start()
    gateway.stop()
    good = tmp_path / "good"
    gateway.custody("backup", str(good))
    segment = next((gateway.data / "evidence" / "segments").glob("*/000.seg"))
    data = bytearray(segment.read_bytes())
    data[300] ^= 1
    segment.write_bytes(data)
    done = gateway.custody("backup", str(tmp_path / "bad"), expect=None)
    assert done.returncode == 1, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway", "good"]


def _damage(place: Path) -> None:
    with (place / "state.db").open("r+b") as file:
        file.seek(50)
        file.write(b"?")


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    gateway = RunningGateway(tmp_path / "gateway", HEAD, {})
    gateway.start()
    gateway.stop()
    place, fresh = tmp_path / "backup", tmp_path / "fresh"
    gateway.custody("backup", str(place))
    shutil.copytree(gateway.folder / "keys", fresh / "keys")
    _damage(place)
    done: subprocess.CompletedProcess[str] = gateway.custody(
        "restore", str(place), "--into", str(fresh), configured=False, expect=None
    )
    assert done.returncode == 1
    assert "state.db" in done.stderr
    assert [path.name for path in fresh.iterdir()] == ["keys"]


@pytest.mark.parametrize("place", ["gateway/data/backup", "gateway/keys/backup", "gateway"])
def test_a_backup_is_not_written_where_it_would_be_lost(tmp_path: Path, place: str) -> None:
    gateway = RunningGateway(tmp_path / "gateway", HEAD, {})
    done = gateway.custody("backup", str(tmp_path / place), expect=None)
    assert done.returncode == 3, done.stderr
