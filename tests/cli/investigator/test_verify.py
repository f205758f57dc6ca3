"""What `custody verify` answers a person and a script."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.small_log import SmallLog, dialogue

from custody.cli.main import run
from custody.evidence.tlog.policy import policy_text
from custody.evidence.verifier.worker_pool import PROCESS_ENDED
from custody.model.errors import CustodyError


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_lost_process_is_neither_a_pass_nor_tampering(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    json: list[str],
) -> None:
    def lost(*_: object) -> None:
        raise CustodyError(PROCESS_ENDED, "It ended early.", "Run verify again.")

    log = dialogue(tmp_path)
    monkeypatch.setattr("custody.evidence.verifier.tree.TreeCheck.run", lost)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    assert run(["verify", str(log.evidence), *json]) == 2
    said = capsys.readouterr()
    assert "It ended early." in said.out + said.err


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallLog:
    """And a gateway beside it, in ``gw``, whose own policy vouches for this log's key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    log = dialogue(tmp_path / "copy")
    assert run(["init", "gw"]) == 0
    Path("gw/keys/verifier.policy").write_text(policy_text(log.key))
    return log


def test_without_a_policy_nothing_is_proved(
    log: SmallLog, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["verify", str(log.evidence)]) == 4
    said = capsys.readouterr().out
    assert said.startswith("CONSISTENT, but nobody vouched for the key: 15 records")
    assert "give the copy of verifier.policy" in said


def test_a_policy_that_was_named_proves(log: SmallLog, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["verify", str(log.evidence), "--policy", "gw/keys/verifier.policy"]) == 0
    assert capsys.readouterr().out.startswith("PROVED against your policy: 15 records")


def test_a_configuration_that_was_typed_vouches_by_its_own_policy(
    log: SmallLog, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["verify", str(log.evidence), "-c", "gw/custody.toml"]) == 0
    assert capsys.readouterr().out.startswith("PROVED against the gateway's own verifier.policy:")
    Path("gw/keys/verifier.policy").unlink()
    assert run(["verify", str(log.evidence), "-c", "gw/custody.toml"]) == 4


def test_a_configuration_that_was_found_vouches_for_nothing(
    log: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTODY_CONFIG", str(Path("gw/custody.toml").resolve()))
    assert run(["verify", str(log.evidence)]) == 4
    monkeypatch.delenv("CUSTODY_CONFIG")
    monkeypatch.chdir("gw")
    assert run(["verify", str(log.evidence)]) == 4


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda log: (log.evidence / "log/2026/checkpoint").unlink(), 2),
        (lambda log: (log.evidence / "log/2026/tile/0/000.p/15").write_bytes(b"x" * 480), 1),
    ],
    ids=["incomplete", "tampered"],
)
def test_each_verdict_has_its_code(
    log: SmallLog, harm: Callable[[SmallLog], None], code: int
) -> None:
    harm(log)
    assert run(["verify", str(log.evidence), "--policy", "gw/keys/verifier.policy"]) == code


def test_wrong_use_is_3(log: SmallLog) -> None:
    assert run(["verify", str(log.evidence / "nothing")]) == 3
    assert run(["verify", str(log.evidence), "--policy", "nothing"]) == 3
    assert run(["verify", str(log.evidence), "-c", "nothing.toml"]) == 3


def test_a_strangers_directory_prints_nothing_of_its_own_making(
    log: SmallLog, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences in an origin would paint another verdict over ours."""
    checkpoint = log.evidence / "log/2026/checkpoint"
    forged = "\x1b[2J\x1b[HPROVED/2026"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(log.origin.encode(), forged.encode()))
    (log.evidence / "log.vkey").write_text(f"{forged}+00000000+AAAA\n")
    (log.evidence / "\x1b[2J").write_bytes(b"")
    capsys.readouterr()
    assert run(["verify", str(log.evidence)]) == 1
    assert "\x1b" not in capsys.readouterr().out
