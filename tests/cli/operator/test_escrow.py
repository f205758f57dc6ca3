"""`custody escrow`: a key for a recipient, and what it opens of a copy."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.config.test_load import MINIMAL, PLACE
from tests.evidence.scenes import NAME, SESSION, Scene, command, session_end, session_start

from custody.cli.main import run
from custody.config.load import parse_config
from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.log.log import Log

DAY = "2026-03-01"
Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def say(*words: object, code: int = 0) -> str:
        capsys.readouterr()
        assert run([str(word) for word in words]) == code
        return capsys.readouterr().out

    return say


@pytest.fixture
def key(tmp_path: Path, said: Said) -> Path:
    path = tmp_path / "dpo.key"
    said("escrow", "keygen", path)
    return path


@pytest.fixture
def scene(tmp_path: Path, key: Path, said: Said) -> Scene:
    other = said("escrow", "keygen", tmp_path / "public", "--json")
    assert json.loads(other)["name"] == "public"
    table = parse_config(MINIMAL + table_of(key, said).encode(), PLACE)
    scene = Scene(
        files=DiskFiles(),
        evidence=tmp_path / "data" / "evidence",
        anchor=tmp_path / "anchor",
        recipients=table.escrow,
    )

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 'in escrow'"), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    return scene


def table_of(key: Path, said: Said) -> str:
    from custody.evidence.keys.escrow import load_escrow_key  # noqa: PLC0415 - once

    said("escrow", "keygen", key, code=3)  # no key is overwritten
    return f'[[escrow]]\nname = "dpo"\nkey = "{load_escrow_key(key).public}"\n'


def test_what_keygen_prints_is_a_table_of_the_configuration(tmp_path: Path, said: Said) -> None:
    printed = said("escrow", "keygen", tmp_path / "key", "--name", "dpo")
    secret = (tmp_path / "key").read_text().split()[1]
    assert secret not in printed
    (table,) = tomllib.loads(printed)["escrow"]
    read = parse_config(MINIMAL + printed.encode(), PLACE).escrow
    assert read == (EscrowRecipient(name="dpo", key=table["key"]),)
    said("escrow", "keygen", tmp_path / "other", "--name", "no name", code=3)
    assert not (tmp_path / "other").exists()


def test_a_recipient_finds_days_and_opens_one_whole(scene: Scene, key: Path, said: Said) -> None:
    directory = scene.evidence.parent
    assert said("escrow", "open", directory, "--key", key) == f"{DAY}\n"
    document = json.loads(said("escrow", "open", directory, "--key", key, "--day", DAY, "--json"))
    kinds = [item["kind"] for item in document["items"]]
    assert kinds == [*("log.open", "keys", "session.start", "command", "session.end", "log.close")]
    (seen,) = [item for item in document["items"] if item["kind"] == "command"]
    assert seen["record"]["command"]["text"] == "SELECT 'in escrow'"
    assert (seen["log"], seen["day"], seen["session"]) == (f"{NAME}/2026", DAY, SESSION)
    assert document["next"] is None
    plain = said("escrow", "open", directory, "--key", key, "--day", DAY)
    assert len(plain.splitlines()) == len(kinds)


def test_a_day_goes_on_page_by_page(scene: Scene, key: Path, said: Said) -> None:
    found: list[int] = []
    cursor: str | None = "0"
    while cursor is not None:
        options = ("--key", key, "--day", DAY, "--limit", 2, "--cursor", cursor, "--json")
        document = json.loads(said("escrow", "open", scene.evidence, *options))
        found += [item["index"] for item in document["items"]]
        cursor = document["next"]
    assert found == list(range(6))


def test_one_record_is_opened_by_its_index(scene: Scene, key: Path, said: Said) -> None:
    options = ("--key", key, "--record", 3, "--json")
    (item,) = json.loads(said("escrow", "open", scene.evidence, *options))["items"]
    assert item["record"]["command"]["text"] == "SELECT 'in escrow'"
    said("escrow", "open", scene.evidence, "--key", key, "--record", 4711, code=3)
    said("escrow", "open", scene.evidence, "--key", key, "--day", "2026-03-09", code=3)
    said("escrow", "open", scene.evidence, "--key", key, "--record", 3, "--day", DAY, code=3)


def test_another_key_opens_nothing_and_says_so(
    scene: Scene, tmp_path: Path, key: Path, said: Said
) -> None:
    other = tmp_path / "public"
    assert said("escrow", "open", scene.evidence, "--key", other) == ""
    options = ("--key", other, "--day", DAY, "--json")
    document = json.loads(said("escrow", "open", scene.evidence, *options, code=2))
    assert {item["unopened"]["code"] for item in document["items"]} == {"escrow.not-for-key"}
    assert "in escrow" not in json.dumps(document)
    said("escrow", "open", scene.evidence, "--key", tmp_path / "missing", code=3)
    said("escrow", "open", tmp_path, "--key", key, code=1)


def test_verify_compares_contents_with_a_recipients_key(
    scene: Scene, tmp_path: Path, key: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    for file, opened in ((key, 6), (tmp_path / "public", 0)):
        told = said("verify", scene.evidence, "--escrow-key", file, "--json", code=4)
        report = json.loads(told)
        assert (report["opened"], report["faults"]) == (opened, [])
        assert [each["recipient"] for each in report["escrow"]] == ["dpo"]
    said("verify", scene.evidence, "--escrow-key", key, "--keys", tmp_path, code=3)
