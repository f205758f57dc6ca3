"""What stands in the place of evidence is named, and nothing makes the verifier wait."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.small_log import DAY, SmallLog, dialogue
from tests.evidence.verifier import tampering
from tests.evidence.verifier.judging import judged, kinds

from custody.evidence.verifier import Exit, FaultKind

PLACES = (
    "log/2026/checkpoint",
    "log/2026/tile/0/000.p/15",
    "log/2026/tile/entries/000.p/15",
    f"segments/{DAY}/000.seg",
    f"wrapped/{DAY}",
    "log.vkey",
    "FORMAT.md",
)


def link(path: Path) -> None:
    path.rename(elsewhere := Path(f"{path}.elsewhere"))
    path.symlink_to(elsewhere)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def vast(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(1 << 40)


ACTS = [
    (link, FaultKind.FILE_NOT_REGULAR),
    (fifo, FaultKind.FILE_NOT_REGULAR),
    (directory, FaultKind.FILE_NOT_REGULAR),
    (vast, FaultKind.FILE_TOO_LARGE),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("act", "kind"), ACTS, ids=[act.__name__ for act, _ in ACTS])
def test_what_is_no_file_of_its_kind_is_named(
    tmp_path: Path, place: str, act: Callable[[Path], None], kind: FaultKind
) -> None:
    log = dialogue(tmp_path)
    act(log.evidence / place)
    report = judged(log, anchor=None)
    assert (kind, place) in {(fault.kind, fault.path) for fault in report.faults}
    assert report.exit is Exit.TAMPERED


@pytest.mark.parametrize(
    "place", ["log", "segments", "wrapped", f"segments/{DAY}", "log/2026/tile"]
)
def test_a_folder_that_is_a_link_is_named(tmp_path: Path, place: str) -> None:
    log = dialogue(tmp_path)
    link(log.evidence / place)
    assert FaultKind.FILE_NOT_REGULAR in kinds(judged(log))


def test_the_words_of_the_format_are_ours(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    text = log.evidence / "FORMAT.md"
    text.write_bytes(text.read_bytes().replace(b"SHA-256", b"CRC-32"))
    assert kinds(judged(log)) == {FaultKind.FORMAT_FILE_ALTERED}
    text.unlink()
    report = judged(log)
    assert kinds(report) == {FaultKind.FORMAT_FILE_MISSING}
    assert report.exit is Exit.INCOMPLETE


def test_other_names_are_counted_and_shown_without_their_magic(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    (log.evidence / "\x1b[2JPROVED").write_bytes(b"")
    (log.evidence / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    report = judged(log)
    assert report.exit is Exit.PROVED
    said = next(line for line in report.not_proved if "the format does not know" in line)
    assert said.startswith("2 names")
    assert said.isascii()
    assert said.isprintable()


def test_many_vast_empty_segments_take_no_time(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    for number in range(100, 1100):
        with (log.evidence / "segments" / DAY / f"{number}.seg").open("wb") as file:
            file.truncate(256 * 1024 * 1024)
    started = time.process_time()
    assert judged(log).faults == ()
    assert time.process_time() - started < 20


def test_a_byte_behind_a_vast_hole_is_named_and_not_looked_for(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    with (log.evidence / "segments" / DAY / "100.seg").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
        file.write(b"x")
        file.seek(200 * 1024 * 1024)
        file.write(b"x")
    assert FaultKind.SEGMENT_SPARSE in kinds(judged(log))


def test_a_stranger_names_no_log(tmp_path: Path) -> None:
    log: SmallLog = dialogue(tmp_path)
    tampering.remove(log.evidence / "log.vkey")
    checkpoint = tampering.published(log, "checkpoint")
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"gw1", b"\x1b[2J"))
    report = judged(log, policy=None, anchor=None)
    assert all(summary.origin.isprintable() for summary in report.logs)
