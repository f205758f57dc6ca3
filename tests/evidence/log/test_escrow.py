"""Escrow: contents open for named recipients without the gateway's keys, and damage is named."""

import asyncio
import contextlib
import errno
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.evidence.log.test_verdicts import UNFINISHED, play
from tests.evidence.log.test_verdicts import judged as judged_on_disk
from tests.evidence.scenes import DATA, NAME, SESSION, Scene, command, session_end, session_start

from custody.evidence.disk.escrow_file import escrow_path, parse_escrow
from custody.evidence.disk.files import DiskFiles
from custody.evidence.disk.log_copy import copy_log
from custody.evidence.keys.escrow import EscrowKey
from custody.evidence.keys.escrow_opener import EscrowOpener
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.keys.keyring import verifier_policy
from custody.evidence.log.log import Log
from custody.evidence.log.reader import EvidenceReader
from custody.evidence.tlog.policy import parse_policy
from custody.evidence.verifier import (
    Exit,
    FaultKind,
    PayloadState,
    Report,
    VerifyOptions,
    verify,
)
from custody.model.errors import CustodyError, LogFailureError
from custody.model.gateway_records import KeysEscrowed
from custody.model.record import CommandSeen, StoredRecord

DAY, NEXT = "2026-03-01", "2026-03-02"
DPO, COURT, NOBODY = (EscrowKey(bytes([number]) * 32) for number in (1, 2, 3))


def recipient(name: str, key: EscrowKey, *, lasting: bool = False) -> EscrowRecipient:
    return EscrowRecipient(name=name, key=key.public, outlives_retention=lasting)


EXPIRING, LASTING = recipient("dpo", DPO), recipient("court", COURT, lasting=True)


def scene_of(tmp_path: Path, *recipients: EscrowRecipient) -> Scene:
    return Scene(
        files=DiskFiles(),
        evidence=tmp_path / "data" / "evidence",
        anchor=tmp_path / "anchor",
        recipients=recipients,
    )


def said(text: str) -> Callable[[Scene], None]:
    def tell(scene: Scene) -> None:
        async def act(log: Log) -> None:
            scene.append(log, session_start(), SESSION)
            scene.append(log, command(text), SESSION)
            scene.append(log, session_end(), SESSION)

        scene.play(act)

    return tell


def report_of(scene: Scene, **options: object) -> Report:
    keys = scene.keys()
    policy = parse_policy(verifier_policy(NAME, keys.public, 2026).encode())
    given: dict[str, object] = {"policy": policy, "anchor": scene.anchor, **options}
    return verify(scene.evidence, VerifyOptions(**given))  # type: ignore[arg-type]  # a table of named options


def opener(evidence: Path, key: EscrowKey) -> EscrowOpener:
    return EscrowOpener(DiskFiles(), evidence, key)


def read(evidence: Path, key: EscrowKey) -> list[StoredRecord | CustodyError]:
    """Every record, opened by a recipient of escrow and by nothing else."""
    found: list[StoredRecord | CustodyError] = []
    reader = EvidenceReader(DiskFiles(), evidence, NAME, opener(evidence, key))
    index = 0
    while (batch := reader.follow(f"{NAME}/2026", index)).records:
        found += [each.record for each in batch.records]
        index = batch.following
    reader.close()
    return found


def texts(records: Sequence[StoredRecord | CustodyError]) -> list[str]:
    return [
        each.body.command.text
        for each in records
        if isinstance(each, StoredRecord) and isinstance(each.body, CommandSeen)
    ]


def recorded(scene: Scene) -> list[tuple[str, list[str]]]:
    return [
        (each.body.day, [copy.recipient for copy in each.body.copies])
        for each in scene.stored()
        if isinstance(each.body, KeysEscrowed)
    ]


def test_a_recipient_opens_and_verifies_a_day_with_no_key_of_the_gateways(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING, LASTING)
    said("SELECT 'whole'")(scene)
    for key in (DPO, COURT):
        records = read(scene.evidence, key)
        assert texts(records) == ["SELECT 'whole'"]
        assert not [each for each in records if isinstance(each, CustodyError)]
        report = report_of(scene, open_day=opener(scene.evidence, key).open_day)
        assert (report.exit, report.faults) == (Exit.PROVED, ())
        assert report.opened == len(records)
    assert recorded(scene) == [(DAY, ["dpo", "court"])]


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


