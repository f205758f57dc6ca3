"""Wrote ``log-1``, once, with the first released format: ``python -m tests.golden.write_log_1``.

Law: what it wrote is never written again; every later version must verify and read it as it is. A
new format gets a golden log of its own beside it.
"""

import asyncio
import contextlib
import errno
import json
import sys
from pathlib import Path

import msgspec
from tests.evidence.scenes import NAME, OTHER, SESSION, Scene, at, command, response, session_end
from tests.evidence.scenes import session_start as started

from custody.evidence.log.log import Log
from custody.model.errors import LogFailureError
from custody.model.gateway_records import AdminAct
from custody.model.identity import Identity, Loop
from custody.model.record import Gap, Injected, LoginRefused, LoopEnd, LoopStart, Opaque, Stream
from custody.model.words import Decision, LoopId, SessionId

FOLDER = Path(__file__).with_name("log-1")
REFUSED = SessionId("ses_" + "d" * 20)
MINUTE = 60_000


def pass_time(scene: Scene, log: Log, minutes: int) -> None:
    scene.wait(minutes * MINUTE)
    for _ in range(2):
        log.tick()
        log.prepare()
        log.writer.pool_changed()
    log.tick()


async def first(scene: Scene, log: Log) -> None:
    """A day with something of everything, ending in a crash that tears a batch."""
    scene.configure(log)
    loop = Loop(LoopId("loop_" + "a" * 20), Identity("ci", "local", ("agents",)), 1, 2, "golden")
    scene.append(log, LoopStart(loop, "tkt_" + "a" * 12))
    scene.append(log, started(), SESSION)
    scene.append(log, command("SELECT 'häßlich', $1"), SESSION)
    scene.append(log, response(1, (("1", None), ("2", "two"))), SESSION)
    scene.append(log, command("DROP TABLE t", Decision.DENY), SESSION)
    scene.append(log, Injected(3, "refused"), SESSION)
    scene.append(log, Stream(1, "up", "copy", 9, digest="12" * 32, captured=(("a", "b"),)), SESSION)
    scene.append(log, response(1, tuple((str(number), "x" * 40) for number in range(200))), SESSION)
    scene.append(log, LoginRefused("ticket.unknown", "orders", "postgres", "127.0.0.1:9"), REFUSED)
    scene.append(log, Opaque("replication", 5), SESSION)
    scene.append(log, Gap("capture", 2), SESSION)
    log.heartbeat()
    await asyncio.sleep(0)
    log.publish()
    for number in range(30):
        scene.append(log, command(f"SELECT {number}"), SESSION)
        scene.append(log, response(number), SESSION)
    await asyncio.sleep(0)
    scene.disk.fails = lambda _number, what, _path: errno.EIO if what == "sync" else None
    for number in range(6):
        scene.append(log, command(f"SELECT 'torn', {number}, '{'x' * 300}'"), SESSION)


async def second(scene: Scene, log: Log) -> None:
    """After the crash: midnight, and New Year with a session open."""
    scene.append(log, started(), OTHER)
    pass_time(scene, log, 90)
    scene.append(log, command("SELECT 'the next day'"), OTHER)
    log.heartbeat()
    await asyncio.sleep(0)
    log.publish()
    pass_time(scene, log, 24 * 60)
    scene.append(log, response(1), OTHER)
    scene.append(log, session_end(), OTHER)
    scene.append(log, AdminAct("ticket.revoke", "alice", "tkt_" + "a" * 12))
    scene.append(log, LoopEnd("done"))
    log.heartbeat()


def write() -> None:
    scene = Scene(now=at("2026-12-30 23:10"), segment_bytes=24 * 1024, seed=1)
    with contextlib.suppress(LogFailureError):
        scene.play(lambda log: first(scene, log))
    scene.disk.crash(4)
    scene.play(lambda log: second(scene, log))
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
        sys.exit(f"{FOLDER} is there, and stays as it is; it is the log of {NAME}")
    write()
