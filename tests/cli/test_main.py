"""The command line's conventions: exit codes, errors, --json."""

import json
from pathlib import Path

import pytest

from custody import __version__
from custody.cli.main import COMMANDS, load, run
from custody.model.errors import CustodyError


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for entry in COMMANDS:
        assert f" {entry.name} " in said


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Usage: custody" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"custody {__version__}\n"


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_entry_leads_to_a_command(
    entry: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = load(COMMANDS[[one.name for one in COMMANDS].index(entry[0])])
    assert command.name == entry[0]
    assert run([entry[0], "--help"]) == 0
    assert f"Usage: custody {entry[0]}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "No such command 'nope'"),
        (["docto"], "Did you mean 'doctor'? Try --help."),
        (["doctor", "--nope"], "No such option: --nope"),
        (["init"], "Missing argument"),
    ],
)
def test_wrong_use_ends_with_3(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 3
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)
    assert run([*arguments, "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "usage.arguments"
    assert said in error["message"]


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: custody policy")
    assert err.endswith("custody: A command is missing. Try --help.\n")


def test_a_faulty_configuration_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    (tmp_path / "custody.toml").write_text("[gatewy]\n")
    assert run(["policy", "check"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        f"{tmp_path}/custody.toml:1: gatewy: This key is not known. Did you mean `gateway`?" in err
    )
    assert run(["policy", "check", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "config.unknown-key"


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("config.value", 3),
        ("policy.no-approvers", 3),
        ("keys.unreadable", 3),
        ("tls.no-authority", 3),
        ("usage.x", 3),
        ("keys.keyholder-gone", 1),
        ("log.broken", 1),
    ],
)
def test_the_code_decides_how_it_ends(
    code: str, ends: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise CustodyError(code, "It broke.", "Mend it.")

    monkeypatch.setattr("custody.cli.operator.doctor.examine", fail)
    assert run(["doctor"]) == ends
    assert capsys.readouterr().err == "custody: It broke. Mend it.\n"


def test_json_of_a_command_that_is_run_is_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nope", "--", "--json"]) == 3
    assert capsys.readouterr().out == ""


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("custody.cli.operator.doctor.examine", interrupt)
    assert run(["doctor"]) == 130
