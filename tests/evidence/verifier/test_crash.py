"""What a crash leaves behind is told apart from tampering."""

from pathlib import Path

import pytest
from tests.evidence.small_log import (
    ANN,
    BOB,
    DIALOGUE,
    SmallLog,
    Step,
    command,
    end,
    log_close,
    log_open,
    start,
)
from tests.evidence.verifier import tampering
from tests.evidence.verifier.judging import judged, kinds

from custody.evidence.verifier import Exit, FaultKind


def crashed(root: Path, torn: bytes) -> SmallLog:
    """Killed with ANN's session open, with ``torn`` behind the last record, and recovered."""
    log = SmallLog(root / "data" / "evidence")
    log.write(log_open(), start(ANN), command(ANN)).publish()
    log.torn_tail(torn)
    recovery = log.recovery(torn)
    unknown = Step("response.unknown", ANN, {"command": 1}, {"command": 1})
    log.write(unknown)
    recovery.facts["open"], recovery.facts["digest"] = 1, log.digest()
    log.write(recovery, log_open(), start(BOB), end(BOB), log_close()).publish()
    return log


@pytest.mark.parametrize("torn", [b"", b"half a frame", b"\x9dCu1" + b"\x01" * 300])
def test_a_torn_tail_that_was_recovered(tmp_path: Path, torn: bytes) -> None:
    report = judged(crashed(tmp_path, torn))
    assert report.faults == ()
    assert report.logs[0].torn_bytes == len(torn)
    assert report.logs[0].torn_tails == (1 if torn else 0)


def test_a_torn_tail_with_whole_frames_behind_the_tear(tmp_path: Path) -> None:
    """A page of the middle was lost; what stands behind it was never acknowledged."""
    other = SmallLog(tmp_path / "other" / "evidence").write(*DIALOGUE[:5])
    torn = b"torn page" + tampering.framed(other, 3) + tampering.framed(other, 4)
    assert judged(crashed(tmp_path, torn)).faults == ()


def test_a_torn_tail_altered_after_its_recovery(tmp_path: Path) -> None:
    log = crashed(tmp_path, b"half a frame")
    _, offset, length = log.places[2]
    tampering.flip(tampering.segment(log, 2), offset + length + 3)
    assert kinds(judged(log)) == {FaultKind.TAIL_ALTERED}


def open_log_with(root: Path, torn: bytes, durable: int) -> SmallLog:
    log = SmallLog(root / "data" / "evidence")
    log.write(*DIALOGUE[:3]).publish()
    log.durable = durable
    return log.write(*DIALOGUE[3:6]).torn_tail(torn)


def test_an_open_log_may_have_a_frame_half_written_at_its_end(tmp_path: Path) -> None:
    log = open_log_with(tmp_path, b"\x9dCu1 half a frame", 3)
    report = judged(log)
    assert report.exit is Exit.PROVED
    assert report.logs[0].unread_tail == 17
    assert any("17 bytes behind the last record" in line for line in report.not_proved)


def test_a_tear_above_what_was_durable_is_no_tampering(tmp_path: Path) -> None:
    log = open_log_with(tmp_path, b"", 3)
    tampering.flip(tampering.segment(log, 4), log.places[4][1] + 70)
    report = judged(log)
    assert report.exit is Exit.PROVED
    assert report.logs[0].records == 4


def test_damage_below_what_a_frame_says_was_durable(tmp_path: Path) -> None:
    log = open_log_with(tmp_path, b"", 3)
    log.durable = 5
    log.write(*DIALOGUE[6:8])
    tampering.flip(tampering.segment(log, 4), log.places[4][1] + 70)
    report = judged(log)
    assert FaultKind.FRAME_DAMAGED in kinds(report)
    assert report.exit is Exit.TAMPERED
