"""Contents that were destroyed are missed without any key; format 1 is named for its limits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.small_log import ANN, BOB, DAY, DIALOGUE, SmallLog, Step, dialogue, log_open
from tests.evidence.verifier import tampering
from tests.evidence.verifier.judging import judged, kinds

from custody.evidence.record import frame
from custody.evidence.record.frame import Frame
from custody.evidence.verifier import Exit, FaultKind, Report


def keys(log: SmallLog) -> Path:
    return log.evidence / "wrapped" / DAY


def zero_random(log: SmallLog) -> None:
    tampering.repack(log, 6, random=bytes(32))


def zero_every_random(log: SmallLog) -> None:
    for index in range(log.size):
        tampering.repack(log, index, random=bytes(32))


def zero_durable(log: SmallLog) -> None:
    for index in range(log.size):
        tampering.repack(log, index, durable=0)


def change_format(log: SmallLog) -> None:
    found = frame.read(tampering.framed(log, 3))
    assert isinstance(found, Frame)
    other = frame.pack(found.index, found.durable, found.random, found.leaf, found.sealed, 1)
    tampering.put_frame(log, 3, other)


def flip_line(log: SmallLog) -> None:
    tampering.flip(keys(log), keys(log).read_bytes().index(BOB.encode()) + 30)


def without_line(start: bytes) -> Callable[[SmallLog], None]:
    def act(log: SmallLog) -> None:
        lines = keys(log).read_bytes().splitlines(keepends=True)
        keys(log).write_bytes(b"".join(each for each in lines if not each.startswith(start)))

    return act


def other_line(log: SmallLog) -> None:
    """A line that is whole, for the same session, put in front of the one that counts."""
    other = SmallLog(log.evidence.parent.parent / "other" / "data" / "evidence")
    other.write(log_open(), Step("session.start", BOB)).publish()
    line = next(each for each in keys(log).read_bytes().splitlines() if ANN.encode() in each)
    head, rest = keys(log).read_bytes().split(b"\n", 1)
    mine = line.rsplit(b" ", 1)[0].replace(ANN.encode(), BOB.encode())
    import zlib  # noqa: PLC0415 - for this line alone

    keys(log).write_bytes(head + b"\n" + b"%s %08x\n" % (mine, zlib.crc32(mine)) + rest)


def emptied(log: SmallLog) -> None:
    keys(log).write_bytes(b"\n" * keys(log).stat().st_size)


def header(change: Callable[[bytes], bytes]) -> Callable[[SmallLog], None]:
    def act(log: SmallLog) -> None:
        head, rest = keys(log).read_bytes().split(b"\n", 1)
        keys(log).write_bytes(change(head + b"\n") + rest)

    return act


ALTERED_HEADERS: dict[str, Callable[[SmallLog], None]] = {
    "another day": header(lambda head: head.replace(DAY.encode(), b"2001-01-01")),
    "another version": header(lambda head: head.replace(b"/1 ", b"/9 ")),
    "a flipped bit": header(lambda head: bytes([head[0] ^ 1]) + head[1:]),
    "a carriage return": header(lambda head: head.replace(b"\n", b"\r\n")),
    "cut short": header(lambda head: head[:5] + b"\n"),
}


@pytest.mark.parametrize("open_day", [None, judged], ids=["without keys", "with keys"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("act", ALTERED_HEADERS.values(), ids=ALTERED_HEADERS)
def test_a_key_files_header_that_was_altered_is_tampering_and_named(
    tmp_path: Path, act: Callable[[SmallLog], None], version: int, open_day: object
) -> None:
    log = dialogue(tmp_path) if version == 2 else first_format(tmp_path)
    act(log)
    report = judged(log, open_day=None) if open_day is None else judged(log)
    assert kinds(report) == {FaultKind.KEY_HEADER_ALTERED}
    assert report.exit is Exit.TAMPERED
    assert f"wrapped/{DAY} was altered: its first line" in report.faults[0].sentence


def test_a_key_files_header_that_was_taken_out_is_named_beside_what_it_takes_along(
    tmp_path: Path,
) -> None:
    """The day's own line stands in its place then, and is missed, too."""
    log = dialogue(tmp_path)
    header(lambda _: b"")(log)
    report = judged(log)
    assert kinds(report) == {FaultKind.KEY_HEADER_ALTERED, FaultKind.KEY_LINE_ALTERED}
    assert report.exit is Exit.TAMPERED


