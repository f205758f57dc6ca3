"""Escrow end to end: a gateway's host is lost, and a recipient reads what was recorded."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import HEAD, MASKS, target
from tests.real.running import RunningGateway, running_gateway

from custody.cli.main import run
from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
PLANTED = "AKIAIOSFODNN7EXAMPLE"


def recipient(place: Path, capsys: pytest.CaptureFixture[str], more: str = "") -> str:
    """The table that the recipient sends to the gateway's operator."""
    capsys.readouterr()
    assert run(["escrow", "keygen", str(place)]) == 0
    return f"{capsys.readouterr().out}{more}\n"


def said(gateway: RunningGateway, *texts: str) -> None:
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        for text in texts:
            connection.execute(text.encode())


def texts(
    gateway: RunningGateway, copy: Path, key: Path, expect: int = 0
) -> tuple[list[str], list[list[str]]]:
    """What a recipient reads of a copy: commands, and the recipients that are on the record."""
    (day,) = gateway.items("escrow", "open", str(copy), "--key", str(key)) or [{"day": None}]
    if day["day"] is None:
        return [], []
    done = gateway.custody(
        "escrow", "open", str(copy), "--key", str(key), "--day", day["day"],
        "--limit", "100000", "--json", expect=expect,
    )  # fmt: skip
    items = json.loads(done.stdout)["items"]
    commands = [each["record"]["command"]["text"] for each in items if each["kind"] == "command"]
    named = [
        [copy["recipient"] for copy in each["record"]["copies"]]
        for each in items
        if each["kind"] == "keys"
    ]
    return commands, named


def test_a_recipient_reads_what_a_lost_gateway_recorded(
    postgres: ScratchPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    dpo, court = away / "dpo", away / "court"
    first = recipient(dpo, capsys)
    second = recipient(court, capsys, "outlives_retention = true")
    config = HEAD + target(postgres, "postgres") + MASKS
    with running_gateway(
        tmp_path / "gateway", config + first, {"TARGET_PASSWORD": postgres.password}
    ) as gateway:
        policy = away / "verifier.policy"
        shutil.copy(gateway.folder / "keys" / "verifier.policy", policy)
        said(gateway, "SELECT 'before the crash'", f"SELECT '{PLANTED}'")
        gateway.kill()
        gateway.config.write_text(config + first + second)
        gateway.start()
        said(gateway, "SELECT 'after it'")
        backup = tmp_path / "backup"
        gateway.custody("backup", str(backup))
        assert "court may open" in gateway.custody("doctor", expect=None).stdout
        assert gateway.stop() == 0
        copy = tmp_path / "copy"
        shutil.copytree(gateway.data / "evidence", copy / "evidence")
        for secret in (dpo, court):
            private = secret.read_bytes().split()[1]
            for path in gateway.folder.rglob("*"):
                assert not path.is_file() or private not in path.read_bytes(), path
        shutil.rmtree(gateway.folder)

        for key in (dpo, court):
            commands, named = texts(gateway, copy, key)
            assert "SELECT 'before the crash'" in commands
            assert "SELECT 'after it'" in commands
            assert not [text for text in commands if PLANTED in text]
            assert named == [["dpo"], ["dpo", "court"]]
            done = gateway.custody(
                "verify", str(copy), "--policy", str(policy), "--escrow-key", str(key), "--json",
                configured=False,
            )  # fmt: skip
            report = json.loads(done.stdout)
            assert report["verdict"] == "proved"
            assert report["opened"] == sum(log["records"] for log in report["logs"])
            assert {each["recipient"] for each in report["escrow"]} == {"dpo", "court"}

        assert texts(gateway, backup, dpo) == ([], [])
        assert "SELECT 'before the crash'" in texts(gateway, backup, court)[0]
        done = gateway.custody(
            "verify", str(backup), "--policy", str(policy), "--escrow-key", str(court),
            configured=False,
        )  # fmt: skip
        assert "PROVED" in done.stdout
        assert "left out of this copy" in done.stdout
