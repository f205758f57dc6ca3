"""What is signed by the right key and is wrong all the same."""

from pathlib import Path

import pytest
from tests.evidence.small_log import (
    ANN,
    BOB,
    DAY,
    DIALOGUE,
    SmallLog,
    Step,
    command,
    end,
    log_close,
    log_open,
    response,
    start,
)
from tests.evidence.verifier.judging import judged, kinds

from custody.evidence.verifier import Exit, FaultKind

# By who holds the log key and writes what the writer never would.
INSIDERS: list[tuple[str, tuple[Step, ...], FaultKind]] = [
    (
        "a link that leads elsewhere",
        (log_open(), start(ANN), Step("opaque", ANN, leaf={"prev": "0" * 64}), end(ANN)),
        FaultKind.SESSION_LINK,
    ),
    (
        "a number left out",
        (log_open(), start(ANN), Step("opaque", ANN, leaf={"n": 2}), end(ANN)),
        FaultKind.SESSION_GAP,
    ),
    (
        "a session without its beginning",
        (log_open(), Step("opaque", ANN, leaf={"n": 4, "prev": "0" * 64}), end(ANN)),
        FaultKind.SESSION_GAP,
    ),
    (
        "a session that begins with a command",
        (log_open(), command(ANN), end(ANN)),
        FaultKind.SESSION_START,
    ),
    (
        "a session that starts again",
        (log_open(), start(ANN), Step("session.start", ANN, leaf={"n": 1}), end(ANN)),
        FaultKind.SESSION_START,
    ),
    ("a session never ended", (log_open(), start(ANN), log_close()), FaultKind.SESSION_UNFINISHED),
    (
        "a heartbeat that knows of another session",
        (
            log_open(),
            Step(
                "heartbeat",
                facts={"open": 1, "digest": "0" * 64},
                body={"open": 1, "digest": "0" * 64},
            ),
        ),
        FaultKind.HEARTBEAT,
    ),
    (
        "a recovery that forgets a session",
        (
            log_open(),
            start(ANN),
            Step(
                "recovery",
                facts={"torn": 0, "hash": "0" * 64, "size": 2, "open": 0, "digest": "0" * 64},
                body={"torn_bytes": 0, "torn_hash": "0" * 64, "size": 2, "sessions": []},
            ),
        ),
        FaultKind.RECOVERY,
    ),
    (
        "a record filed elsewhere",
        (log_open(), Step("admin", leaf={"seg": f"{DAY}/007"})),
        FaultKind.LEAF_SEGMENT,
    ),
    (
        "a verdict that is not the payload's",
        (
            log_open(),
            start(ANN),
            Step(
                "command",
                ANN,
                {"effects": ["read"], "stage": "execute", "verdict": "allow"},
                {**command(ANN).body, "decision": "deny"},
            ),
            end(ANN),
        ),
        FaultKind.PAYLOAD_DISAGREES,
    ),
    (
        "effects that are not the payload's",
        (
            log_open(),
            start(ANN),
            Step(
                "command",
                ANN,
                {"effects": [], "stage": "execute", "verdict": "allow"},
                command(ANN).body,
            ),
            end(ANN),
        ),
        FaultKind.PAYLOAD_DISAGREES,
    ),
    (
        "a leaf of another version",
        (log_open(), Step("admin", leaf={"v": "custody-leaf/9"})),
        FaultKind.LEAF_MALFORMED,
    ),
    (
        "free text in a leaf",
        (log_open(), Step("admin", leaf={"note": "a sentence"})),
        FaultKind.LEAF_MALFORMED,
    ),
]


@pytest.mark.parametrize(
    ("steps", "kind"), [each[1:] for each in INSIDERS], ids=[each[0] for each in INSIDERS]
)
def test_what_is_signed_and_yet_wrong(
    tmp_path: Path, steps: tuple[Step, ...], kind: FaultKind
) -> None:
    log = SmallLog(tmp_path / "data" / "evidence").write(*steps).publish()
    report = judged(log)
    assert kinds(report) == {kind}
    assert report.exit is Exit.TAMPERED


def test_a_day_that_goes_back(tmp_path: Path) -> None:
    log = SmallLog(tmp_path / "data" / "evidence")
    back = Step("admin", leaf={"seg": "2026-02-28/000"})
    report = judged(log.write(log_open(), back).publish())
    assert FaultKind.DAY_WENT_BACK in kinds(report)
    assert report.exit is Exit.TAMPERED


def test_a_session_left_out_and_signed_anew_breaks_a_heartbeat(tmp_path: Path) -> None:
    """The intruder keeps the heartbeats as they were, since their content is sealed."""
    whole = SmallLog(tmp_path / "whole" / "data" / "evidence").write(*DIALOGUE[:9])
    said = {"open": 1, "digest": whole.digest()}
    kept = [step for step in DIALOGUE[:9] if step.session != BOB]
    log = SmallLog(tmp_path / "data" / "evidence")
    log.write(*kept, Step("heartbeat", facts=dict(said), body=dict(said))).publish()
    assert kinds(judged(log)) == {FaultKind.HEARTBEAT}


def test_an_honest_response_is_no_fault(tmp_path: Path) -> None:
    steps = (log_open(), start(ANN), command(ANN), response(ANN, 1), end(ANN), log_close())
    assert judged(SmallLog(tmp_path / "data" / "evidence").write(*steps).publish()).faults == ()
