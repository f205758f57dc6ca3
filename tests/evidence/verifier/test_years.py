"""Two years of one gateway: the logs hang together, and so do the sessions that were open."""

from pathlib import Path

from tests.evidence.small_log import (
    ANN,
    BOB,
    SmallLog,
    Step,
    command,
    end,
    heartbeat,
    log_close,
    log_open,
    open_day,
    start,
)
from tests.evidence.verifier import tampering

from custody.evidence.tlog.policy import parse_policy, policy_text
from custody.evidence.verifier import Exit, FaultKind, Report, VerifyOptions, verify

NEW_YEAR = "2027-01-01"


def on(day: str, step: Step) -> Step:
    return Step(step.type, step.session, step.facts, step.body, day, leaf=step.leaf)


def opening(previous: str) -> Step:
    step = log_open()
    came_from = {"previous": previous}
    return Step(step.type, "", {**step.facts, **came_from}, {**step.body, **came_from})


def two_years(root: Path) -> tuple[SmallLog, SmallLog]:
    evidence = root / "data" / "evidence"
    old = SmallLog(evidence).write(log_open(), start(ANN), start(BOB), command(ANN)).publish()
    new = SmallLog(evidence, year="2027", signs_as=old.origin)
    new.open = dict(old.open)
    steps = [
        opening(old.checkpoint.decode()),
        *(Step("session.carry", session, body={"n": 0, "leaf": ""}) for session in (ANN, BOB)),
        end(BOB),
        heartbeat(),
        end(ANN),
        log_close(),
    ]
    new.write(*(on(NEW_YEAR, step) for step in steps)).publish()
    return old, new


def judged(old: SmallLog, *, anchored: bool = True) -> Report:
    policy = parse_policy(policy_text(old.key).encode())
    anchor = old.anchor if anchored else None
    return verify(old.evidence, VerifyOptions(policy, anchor, open_day, pause=lambda: None))


def test_two_years_are_proved_under_the_policy_of_the_first(tmp_path: Path) -> None:
    old, new = two_years(tmp_path)
    report = judged(old)
    assert report.faults == ()
    assert [log.origin for log in report.logs] == [old.origin, new.origin]
    assert [log.vouched for log in report.logs] == [True, True]
    assert report.logs[1].closed


def test_without_the_old_year_the_carried_sessions_are_believed(tmp_path: Path) -> None:
    old, _ = two_years(tmp_path)
    for gone in (old.evidence / "log" / "2026", old.evidence / "segments" / "2026-03-01"):
        tampering.remove(gone)
    assert judged(old, anchored=False).exit is Exit.PROVED


def test_an_old_year_that_vanished_although_it_is_anchored(tmp_path: Path) -> None:
    old, _ = two_years(tmp_path)
    for gone in (old.evidence / "log" / "2026", old.evidence / "segments" / "2026-03-01"):
        tampering.remove(gone)
    assert {fault.kind for fault in judged(old).faults} == {FaultKind.ANCHOR_ROLLED_BACK}


def test_a_year_that_continues_another_history(tmp_path: Path) -> None:
    old, _ = two_years(tmp_path)
    for gone in (old.evidence / "log" / "2026", old.evidence / "segments" / "2026-03-01"):
        tampering.remove(gone)
    old.anchor.unlink()
    other = (log_open(), start(ANN), command(ANN, "SELECT 3"), start(BOB), command(ANN))
    SmallLog(old.evidence).write(*other).publish()
    # The sessions' links into the new year break, too: their last records are others now.
    kinds = {fault.kind for fault in judged(old).faults}
    assert {FaultKind.YEAR_LINK, FaultKind.SESSION_LINK} <= kinds


def test_a_day_prepared_ahead_is_no_log(tmp_path: Path) -> None:
    old, _ = two_years(tmp_path)
    ahead = old.evidence / "segments" / "2028-01-01"
    ahead.mkdir()
    (ahead / "000.seg").write_bytes(bytes(4096))
    assert judged(old).faults == ()
