"""Escrow: contents open for named recipients without the gateway's keys, and damage is named."""

import asyncio
import contextlib
import errno
import shutil
from pathlib import Path

import pytest
from tests.evidence.escrow_scene import (
    COURT,
    DAY,
    DPO,
    EXPIRING,
    LASTING,
    NEXT,
    NOBODY,
    opener,
    read,
    recipient,
    recorded,
    report_of,
    said,
    scene_of,
    texts,
)
from tests.evidence.log.test_verdicts import UNFINISHED, play
from tests.evidence.log.test_verdicts import judged as judged_on_disk
from tests.evidence.scenes import (
    DATA,
    SESSION,
    Scene,
    at,
    command,
    session_end,
    session_start,
)

from custody.evidence.disk.escrow_file import escrow_path, parse_escrow
from custody.evidence.disk.files import DiskFiles
from custody.evidence.disk.log_copy import copy_log
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.log.log import Log
from custody.evidence.verifier import (
    Exit,
    FaultKind,
)
from custody.model.errors import CustodyError, LogFailureError


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


def test_a_year_begins_with_its_own_escrow(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, EXPIRING)
    scene.now = at("2026-12-31 12:00")

    async def over_new_year(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 'old'"), SESSION)
        scene.wait(12 * 3_600_000)
        log.tick()
        log.prepare()
        log.tick()
        scene.append(log, command("SELECT 'new'"), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(over_new_year)
    assert opener(scene.evidence, DPO).days() == ["2026-12-31", "2027-01-01"]
    assert texts(read(scene.evidence, DPO)) == ["SELECT 'old'"]
    assert texts(read(scene.evidence, DPO, "2027")) == ["SELECT 'new'"]
    report = report_of(scene, open_day=opener(scene.evidence, DPO).open_day)
    assert (report.exit, report.faults) == (Exit.PROVED, ())
    assert report.opened == sum(log.records for log in report.logs)


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