DESTROYED: list[tuple[str, Callable[[SmallLog], None], FaultKind]] = [
    ("one frame's random bytes zeroed", zero_random, FaultKind.PAYLOAD_CORRUPT),
    ("every frame's random bytes zeroed", zero_every_random, FaultKind.PAYLOAD_CORRUPT),
    ("what frames call durable zeroed", zero_durable, FaultKind.FRAME_DURABLE),
    ("a frame that calls itself another format", change_format, FaultKind.FRAME_FORMAT),
    ("a byte of a session's key line", flip_line, FaultKind.KEY_LINE_ALTERED),
    ("a session's key line", without_line(b"key " + BOB.encode()), FaultKind.KEY_LINE_ALTERED),
    ("the log's own key line", without_line(b"key log"), FaultKind.KEY_LINE_ALTERED),
    ("the day's key line", without_line(b"day "), FaultKind.KEY_LINE_ALTERED),
    ("another line before a session's", other_line, FaultKind.KEY_LINE_ALTERED),
    ("all lines", emptied, FaultKind.KEY_LINE_ALTERED),
]


@pytest.mark.parametrize("open_day", [None, judged], ids=["without keys", "with keys"])
@pytest.mark.parametrize(
    ("act", "kind"), [each[1:] for each in DESTROYED], ids=[each[0] for each in DESTROYED]
)
def test_contents_that_were_destroyed_are_tampering(
    tmp_path: Path, act: Callable[[SmallLog], None], kind: FaultKind, open_day: object
) -> None:
    log = dialogue(tmp_path)
    act(log)
    report = judged(log, open_day=None) if open_day is None else judged(log)
    assert kind in kinds(report)
    assert report.exit is Exit.TAMPERED


def test_a_day_without_its_key_file_is_incomplete(tmp_path: Path) -> None:
    """Backups leave it out, and so may whoever hands out a copy."""
    log = dialogue(tmp_path)
    tampering.remove(log.evidence / "wrapped")
    report = judged(log, open_day=None)
    assert kinds(report) == {FaultKind.DAY_KEY_MISSING}
    assert report.exit is Exit.INCOMPLETE


def test_contents_that_were_not_opened_are_in_the_verdict(tmp_path: Path) -> None:
    report = judged(dialogue(tmp_path), open_day=None)
    assert report.exit is Exit.PROVED
    assert "15 contents not opened" in report.verdict
    assert any("sealed bytes and keys unaltered; not opened" in line for line in report.not_proved)
    assert "not opened" not in judged(dialogue(tmp_path / "again")).verdict


def first_format(tmp_path: Path) -> SmallLog:
    log = SmallLog(tmp_path / "data" / "evidence", version=1)
    return log.write(*DIALOGUE).publish()


def test_the_first_format_is_read_and_named_for_what_it_does_not_bind(tmp_path: Path) -> None:
    log = first_format(tmp_path)
    opened = judged(log)
    assert (opened.exit, opened.unbound) == (Exit.PROVED, 0)
    sealed = judged(log, open_day=None)
    assert (sealed.exit, sealed.unbound) == (Exit.PROVED, 15)
    assert "whether 15 contents of format 1 can be opened is open" in sealed.verdict

    zero_every_random_of(log, 1)
    assert "can be opened is open" in judged(log, open_day=None).verdict
    assert kinds(judged(log)) == {FaultKind.PAYLOAD_COMMITMENT}


def zero_every_random_of(log: SmallLog, version: int) -> None:
    for index in range(log.size):
        found = frame.read(tampering.framed(log, index))
        assert isinstance(found, Frame)
        tampering.put_frame(
            log,
            index,
            frame.pack(index, found.durable, bytes(32), found.leaf, found.sealed, version),
        )


def continued(tmp_path: Path, *versions: int) -> Report:
    log = SmallLog(tmp_path / "data" / "evidence")
    for version, steps in zip(versions, (DIALOGUE[:8], DIALOGUE[8:]), strict=True):
        log.version = version
        log.write(*steps)
    return judged(log.publish(), open_day=None)


def test_a_log_goes_over_to_the_second_format_and_never_back(tmp_path: Path) -> None:
    """What the second part needs of the first part's keys nobody commits to: a session that is
    still open is no honest log's.
    """
    log = SmallLog(tmp_path / "data" / "evidence", version=1)
    log.write(*DIALOGUE)
    log.version = 2
    report = judged(log.write(*DIALOGUE).publish(), open_day=None)
    assert (report.faults, report.unbound) == ((), 15)

    back = continued(tmp_path / "back", 2, 1)
    assert FaultKind.FRAME_FORMAT in kinds(back)
    assert back.exit is Exit.TAMPERED


def test_a_key_that_no_record_commits_to(tmp_path: Path) -> None:
    """By who holds the log key."""
    log = SmallLog(tmp_path / "data" / "evidence")
    log._committed.add((DAY, ANN))
    report = judged(log.write(*DIALOGUE).publish(), open_day=None)
    assert kinds(report) == {FaultKind.KEY_LINE_UNBOUND}
