"""What ``verify`` says of logs that are whole."""

from pathlib import Path

from tests.evidence.small_log import DIALOGUE, SmallLog, dialogue, open_day

from custody.evidence.tlog.policy import parse_policy, policy_text
from custody.evidence.verifier import Exit, Report, VerifyOptions, verify


def lines(report: Report) -> str:
    return "\n".join([*report.proved, *report.not_proved])


def test_a_whole_log_is_proved(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    policy = parse_policy(policy_text(log.key).encode())
    report = verify(tmp_path / "data", VerifyOptions(policy, log.anchor, open_day))
    assert report.faults == ()
    assert report.exit is Exit.PROVED
    assert report.opened == len(DIALOGUE)
    assert report.logs[0].records == report.logs[0].signed == len(DIALOGUE)
    assert report.logs[0].closed
    assert "nobody vouched" not in lines(report)
    assert "no witness" in lines(report)


def test_without_policy_and_keys_it_says_what_is_open(tmp_path: Path) -> None:
    dialogue(tmp_path)
    report = verify(tmp_path / "data" / "evidence")
    assert report.exit is Exit.CONSISTENT
    assert "nobody vouched for this key" in lines(report)
    assert "not opened for want of keys" in lines(report)
    assert "no anchor" in lines(report)


def test_records_behind_the_checkpoint_of_an_open_log(tmp_path: Path) -> None:
    log = SmallLog(tmp_path / "data" / "evidence")
    log.write(*DIALOGUE[:6]).publish()
    log.write(*DIALOGUE[6:9])
    report = verify(tmp_path / "data", VerifyOptions(None, log.anchor, open_day))
    assert report.exit is Exit.CONSISTENT
    assert "3 not yet signed" in lines(report)
