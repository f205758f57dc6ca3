"""Policies, witnesses and key files."""

from pathlib import Path

from tests.evidence.signing import private, witness_key
from tests.evidence.small_log import (
    BOB,
    DAY,
    SmallLog,
    dialogue,
    open_day,
)
from tests.evidence.verifier import tampering
from tests.evidence.verifier.judging import judged, kinds, policy_of

from custody.evidence.tlog.cosignature import cosign
from custody.evidence.tlog.note import Note, parse_note
from custody.evidence.tlog.policy import parse_policy
from custody.evidence.verifier import Exit, FaultKind


def test_a_policy_may_ask_for_witnesses(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    witness = witness_key("witness.example/w")
    text = f"log {log.key.text}\nwitness w {witness.text}\nquorum w\n"
    policy = parse_policy(text.encode())
    report = judged(log, policy=policy)
    assert kinds(report) == {FaultKind.UNWITNESSED}
    assert report.exit is Exit.INCOMPLETE

    path = tampering.published(log, "checkpoint")
    note = parse_note(path.read_bytes())
    line = cosign(note.text, witness, 1_772_000_000, private(witness.name).sign)
    path.write_bytes(Note(note.text, (*note.signatures, line)).encode())
    report = judged(log, policy=policy)
    assert report.exit is Exit.PROVED
    assert any("witnessed by witness.example/w" in line for line in report.proved)


def test_a_policy_that_does_not_know_this_log(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    other = SmallLog(tmp_path / "other" / "evidence", year="2031")
    report = judged(log, policy=policy_of(other))
    assert FaultKind.CHECKPOINT_UNKNOWN_KEY in kinds(report)


def test_a_key_line_that_a_crash_cut_short(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    keys = log.evidence / "wrapped" / DAY
    keys.write_bytes(keys.read_bytes() + b"key ses_aaa AAAA\n\n\n\n")
    assert judged(log).faults == ()


def test_a_key_line_that_a_running_gateway_adds(tmp_path: Path) -> None:
    """Into space taken ahead, so that the file's size does not change."""
    log = dialogue(tmp_path)
    keys = log.evidence / "wrapped" / DAY
    whole = keys.read_bytes()
    lines = whole.splitlines(keepends=True)
    keys.write_bytes(b"".join(lines[:-1]).ljust(len(whole), b"\n"))
    looks: list[int] = []

    def gateway_goes_on(_what: str, done: int, _total: int) -> None:
        looks.append(done)

    def open_and_add(day: str, wrapped: bytes) -> bytes:
        """The key file was read by now; the gateway adds the last session's line."""
        keys.write_bytes(whole)
        return open_day(day, wrapped)

    report = judged(log, open_day=open_and_add, progress=gateway_goes_on)
    assert report.faults == ()
    assert looks[-1] == log.size


def test_a_key_line_altered_is_missed_where_it_is_needed(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    keys = log.evidence / "wrapped" / DAY
    tampering.flip(keys, keys.read_bytes().index(BOB.encode()) + 30)
    report = judged(log)
    assert kinds(report) == {FaultKind.KEY_LINE_ALTERED}
    assert report.exit is Exit.TAMPERED
    assert BOB in report.faults[0].sentence


def test_a_named_anchor_that_is_lost_is_missed(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    log.anchor.unlink()
    report = judged(log)
    assert kinds(report) == {FaultKind.ANCHOR_MISSING}
    assert report.exit is Exit.INCOMPLETE
    log.anchor.write_text("custody-anchor/1\n")
    assert kinds(judged(log)) == {FaultKind.ANCHOR_MISSING}
