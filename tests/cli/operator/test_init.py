"""`custody init`, `policy check` and `doctor` as a person and as a script use them."""

import json
from pathlib import Path

import pytest

from custody.cli.main import run


def test_from_nothing_to_a_sound_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gateway"
    config = folder / "custody.toml"
    assert run(["init", str(folder), "--name", "gw1.example.com"]) == 0
    said = capsys.readouterr().out
    for words in (str(config), "ca.pem", "verifier.policy", "custody serve -c", "custody ticket"):
        assert words in said

    assert run(["policy", "check", "-c", str(config)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"OK  {config}: 1 target, 1 grant, 1 rule, 2 masks; policy ")
    assert err == ""

    monkeypatch.setenv("CUSTODY_CONFIG", str(config))
    assert run(["policy", "check", "--json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert (item["targets"], item["warnings"], len(item["policy"])) == (1, [], 64)

    assert run(["init", str(folder)]) == 3
    assert "nothing is overwritten" in capsys.readouterr().err


def test_init_for_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "new"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["next"] is None
    (made,) = document["items"]
    assert all(Path(path).exists() for path in made.values())


def test_doctor_ends_with_1_for_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", str(tmp_path / "new")])
    (tmp_path / "new/keys/log.key").chmod(0o644)
    capsys.readouterr()
    arguments = ["doctor", "-c", str(tmp_path / "new/custody.toml")]
    assert run(arguments) == 1
    out = capsys.readouterr().out
    assert "fault" in out
    assert "cure: chmod 0600" in out
    assert run([*arguments, "--json"]) == 1
    items = json.loads(capsys.readouterr().out)["items"]
    assert {"level", "what", "cure"} == set(items[0])
    assert run(["doctor", "-c", str(tmp_path / "none.toml")]) == 1
    assert "custody init" in capsys.readouterr().out


def test_warnings_of_a_configuration_go_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = Path(__file__).parents[2] / "config" / "contract.toml"
    (tmp_path / "custody.toml").write_bytes(contract.read_bytes())
    assert run(["policy", "check", "-c", str(tmp_path / "custody.toml")]) == 0
    out, err = capsys.readouterr()
    assert "1 target, 1 grant, 2 rules, 2 masks" in out
    assert "warning: [listen.ssh] belongs to a part that is not built yet" in err
