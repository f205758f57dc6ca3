"""Wrote ``log-2``, once, with the second format: ``python -m tests.golden.write_log_2``.

Law: what it wrote is never written again; every later version must verify and read it as it is. It
holds what ``log-1`` holds, and what came with format 2: a log that was begun in format 1 goes on in
it, transactions, notifications, a part of a session that was undone, records given up.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import msgspec
from tests.evidence.log.test_recovery import disk_of
from tests.evidence.scenes import (
    ANCHOR,
    EVIDENCE,
    OTHER,
    SESSION,
    Scene,
    at,
    command,
    response,
    session_end,
    session_start,
)
from tests.golden.write_log_1 import first, second

from custody.evidence.log.log import Log
from custody.model.errors import LogFailureError
from custody.model.record import Injected, Notification, TransactionEnded
from custody.model.words import Ended

FOLDER = Path(__file__).with_name("log-2")
EARLIER = Path(__file__).with_name("log-1")


async def third(scene: Scene, log: Log) -> None:
    """In format 2 from its first record on, behind a log of format 1."""
    scene.append(log, session_start(), SESSION)
    for number in (1, 3, 5):
        scene.append(log, command(f"UPDATE t SET n = {number}"), SESSION)
        scene.append(log, msgspec.structs.replace(response(number), open=True), SESSION)
    scene.append(log, TransactionEnded(3, 5, Ended.ROLLED_BACK), SESSION)
    scene.append(log, TransactionEnded(1, 5, Ended.COMMITTED), SESSION)
    scene.append(log, Notification(2, 60, (("news", "for everybody"),), truncated=True), SESSION)
    scene.append(log, Injected(None, "refused"), SESSION)
    scene.append(log, session_start(), OTHER)
    scene.append(log, command("SELECT 'open'"), OTHER)
    log.heartbeat()
    await asyncio.sleep(0)
    log.publish()
    scene.append(log, session_end(), SESSION)


def continued() -> Scene:
    """The golden log of format 1, gone on with."""
    scene = Scene(now=at("2027-01-01 09:00"), segment_bytes=24 * 1024, seed=2)
    files = {
        EVIDENCE / path.relative_to(EARLIER / "evidence"): path.read_bytes()
        for path in (EARLIER / "evidence").rglob("*")
        if path.is_file()
    }
    scene.disk = disk_of(files, (EARLIER / "anchor").read_bytes())
    return scene


def write() -> None:
    scene = continued()
    scene.play(lambda log: third(scene, log))
    scene.disk.drop(ANCHOR)
    scene.accept_new_anchor = True
    scene.wait(60_000)
    scene.play(lambda log: second(scene, log))
    scene.accept_new_anchor = False
    with contextlib.suppress(LogFailureError):
        scene.play(lambda log: first(scene, log))
    scene.disk.fails = lambda _number, _what, _path: None
    scene.disk.crash(3)
    scene.play(lambda log: asyncio.sleep(0))
    scene.disk.spill(Path("/data"), FOLDER)
    scene.disk.spill(Path("/outside"), FOLDER)
    for leftover in ("reserve", ".unfinished"):
        (FOLDER / "evidence/segments" / leftover).unlink(missing_ok=True)
    records = [
        json.loads(msgspec.json.encode(each))
        for year in ("2026", "2027")
        for each in scene.stored(year)
    ]
    (FOLDER / "records.json").write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
    policy = (FOLDER / "evidence/log.vkey").read_text().splitlines()[0]
    (FOLDER / "verifier.policy").write_text(f"log {policy}\nquorum none\n")


if __name__ == "__main__":
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there, and stays as it is")
    write()
