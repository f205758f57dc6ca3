"""A copy ends at the checkpoint, whatever is written meanwhile, and proves itself."""

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.evidence.scenes import NAME, SESSION, Scene, command, response, session_start

from custody.evidence.disk.files import DiskFiles
from custody.evidence.disk.log_copy import copy_log
from custody.evidence.keys.keyring import Keyring
from custody.evidence.log.log import Log
from custody.evidence.verifier.verify import VerifyOptions, verify
from custody.model.errors import LogFailureError

GOLDEN = Path(__file__).parents[2] / "golden"


def keyring() -> Keyring:
    return Keyring(NAME, b"L" * 32, b"K" * 32, None, bytes)


def commands(scene: Scene, log: Log, count: int) -> None:
    for _ in range(count):
        receipt = scene.append(log, command("SELECT 'x'"), SESSION)
        scene.append(log, response(receipt.n), SESSION)


async def written(scene: Scene, target: Path, signed: int) -> int:
    """Copy while records stand behind the checkpoint; its size. Then the log goes on."""
    async with scene.open() as log:
        scene.append(log, session_start(), SESSION)
        commands(scene, log, signed)
        await asyncio.sleep(0)
        log.publish()
        commands(scene, log, 3)
        await asyncio.sleep(0)
        return copy_log(DiskFiles(), scene.evidence, target)["2026"].size


@pytest.mark.parametrize("signed", [1, 127, 128, 300])
def test_it_holds_what_was_signed_and_nothing_behind(tmp_path: Path, signed: int) -> None:
    scene = Scene(files=DiskFiles(), evidence=tmp_path / "evidence", anchor=tmp_path / "anchor")
    size = asyncio.run(written(scene, tmp_path / "copy", signed))
    report = verify(tmp_path / "copy", VerifyOptions(open_day=keyring().unwrap))
    assert report.faults == ()
    assert [(log.records, log.signed) for log in report.logs] == [(size, size)]
    assert report.opened >= 2 * signed


@pytest.mark.parametrize("signed", [1, 200])
def test_the_original_moves_on_and_the_copy_can_too(tmp_path: Path, signed: int) -> None:
    """Other records take the place of those that were given up, tiles included."""
    scene = Scene(files=DiskFiles(), evidence=tmp_path / "evidence", anchor=tmp_path / "anchor")
    asyncio.run(written(scene, tmp_path / "copy", signed))
    shutil.rmtree(scene.evidence)
    shutil.move(tmp_path / "copy", scene.evidence)
    scene.accept_new_anchor = True
    scene.wait(60_000)

    async def more(log: Log) -> None:
        for _ in range(300):
            scene.append(log, command("SELECT 'other'"), loop=None)
        await asyncio.sleep(0)

    scene.play(more)
    assert scene.failed == []
    report = verify(scene.evidence, VerifyOptions(open_day=keyring().unwrap))
    assert report.faults == ()
    assert len(report.logs[0].given_up) == 1


@pytest.mark.parametrize("log", ["log-1", "log-2"])
def test_logs_of_every_format_are_copied_whole(log: str, tmp_path: Path) -> None:
    copy_log(DiskFiles(), GOLDEN / log / "evidence", tmp_path / "copy")
    reports = [
        verify(evidence, VerifyOptions(anchor=GOLDEN / log / "anchor", open_day=keyring().unwrap))
        for evidence in (tmp_path / "copy", GOLDEN / log / "evidence")
    ]
    assert reports[0].faults == ()
    assert reports[0].payloads == reports[1].payloads


def test_a_signed_record_that_cannot_be_read_is_no_copy(tmp_path: Path) -> None:
    original = Path(shutil.copytree(GOLDEN / "log-2" / "evidence", tmp_path / "evidence"))
    last = max((original / "segments").glob("2027*/*.seg"))
    data = bytearray(last.read_bytes())
    data[20:40] = bytes(20)
    last.write_bytes(data)
    with pytest.raises(LogFailureError) as caught:
        copy_log(DiskFiles(), original, tmp_path / "copy")
    assert caught.value.code == "log.copy-damaged"
