"""The whole log on a real disk, with a real key-holder: running, closed, and killed."""

import asyncio
import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from tests.evidence.scenes import (
    EVIDENCE,
    NAME,
    OTHER,
    SESSION,
    Scene,
    command,
    session_end,
    session_start,
)

from custody.evidence.disk.files import DiskFiles, read_if_there
from custody.evidence.keys.keyclient import KeyholderProcess
from custody.evidence.keys.keyring import create_keys, load_keyring
from custody.evidence.log.log import Log, LogOptions
from custody.evidence.log.reader import EvidenceReader
from custody.evidence.log.startup import open_log
from custody.evidence.verifier.verify import VerifyOptions, verify
from custody.model.errors import LogFailureError
from custody.model.gateway_records import ClockJump, Heartbeat, Recovery
from custody.model.record import ResponseUnknown, StoredRecord

WRITER = Path(__file__).with_name("killed_writer.py")
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    year = time.gmtime().tm_year
    create_keys(DiskFiles(), tmp_path / "keys", NAME, year, os.urandom)
    return tmp_path


def options(house: Path) -> LogOptions:
    return LogOptions(
        house / "data/evidence",
        house / "anchor",
        "test",
        segment_bytes=65536,
        publish_every=0.02,
        heartbeat_every=0.05,
    )


async def until(log: Log, size: int) -> None:
    """Wait for a checkpoint of at least this size."""
    async with asyncio.timeout(10):
        while log.signed_size < size:  # noqa: ASYNC110  # the log tells nobody when it signs
            await asyncio.sleep(0.01)


def test_a_running_log_publishes_and_beats_by_itself(house: Path) -> None:
    scene = Scene(files=DiskFiles(), evidence=house / "data/evidence")

    async def live() -> None:
        with KeyholderProcess(house / "keys", house / "anchor") as keys:
            async with open_log(options(house), keys) as log, asyncio.TaskGroup() as group:
                group.create_task(log.run())
                scene.append(log, session_start(), SESSION)
                await until(log, 2)
                os.kill(keys.pid, signal.SIGKILL)
                log.heartbeat()
                await until(log, 4)
                assert log.publish_fault is None
                scene.append(log, session_end(), SESSION)
                log.stop()

    uvloop.run(live())
    stored = contents(house)
    assert any(isinstance(each.body, Heartbeat) for each in stored)
    check(house)


def test_what_cannot_be_published_is_not_held_without_end() -> None:
    scene = Scene()
    few = LogOptions(scene.evidence, scene.anchor, "t", publish_every=0.01, unpublished_bytes=300)

    async def live() -> None:
        environment = scene.environment()
        async with open_log(few, scene.keys(), environment) as log, asyncio.TaskGroup() as group:
            group.create_task(log.run())
            scene.disk.fails = lambda _number, _what, path: (
                errno.ENOSPC if "log" in path.parts else None
            )
            scene.append(log, session_start(), SESSION)
            async with asyncio.timeout(10):
                while log.accepting:  # noqa: ASYNC110  # the log tells nobody
                    await asyncio.sleep(0.01)
            with pytest.raises(LogFailureError) as refused:
                scene.append(log, command(), SESSION)
            assert refused.value.code == "log.unsigned"
            scene.append(log, session_end(), SESSION)
            scene.disk.fails = lambda _number, _what, _path: None
            await until(log, 3)
            await until_it(log, accepts=True)
            assert scene.append(log, session_start(), OTHER).n == 0
            log.stop()

    uvloop.run(live())


def hanging_until(freed: threading.Event, where: str) -> Callable[[int, str, Path], None]:
    """A disk on which whatever a thread does below a folder hangs."""

    def hang(_number: int, _what: str, path: Path) -> None:
        if where in path.parts and threading.current_thread() is not threading.main_thread():
            freed.wait(10)

    return hang


async def until_it(log: Log, *, accepts: bool) -> None:
    async with asyncio.timeout(10):
        while log.accepting is not accepts:  # noqa: ASYNC110  # the log tells nobody
            await asyncio.sleep(0.01)


def test_publishing_that_does_not_end_stops_new_work() -> None:
    scene = Scene()
    few = LogOptions(scene.evidence, scene.anchor, "t", publish_every=0.01, unpublished_bytes=300)
    freed = threading.Event()

    async def live() -> None:
        environment = scene.environment()
        async with open_log(few, scene.keys(), environment) as log, asyncio.TaskGroup() as group:
            scene.disk.fails = hanging_until(freed, "log")
            group.create_task(log.run())
            scene.append(log, session_start(), SESSION)
            await until_it(log, accepts=False)
            fault = log.publish_fault
            assert isinstance(fault, LogFailureError)
            assert fault.code == "log.publishing"
            scene.append(log, session_end(), SESSION)
            freed.set()
            await until_it(log, accepts=True)
            assert log.publish_fault is None
            log.stop()

    uvloop.run(live())


def test_a_round_that_does_not_end_keeps_nobody_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custody.evidence.log.log._LAST_ROUND_S", 0.05)
    monkeypatch.setattr("custody.evidence.log.publish_rounds._ROUND_S", 0.05)
    scene = Scene()
    few = LogOptions(scene.evidence, scene.anchor, "t", publish_every=0.01, unpublished_bytes=300)
    freed = threading.Event()

    async def live() -> None:
        environment = scene.environment()
        async with open_log(few, scene.keys(), environment) as log:
            async with asyncio.TaskGroup() as group:
                scene.disk.fails = hanging_until(freed, "log")
                group.create_task(log.run())
                scene.append(log, session_start(), SESSION)
                await until_it(log, accepts=False)
                log.stop()
            ours = [each for each in threading.enumerate() if each.name == "log"]
            assert ours, "the round hangs still"
            assert all(each.daemon for each in ours)

    try:
        with pytest.raises(LogFailureError) as told:
            uvloop.run(live())
        assert told.value.code == "log.publishing"
    finally:
        freed.set()


