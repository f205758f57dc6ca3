"""What ``verify`` says of logs that were tampered with: each act by its own name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence import tampering
from tests.evidence.signing import private, witness_key
from tests.evidence.small_log import (
    ANN,
    BOB,
    CYD,
    DAY,
    DIALOGUE,
    SmallLog,
    Step,
    command,
    dialogue,
    end,
    log_close,
    log_open,
    open_day,
    response,
    start,
)

from custody.evidence.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.cosignature import cosign
from custody.evidence.note import Note, parse_note, verifier_key
from custody.evidence.tile import Bundle, Tile
from custody.evidence.tlog_policy import Policy, parse_policy, policy_text
from custody.evidence.verifier import Exit, Kind, Options, Report, verify

Act = Callable[[SmallLog], None]
LAST = len(DIALOGUE) - 1
KINDS = {step.type: step for step in DIALOGUE}


def policy_of(log: SmallLog) -> Policy:
    return parse_policy(policy_text(log.key).encode())


def judged(log: SmallLog, **changed: object) -> Report:
    options: dict[str, object] = {
        "policy": policy_of(log),
        "anchor": log.anchor,
        "open_day": open_day,
        "pause": lambda: None,
    }
    return verify(log.evidence, Options(**{**options, **changed}))  # type: ignore[arg-type]  # a table of named options


def kinds(report: Report) -> set[Kind]:
    return {fault.kind for fault in report.faults}


def old_checkpoint(log: SmallLog) -> None:
    older = SmallLog(log.evidence.parent / "older" / "evidence")
    older.write(*DIALOGUE[:6]).publish(anchor=False)
    path = tampering.published(log, "checkpoint")
    path.write_bytes(tampering.published(older, "checkpoint").read_bytes())
    tampering.remove(older.evidence.parent)


def old_copy(log: SmallLog) -> None:
    tampering.remove(log.evidence)
    SmallLog(log.evidence).write(*DIALOGUE[:6]).publish(anchor=False)


def other_history(log: SmallLog) -> None:
    tampering.remove(log.evidence)
    other = (*DIALOGUE[:6], command(BOB, "SELECT 'something else'"), *DIALOGUE[7:])
    SmallLog(log.evidence).write(*other).publish(anchor=False)


def session_unwritten(log: SmallLog) -> None:
    """By who holds the log key: a whole session left out, and everything signed anew."""
    tampering.remove(log.evidence)
    without = tuple(step for step in DIALOGUE if step.session != CYD)
    SmallLog(log.evidence).write(*without).publish(anchor=False)


def resigned_root(log: SmallLog) -> None:
    wrong = Checkpoint(log.origin, log.size, bytes(32))
    note = sign_checkpoint(wrong, log.key, private(log.origin).sign)
    tampering.published(log, "checkpoint").write_bytes(note)


def signed_by_another(log: SmallLog) -> None:
    other = private("intruder")
    key = verifier_key(log.origin, other.public_key().public_bytes_raw())
    tree = Checkpoint(log.origin, log.size, log.tree.root())
    tampering.published(log, "checkpoint").write_bytes(sign_checkpoint(tree, key, other.sign))
    (log.evidence / "log.vkey").write_text(key.text + "\n")


def forged(log: SmallLog) -> None:
    path = tampering.published(log, "checkpoint")
    note = parse_note(path.read_bytes())
    text = note.text.replace(f"\n{log.size}\n", f"\n{log.size - 1}\n")
    path.write_bytes(Note(text, note.signatures).encode())


def entries_and_tile(log: SmallLog) -> None:
    """An entry replaced and its tile made to fit."""
    other = SmallLog(log.evidence.parent / "other" / "evidence")
    steps = (*DIALOGUE[:2], command(ANN, "SELECT 'never asked'"), *DIALOGUE[3:])
    other.write(*steps).publish(anchor=False)
    for path in (Bundle(0, log.size).path, Tile(0, 0, log.size).path):
        replaced = tampering.published(other, path).read_bytes()
        tampering.published(log, path).write_bytes(replaced)
    tampering.remove(other.evidence.parent)


def emptied_checkpoint(log: SmallLog) -> None:
    tampering.published(log, "checkpoint").write_bytes(b"")


def everything(log: SmallLog) -> None:
    tampering.remove(log.evidence / "log" / "2026")
    tampering.remove(log.evidence / "segments")


BUNDLE = Bundle(0, LAST + 1).path
TILE = Tile(0, 0, LAST + 1).path

ACTS: list[tuple[str, Act, Kind, Exit]] = [
    (
        "a frame cut out",
        lambda log: tampering.cut_frame(log, 3),
        Kind.RECORD_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a frame blanked",
        lambda log: tampering.blank_frame(log, 3),
        Kind.FRAME_DAMAGED,
        Exit.TAMPERED,
    ),
    (
        "the last frame cut off",
        lambda log: tampering.blank_frame(log, LAST),
        Kind.RECORD_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a whole session's frames cut out",
        lambda log: tampering.remove_session(log, CYD),
        Kind.RECORD_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a segment removed",
        lambda log: tampering.remove(tampering.segment(log, 8)),
        Kind.SEGMENT_MISSING,
        Exit.TAMPERED,
    ),
    (
        "the last segment removed",
        lambda log: tampering.remove(tampering.segment(log, LAST)),
        Kind.SEGMENT_MISSING,
        Exit.TAMPERED,
    ),
    (
        "all segments removed",
        lambda log: tampering.remove(log.evidence / "segments"),
        Kind.SEGMENT_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a tile removed",
        lambda log: tampering.remove(tampering.published(log, TILE)),
        Kind.TILE_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a bundle removed",
        lambda log: tampering.remove(tampering.published(log, BUNDLE)),
        Kind.ENTRIES_MISSING,
        Exit.TAMPERED,
    ),
    (
        "all tiles and entries removed",
        lambda log: tampering.remove(tampering.published(log, "tile")),
        Kind.TREE_ROOT,
        Exit.TAMPERED,
    ),
    (
        "two frames swapped",
        lambda log: tampering.swap_frames(log, 2),
        Kind.RECORD_MISPLACED,
        Exit.TAMPERED,
    ),
    (
        "two records swapped",
        lambda log: tampering.swap_indexes(log, 2),
        Kind.FRAME_DIFFERS,
        Exit.TAMPERED,
    ),
    (
        "two entries swapped",
        lambda log: tampering.change_entries(log, {2: 3, 3: 2}),
        Kind.RECORD_ALTERED,
        Exit.TAMPERED,
    ),
    (
        "an entry taken out",
        lambda log: tampering.change_entries(log, {2: None}),
        Kind.ENTRIES_ALTERED,
        Exit.TAMPERED,
    ),
    ("an entry and its tile replaced", entries_and_tile, Kind.TREE_ROOT, Exit.TAMPERED),
    (
        "a tile's hash altered",
        lambda log: tampering.flip(tampering.published(log, TILE), 40),
        Kind.TILE_ALTERED,
        Exit.TAMPERED,
    ),
    (
        "a sealed payload replaced",
        lambda log: tampering.repack(log, 2, sealed=b"something else"),
        Kind.PAYLOAD_CORRUPT,
        Exit.TAMPERED,
    ),
    (
        "a frame's random bytes replaced",
        lambda log: tampering.repack(log, 2, random=bytes(32)),
        Kind.PAYLOAD_COMMITMENT,
        Exit.TAMPERED,
    ),
    (
        "a frame's durable size raised",
        lambda log: tampering.repack(log, 2, durable=9),
        Kind.FRAME_DURABLE,
        Exit.TAMPERED,
    ),
    (
        "a frame's durable size lowered",
        lambda log: tampering.repack(log, 9, durable=1),
        Kind.FRAME_DURABLE,
        Exit.TAMPERED,
    ),
    (
        "a frame replayed",
        lambda log: tampering.put_frame(log, 3, tampering.framed(log, 2)),
        Kind.RECORD_MISPLACED,
        Exit.TAMPERED,
    ),
    ("an old checkpoint replayed", old_checkpoint, Kind.CHECKPOINT_STALE, Exit.INCOMPLETE),
    ("an old copy put back", old_copy, Kind.ANCHOR_ROLLED_BACK, Exit.TAMPERED),
    ("another history, signed", other_history, Kind.ANCHOR_FORK, Exit.TAMPERED),
    ("a session left out, signed", session_unwritten, Kind.ANCHOR_ROLLED_BACK, Exit.TAMPERED),
    ("a root signed that is not this tree's", resigned_root, Kind.TREE_ROOT, Exit.TAMPERED),
    ("signed by another key", signed_by_another, Kind.CHECKPOINT_UNKNOWN_KEY, Exit.TAMPERED),
    ("a signed text altered", forged, Kind.CHECKPOINT_FORGED, Exit.TAMPERED),
    (
        "the checkpoint removed",
        lambda log: tampering.remove(tampering.published(log, "checkpoint")),
        Kind.CHECKPOINT_MISSING,
        Exit.INCOMPLETE,
    ),
    (
        "the checkpoint emptied",
        emptied_checkpoint,
        Kind.CHECKPOINT_MALFORMED,
        Exit.TAMPERED,
    ),
    (
        "the day's keys removed",
        lambda log: tampering.remove(log.evidence / "wrapped"),
        Kind.DAY_KEY_MISSING,
        Exit.INCOMPLETE,
    ),
    (
        "everything removed but the keys",
        everything,
        Kind.ANCHOR_ROLLED_BACK,
        Exit.TAMPERED,
    ),
]


@pytest.mark.parametrize(
    ("act", "kind", "exit_code"), [each[1:] for each in ACTS], ids=[each[0] for each in ACTS]
)
def test_each_act_is_named(tmp_path: Path, act: Act, kind: Kind, exit_code: Exit) -> None:
    log = dialogue(tmp_path)
    act(log)
    report = judged(log)
    assert kind in kinds(report)
    assert report.exit is exit_code


def test_a_lost_session_is_named_by_records(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    tampering.remove_session(log, CYD)
    gone = {fault.index for fault in judged(log).faults if fault.kind is Kind.RECORD_MISSING}
    assert gone == {10}
    assert "records 10 to 11" in judged(log).faults[0].sentence


def test_one_flip_is_one_fault_that_names_its_record(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    _, offset, length = log.places[6]
    tampering.flip(tampering.segment(log, 6), offset + length - 1)
    faults = judged(log).faults
    assert [(fault.kind, fault.index) for fault in faults] == [(Kind.FRAME_DAMAGED, 6)]


def test_an_old_checkpoint_of_a_closed_log_shows_without_an_anchor(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    old_checkpoint(log)
    report = judged(log, anchor=None)
    assert kinds(report) == {Kind.UNSIGNED_AFTER_CLOSE}
    assert report.exit is Exit.INCOMPLETE


def test_a_running_gateway_may_sign_before_it_shows(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    newest = tampering.published(log, "checkpoint").read_bytes()
    old_checkpoint(log)

    def gateway_goes_on() -> None:
        tampering.published(log, "checkpoint").write_bytes(newest)

    report = judged(log, pause=gateway_goes_on)
    assert Kind.CHECKPOINT_STALE not in kinds(report)


# By who holds the log key and writes what the writer never would.
INSIDERS: list[tuple[str, tuple[Step, ...], Kind]] = [
    (
        "a link that leads elsewhere",
        (log_open(), start(ANN), Step("opaque", ANN, leaf={"prev": "0" * 64}), end(ANN)),
        Kind.SESSION_LINK,
    ),
    (
        "a number left out",
        (log_open(), start(ANN), Step("opaque", ANN, leaf={"n": 2}), end(ANN)),
        Kind.SESSION_GAP,
    ),
    (
        "a session without its beginning",
        (log_open(), Step("opaque", ANN, leaf={"n": 4, "prev": "0" * 64}), end(ANN)),
        Kind.SESSION_GAP,
    ),
    (
        "a session that begins with a command",
        (log_open(), command(ANN), end(ANN)),
        Kind.SESSION_START,
    ),
    (
        "a session that starts again",
        (log_open(), start(ANN), Step("session.start", ANN, leaf={"n": 1}), end(ANN)),
        Kind.SESSION_START,
    ),
    ("a session never ended", (log_open(), start(ANN), log_close()), Kind.SESSION_UNFINISHED),
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
        Kind.HEARTBEAT,
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
        Kind.RECOVERY,
    ),
    (
        "a record filed elsewhere",
        (log_open(), Step("admin", leaf={"seg": f"{DAY}/007"})),
        Kind.LEAF_SEGMENT,
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
        Kind.PAYLOAD_DISAGREES,
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
        Kind.PAYLOAD_DISAGREES,
    ),
    (
        "a leaf of another version",
        (log_open(), Step("admin", leaf={"v": "custody-leaf/9"})),
        Kind.LEAF_MALFORMED,
    ),
    (
        "free text in a leaf",
        (log_open(), Step("admin", leaf={"note": "a sentence"})),
        Kind.LEAF_MALFORMED,
    ),
]


@pytest.mark.parametrize(
    ("steps", "kind"), [each[1:] for each in INSIDERS], ids=[each[0] for each in INSIDERS]
)
def test_what_is_signed_and_yet_wrong(tmp_path: Path, steps: tuple[Step, ...], kind: Kind) -> None:
    log = SmallLog(tmp_path / "data" / "evidence").write(*steps).publish()
    report = judged(log)
    assert kinds(report) == {kind}
    assert report.exit is Exit.TAMPERED


def test_a_day_that_goes_back(tmp_path: Path) -> None:
    log = SmallLog(tmp_path / "data" / "evidence")
    back = Step("admin", leaf={"seg": "2026-02-28/000"})
    report = judged(log.write(log_open(), back).publish())
    assert Kind.DAY_WENT_BACK in kinds(report)
    assert report.exit is Exit.TAMPERED


def test_a_session_left_out_and_signed_anew_breaks_a_heartbeat(tmp_path: Path) -> None:
    """The intruder keeps the heartbeats as they were, since their content is sealed."""
    whole = SmallLog(tmp_path / "whole" / "data" / "evidence").write(*DIALOGUE[:9])
    said = {"open": 1, "digest": whole.digest()}
    kept = [step for step in DIALOGUE[:9] if step.session != BOB]
    log = SmallLog(tmp_path / "data" / "evidence")
    log.write(*kept, Step("heartbeat", facts=dict(said), body=dict(said))).publish()
    assert kinds(judged(log)) == {Kind.HEARTBEAT}


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
    assert kinds(judged(log)) == {Kind.TAIL_ALTERED}


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
    assert Kind.FRAME_DAMAGED in kinds(report)
    assert report.exit is Exit.TAMPERED


def test_a_policy_may_ask_for_witnesses(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    witness = witness_key("witness.example/w")
    text = f"log {log.key.text}\nwitness w {witness.text}\nquorum w\n"
    policy = parse_policy(text.encode())
    report = judged(log, policy=policy)
    assert kinds(report) == {Kind.UNWITNESSED}
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
    assert Kind.CHECKPOINT_UNKNOWN_KEY in kinds(report)


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
    assert kinds(report) == {Kind.DAY_KEY_MISSING}
    assert BOB in report.faults[0].sentence


def test_an_honest_response_is_no_fault(tmp_path: Path) -> None:
    steps = (log_open(), start(ANN), command(ANN), response(ANN, 1), end(ANN), log_close())
    assert judged(SmallLog(tmp_path / "data" / "evidence").write(*steps).publish()).faults == ()