def test_a_key_that_is_nobodys_opens_nothing_and_faults_nothing(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    said("SELECT 'sealed'")(scene)
    found = opener(scene.evidence, NOBODY)
    assert found.days() == []
    errors = read(scene.evidence, NOBODY)
    assert {each.code for each in errors if isinstance(each, CustodyError)} == {
        "escrow.not-for-key"
    }
    assert texts(errors) == []
    report = report_of(scene, open_day=found.open_day)
    assert (report.exit, report.opened) == (Exit.PROVED, 0)


def test_each_day_is_sealed_for_itself(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)

    async def over_midnight(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 'one'"), SESSION)
        scene.wait(12 * 3_600_000)
        log.tick()
        log.prepare()
        log.tick()
        scene.append(log, command("SELECT 'two'"), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(over_midnight)
    assert opener(scene.evidence, DPO).days() == [DAY, NEXT]
    assert texts(read(scene.evidence, DPO)) == ["SELECT 'one'", "SELECT 'two'"]
    assert recorded(scene) == [(DAY, ["dpo"]), (NEXT, ["dpo"])]
    whole = report_of(scene, open_day=opener(scene.evidence, DPO).open_day)
    assert (whole.exit, [each.days for each in whole.escrow]) == (Exit.PROVED, [2])

    escrow_path(scene.evidence, NEXT).unlink()
    report = report_of(scene, open_day=opener(scene.evidence, DPO).open_day)
    assert {fault.kind for fault in report.faults} == {FaultKind.ESCROW_ALTERED}
    assert 0 < report.opened < whole.opened


def test_a_recipient_who_is_new_can_open_the_day_and_one_who_left_still_can(
    tmp_path: Path,
) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    said("SELECT 'first'")(scene)
    before = escrow_path(scene.evidence, DAY).read_bytes()
    scene.recipients = (LASTING,)
    said("SELECT 'second'")(scene)
    assert escrow_path(scene.evidence, DAY).read_bytes().startswith(before)
    for key in (DPO, COURT):
        assert texts(read(scene.evidence, key)) == ["SELECT 'first'", "SELECT 'second'"]
    assert recorded(scene) == [(DAY, ["dpo"]), (DAY, ["dpo", "court"])]
    assert report_of(scene).exit is Exit.PROVED
    scene.recipients = ()
    scene.wait(24 * 3_600_000)
    said("SELECT 'third'")(scene)
    assert not escrow_path(scene.evidence, NEXT).exists()
    assert texts(read(scene.evidence, DPO)) == ["SELECT 'first'", "SELECT 'second'"]
    assert report_of(scene).exit is Exit.PROVED


def test_restarts_with_the_same_recipients_add_no_line(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING, LASTING)
    said("SELECT 1")(scene)
    before = escrow_path(scene.evidence, DAY).read_bytes()
    said("SELECT 2")(scene)
    assert escrow_path(scene.evidence, DAY).read_bytes() == before
    longer = scene_of(tmp_path, recipient("dpo", DPO, lasting=True))
    said("SELECT 3")(longer)
    lines = parse_escrow(escrow_path(scene.evidence, DAY).read_bytes(), DAY).lines
    assert [(each.recipient, each.lasting) for each in lines] == [
        ("dpo", False),
        ("court", True),
        ("dpo", True),
    ]


def test_a_log_without_recipients_has_no_word_of_escrow(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    said("SELECT 1")(scene)
    assert not (scene.evidence / "escrow").exists()
    assert recorded(scene) == []
    report = report_of(scene)
    assert (report.escrow, [line for line in report.not_proved if "escrow" in line]) == ((), [])


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
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        report = report_of(scene)
        assert {fault.kind for fault in report.faults} == {FaultKind.ESCROW_ALTERED}, at


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


def test_a_copy_holds_the_lines_of_those_who_outlive_retention_alone(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING, LASTING)
    said("SELECT 'kept'")(scene)
    copy = tmp_path / "copy" / "evidence"
    copy_log(DiskFiles(), scene.evidence, copy)
    assert texts(read(copy, COURT)) == ["SELECT 'kept'"]
    assert opener(copy, DPO).days() == []
    shutil.rmtree(scene.evidence)
    shutil.copytree(copy, scene.evidence)
    report = report_of(scene)
    assert (report.exit, report.faults) == (Exit.PROVED, ())
    assert any("dpo" in each and "left out of this copy" in each for each in report.not_proved)
    assert [(each.recipient, each.days, each.left_out) for each in report.escrow] == [
        ("dpo", 0, 1),
        ("court", 1, 0),
    ]
    # A gateway that goes on from the copy seals the day for them again.
    said("SELECT 'on'")(scene)
    assert texts(read(scene.evidence, DPO)) == ["SELECT 'kept'", "SELECT 'on'"]
    assert report_of(scene).exit is Exit.PROVED


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


def operations() -> int:
    scene = Scene(segment_bytes=8192, recipients=(EXPIRING,))
    play(scene)
    return scene.disk.operations


def test_power_lost_at_any_moment_leaves_nothing_that_a_recipient_cannot_open(
    tmp_path: Path,
) -> None:
    for operation in range(min(60, operations())):
        scene = Scene(segment_bytes=8192, recipients=(EXPIRING,))
        scene.disk.fails = lambda number, _what, _path, least=operation: (  # type: ignore[misc]  # bound now
            errno.EIO if number >= least else None
        )
        with contextlib.suppress(LogFailureError):
            play(scene)
        scene.disk.fails = lambda _number, _what, _path: None
        scene.disk.crash(operation)
        folder = tmp_path / str(operation)
        if any(path.is_relative_to(DATA / "evidence/segments") for path in scene.disk.files()):
            kinds = {fault.kind for fault in judged_on_disk(scene, folder).faults}
            assert kinds <= UNFINISHED, (operation, kinds)
        play(scene)
        report = judged_on_disk(scene, folder)
        assert (report.exit, report.faults) == (Exit.PROVED, ()), operation
        found = read(folder / "data" / "evidence", DPO)
        assert not [each for each in found if isinstance(each, CustodyError)], operation
        shutil.rmtree(folder)


def test_a_recipient_for_whom_nothing_can_be_sealed_stops_the_start(tmp_path: Path) -> None:
    from custody.evidence.keys.escrow_recipient import public_key_text  # noqa: PLC0415 - once

    nobody = EscrowRecipient(name="nobody", key=public_key_text(bytes(32)))
    with pytest.raises(LogFailureError) as caught:
        asyncio.run(_opened(scene_of(tmp_path, nobody)))
    assert caught.value.code == "log.escrow"
    assert "nobody" in caught.value.fault


async def _opened(scene: Scene) -> None:
    async with scene.open():
        pass
