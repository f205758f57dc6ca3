"""What `custody verify` answers a script where a process of its own is lost."""

from pathlib import Path

import pytest
from tests.evidence.small_log import dialogue

from custody.cli.main import run
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
