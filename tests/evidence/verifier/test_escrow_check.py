"""A verdict names who may open contents by escrow, and what was done to their lines."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.escrow_scene import (
    COURT,
    DAY,
    DPO,
    EXPIRING,
    LASTING,
    opener,
    read,
    report_of,
    said,
    scene_of,
    texts,
)
from tests.evidence.scenes import (
    NAME,
    SESSION,
    command,
    session_start,
)

from custody.evidence.disk.escrow_file import escrow_path
from custody.evidence.disk.files import DiskFiles
from custody.evidence.disk.log_copy import copy_log
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.log.log import Log
from custody.evidence.verifier import (
    Exit,
    FaultKind,
    PayloadState,
    refuse_irregular,
)
from custody.model.errors import CustodyError, LogFailureError


def test_a_verdict_names_who_may_open_contents(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING, LASTING)
    said("SELECT 1")(scene)
    report = report_of(scene)
    assert report.exit is Exit.PROVED
    assert [(each.recipient, each.days, each.lasting) for each in report.escrow] == [
        ("dpo", 1, False),
        ("court", 1, True),
    ]
    named = [line for line in report.not_proved if "by escrow" in line]
    assert any("dpo" in line and "until retention is over" in line for line in named)
    assert any("court" in line and "also when retention is over" in line for line in named)


Damage = Callable[[list[bytes]], list[bytes]]
DAMAGES: dict[str, Damage] = {
    "a line taken out": lambda lines: [lines[0], *lines[2:]],
    "the last line taken out": lambda lines: lines[:-1],
    "every line taken out": lambda lines: lines[:1],
    "two lines exchanged": lambda lines: [lines[0], lines[2], lines[1]],
    "a line before the others": lambda lines: [lines[0], lines[2], *lines[1:]],
    "the header taken out": lambda lines: lines[1:],
    "another day's header": lambda lines: [lines[0].replace(b"03-01", b"03-05"), *lines[1:]],
    "the last line cut short": lambda lines: [*lines[:-1], lines[-1][:-9]],
    "nothing left": lambda _lines: [],
}


@pytest.mark.parametrize("act", DAMAGES.values(), ids=DAMAGES)
def test_escrow_lines_that_were_tampered_with_are_named(tmp_path: Path, act: Damage) -> None:
    scene = scene_of(tmp_path, EXPIRING, LASTING)
    said("SELECT 1")(scene)
    path = escrow_path(scene.evidence, DAY)
    path.write_bytes(b"".join(act(path.read_bytes().splitlines(keepends=True))))
    for options in ({}, {"open_day": scene.keys().unwrap}):
        report = report_of(scene, **options)
        assert {fault.kind for fault in report.faults} == {FaultKind.ESCROW_ALTERED}
        assert report.exit is Exit.TAMPERED
        assert f"escrow/{DAY}" in report.faults[0].sentence


def test_every_byte_of_an_escrow_file_is_bound(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, LASTING)
    said("SELECT 1")(scene)
    path = escrow_path(scene.evidence, DAY)
    data = path.read_bytes()
    for place in range(len(data)):
        flipped = bytes([data[place] ^ 1])
        path.write_bytes(data[:place] + flipped + data[place + 1 :])
        report = report_of(scene)
        assert {fault.kind for fault in report.faults} == {FaultKind.ESCROW_ALTERED}, place


def test_a_restart_does_not_cover_up_what_was_done(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    said("SELECT 1")(scene)
    path = escrow_path(scene.evidence, DAY)
    data = path.read_bytes()
    path.write_bytes(data.replace(b" dpo ", b" spy "))
    said("SELECT 2")(scene)
    assert {fault.kind for fault in report_of(scene).faults} == {FaultKind.ESCROW_ALTERED}
    path.unlink()
    said("SELECT 3")(scene)
    assert {fault.kind for fault in report_of(scene).faults} == {FaultKind.ESCROW_ALTERED}
    path.write_bytes(b"custody-escrow/9 " + data.partition(b" ")[2])
    with pytest.raises(LogFailureError) as caught:
        said("SELECT 4")(scene)
    assert caught.value.code == "log.key-file"


def test_lines_that_no_record_commits_to_are_said(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    said("SELECT 1")(scene)
    path = escrow_path(scene.evidence, DAY)
    line = path.read_bytes().splitlines(keepends=True)[1]
    path.write_bytes(path.read_bytes() + line)
    report = report_of(scene)
    assert report.exit is Exit.PROVED
    assert any("no record commits to" in line for line in report.not_proved)


@pytest.mark.parametrize(
    ("recipients", "state"),
    [
        ((), PayloadState.SHREDDED),
        ((EXPIRING,), PayloadState.ESCROWED),
        ((LASTING,), PayloadState.ESCROWED),
    ],
)
def test_nothing_is_called_shredded_that_a_recipient_may_open(
    tmp_path: Path, recipients: tuple[EscrowRecipient, ...], state: PayloadState
) -> None:
    scene = scene_of(tmp_path, *recipients)
    said("SELECT 1")(scene)
    keys = scene.evidence / "wrapped" / DAY
    lines = keys.read_bytes().splitlines(keepends=True)
    keys.write_bytes(b"".join([lines[0], *lines[2:]]))
    for gone in (False, True):
        if gone:
            keys.unlink()
        report = report_of(scene)
        told = {each for each, count in report.payloads.items() if count}
        assert told == {state}
    if recipients:
        keys.write_bytes(b"".join([lines[0], *lines[2:]]))
        key = DPO if recipients == (EXPIRING,) else COURT
        assert texts(read(scene.evidence, key)) == ["SELECT 1"]


def test_a_stub_for_another_line_is_tampering(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    said("SELECT 1")(scene)
    copy = tmp_path / "copy"
    copy_log(DiskFiles(), scene.evidence, copy)
    stub = escrow_path(copy, DAY).read_bytes()
    line = stub.splitlines()[1].split(b" ")
    import zlib  # noqa: PLC0415 - for this line alone

    words = b" ".join([*line[:5], b"0" * 64])
    other = stub.splitlines(keepends=True)[0] + b"%s %08x\n" % (words, zlib.crc32(words))
    escrow_path(scene.evidence, DAY).write_bytes(other)
    assert {fault.kind for fault in report_of(scene).faults} == {FaultKind.ESCROW_ALTERED}


def test_several_processes_say_the_same(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    scene.segment_bytes = 4 * 8192

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        for number in range(200):
            scene.append(log, command(f"SELECT {number}, '{'x' * 400}'"), SESSION)
            await asyncio.sleep(0)

    scene.play(act)
    opens = opener(scene.evidence, DPO).open_day
    alone, together = (report_of(scene, open_day=opens, processes=count) for count in (1, 2))
    assert len(list(scene.evidence.glob("segments/*/*.seg"))) > 3
    assert alone == together
    assert alone.opened >= 200


def test_a_strangers_directory_makes_no_recipient_wait(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    said("SELECT 1")(scene)
    found = opener(scene.evidence, DPO)
    path = escrow_path(scene.evidence, DAY)
    path.unlink()
    os.mkfifo(path)
    report = report_of(scene, open_day=found.open_day)
    assert {fault.kind for fault in report.faults} == {
        FaultKind.FILE_NOT_REGULAR,
        FaultKind.ESCROW_ALTERED,
    }
    (scene.evidence / "log.vkey").unlink()
    os.mkfifo(scene.evidence / "log.vkey")
    assert opener(scene.evidence, DPO).name == NAME  # as the checkpoint says
    with pytest.raises(CustodyError) as caught:
        refuse_irregular(scene.evidence)
    assert caught.value.code == "verify.irregular"
