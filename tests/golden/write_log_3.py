"""Wrote ``log-3``, once, with escrow: ``python -m tests.golden.write_log_3``.

Law: as of ``log-2``. It holds days that are sealed for recipients, one who came and one who left,
over a day's end, a crash and a year's end. Their private keys are bytes of one value.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import msgspec
from tests.evidence.escrow_scene import EXPIRING, LASTING
from tests.evidence.scenes import OTHER, SESSION, Scene, at, command, session_end, session_start

from custody.evidence.log.log import Log
from custody.model.errors import LogFailureError
from custody.model.words import SessionId

FOLDER = Path(__file__).with_name("log-3")
DAY_MS = 86_400_000


async def next_day(scene: Scene, log: Log) -> None:
    scene.wait(DAY_MS)
    log.tick()
    log.prepare()
    log.tick()


async def over_two_days(scene: Scene, log: Log, session: SessionId) -> None:
    scene.configure(log)
    scene.append(log, session_start(), session)
    scene.append(log, command("SELECT 'first day'"), session)
    await next_day(scene, log)
    scene.append(log, command("SELECT 'second day'"), session)
    scene.append(log, session_end(), session)


async def crashes(scene: Scene, log: Log) -> None:
    scene.append(log, session_start(), SESSION)
    scene.append(log, command("SELECT 'before the crash'"), SESSION)
    await asyncio.sleep(0)
    scene.die_from(scene.disk.operations)


def write() -> None:
    scene = Scene(now=at("2026-12-29 09:00"), segment_bytes=24 * 1024, seed=3)
    scene.recipients = (EXPIRING,)
    scene.play(lambda log: over_two_days(scene, log, SESSION))
    scene.recipients = (EXPIRING, LASTING)
    with contextlib.suppress(LogFailureError):
        scene.play(lambda log: crashes(scene, log))
    scene.disk.fails = lambda _number, _what, _path: None
    scene.disk.crash(1)
    scene.recipients = (LASTING,)
    scene.wait(DAY_MS)
    scene.play(lambda log: over_two_days(scene, log, OTHER))
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
