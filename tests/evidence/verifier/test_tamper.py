"""What ``verify`` says of logs that were tampered with: each act by its own name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.signing import private
from tests.evidence.small_log import (
    ANN,
    BOB,
    CYD,
    DIALOGUE,
    SmallLog,
    command,
    dialogue,
)
from tests.evidence.verifier import tampering
from tests.evidence.verifier.judging import judged, kinds

from custody.evidence.tlog.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.tlog.note import Note, parse_note, verifier_key
from custody.evidence.tlog.tile import Bundle, Tile
from custody.evidence.verifier import Exit, FaultKind

Act = Callable[[SmallLog], None]
LAST = len(DIALOGUE) - 1
KINDS = {step.type: step for step in DIALOGUE}


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

ACTS: list[tuple[str, Act, FaultKind, Exit]] = [
    (
        "a frame cut out",
        lambda log: tampering.cut_frame(log, 3),
        FaultKind.RECORD_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a frame blanked",
        lambda log: tampering.blank_frame(log, 3),
        FaultKind.FRAME_DAMAGED,
        Exit.TAMPERED,
    ),
    (
        "the last frame cut off",
        lambda log: tampering.blank_frame(log, LAST),
        FaultKind.RECORD_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a whole session's frames cut out",
        lambda log: tampering.remove_session(log, CYD),
        FaultKind.RECORD_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a segment removed",
        lambda log: tampering.remove(tampering.segment(log, 8)),
        FaultKind.SEGMENT_MISSING,
        Exit.TAMPERED,
    ),
    (
        "the last segment removed",
        lambda log: tampering.remove(tampering.segment(log, LAST)),
        FaultKind.SEGMENT_MISSING,
        Exit.TAMPERED,
    ),
    (
        "all segments removed",
        lambda log: tampering.remove(log.evidence / "segments"),
        FaultKind.SEGMENT_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a tile removed",
        lambda log: tampering.remove(tampering.published(log, TILE)),
        FaultKind.TILE_MISSING,
        Exit.TAMPERED,
    ),
    (
        "a bundle removed",
        lambda log: tampering.remove(tampering.published(log, BUNDLE)),
        FaultKind.ENTRIES_MISSING,
        Exit.TAMPERED,
    ),
    (
        "all tiles and entries removed",
        lambda log: tampering.remove(tampering.published(log, "tile")),
        FaultKind.TREE_ROOT,
        Exit.TAMPERED,
    ),
    (
        "two frames swapped",
        lambda log: tampering.swap_frames(log, 2),
        FaultKind.RECORD_MISPLACED,
        Exit.TAMPERED,
    ),
    (
        "two records swapped",
        lambda log: tampering.swap_indexes(log, 2),
        FaultKind.FRAME_DIFFERS,
        Exit.TAMPERED,
    ),
    (
        "two entries swapped",
        lambda log: tampering.change_entries(log, {2: 3, 3: 2}),
        FaultKind.RECORD_ALTERED,
        Exit.TAMPERED,
    ),
    (
        "an entry taken out",
        lambda log: tampering.change_entries(log, {2: None}),
        FaultKind.ENTRIES_ALTERED,
        Exit.TAMPERED,
    ),
    ("an entry and its tile replaced", entries_and_tile, FaultKind.TREE_ROOT, Exit.TAMPERED),
    (
        "a tile's hash altered",
        lambda log: tampering.flip(tampering.published(log, TILE), 40),
        FaultKind.TILE_ALTERED,
        Exit.TAMPERED,
    ),
    (
        "a sealed payload replaced",
        lambda log: tampering.repack(log, 2, sealed=b"something else"),
        FaultKind.PAYLOAD_CORRUPT,
        Exit.TAMPERED,
    ),
    (
        "a frame's random bytes replaced",
        lambda log: tampering.repack(log, 2, random=bytes(32)),
        FaultKind.PAYLOAD_CORRUPT,
        Exit.TAMPERED,
    ),
    (
        "a frame's durable size raised",
        lambda log: tampering.repack(log, 2, durable=9),
        FaultKind.FRAME_DURABLE,
        Exit.TAMPERED,
    ),
    (
        "a frame's durable size lowered",
        lambda log: tampering.repack(log, 9, durable=1),
        FaultKind.FRAME_DURABLE,
        Exit.TAMPERED,
    ),
    (
        "a frame replayed",
        lambda log: tampering.put_frame(log, 3, tampering.framed(log, 2)),
        FaultKind.RECORD_MISPLACED,
        Exit.TAMPERED,
    ),
    ("an old checkpoint replayed", old_checkpoint, FaultKind.CHECKPOINT_STALE, Exit.INCOMPLETE),
    ("an old copy put back", old_copy, FaultKind.ANCHOR_ROLLED_BACK, Exit.TAMPERED),
    ("another history, signed", other_history, FaultKind.ANCHOR_FORK, Exit.TAMPERED),
    ("a session left out, signed", session_unwritten, FaultKind.ANCHOR_ROLLED_BACK, Exit.TAMPERED),
    ("a root signed that is not this tree's", resigned_root, FaultKind.TREE_ROOT, Exit.TAMPERED),
    ("signed by another key", signed_by_another, FaultKind.CHECKPOINT_UNKNOWN_KEY, Exit.TAMPERED),
    ("a signed text altered", forged, FaultKind.CHECKPOINT_FORGED, Exit.TAMPERED),
    (
        "the checkpoint removed",
        lambda log: tampering.remove(tampering.published(log, "checkpoint")),
        FaultKind.CHECKPOINT_MISSING,
        Exit.INCOMPLETE,
    ),
    (
        "the checkpoint emptied",
        emptied_checkpoint,
        FaultKind.CHECKPOINT_MALFORMED,
        Exit.TAMPERED,
    ),
    (
        "the day's keys removed",
        lambda log: tampering.remove(log.evidence / "wrapped"),
        FaultKind.DAY_KEY_MISSING,
        Exit.INCOMPLETE,
    ),
    (
        "everything removed but the keys",
        everything,
        FaultKind.ANCHOR_ROLLED_BACK,
        Exit.TAMPERED,
    ),
]


@pytest.mark.parametrize(
    ("act", "kind", "exit_code"), [each[1:] for each in ACTS], ids=[each[0] for each in ACTS]
)
def test_each_act_is_named(tmp_path: Path, act: Act, kind: FaultKind, exit_code: Exit) -> None:
    log = dialogue(tmp_path)
    act(log)
    report = judged(log)
    assert kind in kinds(report)
    assert report.exit is exit_code


def test_a_lost_session_is_named_by_records(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    tampering.remove_session(log, CYD)
    gone = {fault.index for fault in judged(log).faults if fault.kind is FaultKind.RECORD_MISSING}
    assert gone == {10}
    assert "records 10 to 11" in judged(log).faults[0].sentence


def test_one_flip_is_one_fault_that_names_its_record(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    _, offset, length = log.places[6]
    tampering.flip(tampering.segment(log, 6), offset + length - 1)
    faults = judged(log).faults
    assert [(fault.kind, fault.index) for fault in faults] == [(FaultKind.FRAME_DAMAGED, 6)]


def test_an_old_checkpoint_of_a_closed_log_shows_without_an_anchor(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    old_checkpoint(log)
    report = judged(log, anchor=None)
    assert kinds(report) == {FaultKind.UNSIGNED_AFTER_CLOSE}
    assert report.exit is Exit.INCOMPLETE


def test_a_running_gateway_may_sign_before_it_shows(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    newest = tampering.published(log, "checkpoint").read_bytes()
    old_checkpoint(log)

    def gateway_goes_on() -> None:
        tampering.published(log, "checkpoint").write_bytes(newest)

    report = judged(log, pause=gateway_goes_on)
    assert FaultKind.CHECKPOINT_STALE not in kinds(report)