def test_a_beat_never_waits_for_the_disk() -> None:
    scene = Scene(sync_ns=100_000_000)
    often = LogOptions(
        scene.evidence, scene.anchor, "t", publish_every=0.01, look_every=0.01, heartbeat_every=0.01
    )
    freed = threading.Event()

    async def live() -> None:
        environment = scene.environment()
        async with open_log(often, scene.keys(), environment) as log, asyncio.TaskGroup() as group:
            scene.append(log, session_start(), SESSION)
            await asyncio.sleep(0.05)  # the disk was seen to be slow: a thread serves it
            scene.disk.fails = hanging_until(freed, "segments")
            group.create_task(log.run())
            scene.append(log, command(), SESSION)
            for _ in range(20):
                before = time.monotonic()
                await asyncio.sleep(0.01)
                assert time.monotonic() - before < 2
            assert log.durable_size < log.size
            freed.set()
            async with asyncio.timeout(10):
                while read_if_there(scene.disk, EVIDENCE / "bookmark") is None:
                    scene.append(log, command(), SESSION)
                    await asyncio.sleep(0.01)
            scene.append(log, session_end(), SESSION)
            log.stop()

    uvloop.run(live())


def test_a_beat_that_finds_no_room_is_left_out_and_the_log_lives_on() -> None:
    scene = Scene()
    often = LogOptions(
        scene.evidence, scene.anchor, "t", publish_every=0.01, look_every=0.01, heartbeat_every=0.01
    )

    async def live() -> None:
        environment = scene.environment()
        async with open_log(often, scene.keys(), environment) as log, asyncio.TaskGroup() as group:
            group.create_task(log.run())
            log.writer.refuse_all(lambda: LogFailureError("log.full", "no room"))
            scene.now += 120_000  # the wall clock alone: a jump, which is owed a record
            await asyncio.sleep(0.1)
            before = log.size
            log.writer.refuse_all(None)
            await until(log, before + 2)
            log.stop()

    uvloop.run(live())
    bodies = [each.body for each in scene.stored()]
    assert [body.offset_ms for body in bodies if isinstance(body, ClockJump)] == [120_000]
    assert any(isinstance(body, Heartbeat) for body in bodies)


def test_leaving_on_an_error_still_closes_the_log(house: Path) -> None:
    async def fail() -> None:
        with KeyholderProcess(house / "keys", house / "anchor") as keys:
            async with open_log(options(house), keys):
                raise ValueError("the gateway's own")

    with pytest.raises(ValueError, match="own"):
        asyncio.run(fail())
    assert len(contents(house)) == 2
    check(house)


def contents(house: Path) -> list[StoredRecord]:
    keys = load_keyring(DiskFiles(), house / "keys", None, os.urandom)
    reader = EvidenceReader(DiskFiles(), house / "data/evidence", NAME, keys)
    found: list[StoredRecord] = []
    while True:
        batch = reader.follow(reader.logs()[0], len(found))
        for each in batch.records:
            assert isinstance(each.record, StoredRecord), each
            found.append(each.record)
        if not batch.records:
            reader.close()
            return found


def check(house: Path) -> None:
    keys = load_keyring(DiskFiles(), house / "keys", None, os.urandom)
    report = verify(house / "data", VerifyOptions(anchor=house / "anchor", open_day=keys.unwrap))
    assert report.faults == ()


def kill_after(house: Path, run: int, seconds: float) -> list[int]:
    """The indices that the writer said were durable before it was killed."""
    name = "a" * 17 + ALPHABET[run // 1024] + ALPHABET[run // 32 % 32] + ALPHABET[run % 32]
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(house), name], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        said = writer.stdout.readline()  # it is under way
        time.sleep(seconds)
        writer.kill()
        said += writer.stdout.read()
    return [int(line) for line in said.split(b"\n")[:-1]]


def kill_again_and_again(house: Path, times: int) -> None:
    chance = random.Random(times)
    told: set[int] = set()
    for run in range(times):
        told.update(said := kill_after(house, run, chance.uniform(0, 0.25)))
        assert said

    async def nothing() -> None:
        with KeyholderProcess(house / "keys", house / "anchor") as keys:
            async with open_log(options(house), keys):
                pass

    asyncio.run(nothing())
    stored = contents(house)
    assert told <= {each.index for each in stored}
    assert sum(isinstance(each.body, Recovery) for each in stored) == times
    answered = [each for each in stored if isinstance(each.body, ResponseUnknown)]
    assert len({(each.session, each.body) for each in answered}) == len(answered)
    check(house)


def test_a_killed_writer_loses_nothing_that_it_acknowledged(house: Path) -> None:
    kill_again_and_again(house, 4)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_two_hundred_kills(house: Path) -> None:
    kill_again_and_again(house, 200 if os.environ.get("PROVE_WHOLE", "1") == "1" else 30)


def test_a_second_writer_is_refused(house: Path) -> None:
    async def twice() -> None:
        with KeyholderProcess(house / "keys", house / "anchor") as keys:
            async with open_log(options(house), keys):
                with pytest.raises(LogFailureError) as refused:
                    await contextlib.AsyncExitStack().enter_async_context(
                        open_log(options(house), keys)
                    )
                assert refused.value.code == "log.locked"

    asyncio.run(twice())
