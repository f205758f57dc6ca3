"""Full and failing disks: nothing passes unrecorded, and service returns when the disk does."""

import asyncio
import contextlib
import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.scenes import (
    EVIDENCE,
    SESSION,
    Scene,
    command,
    response,
    session_end,
    session_start,
)

from custody.evidence.log.log import Log
from custody.model.errors import LogFailureError
from custody.model.gateway_records import LogClose
from custody.model.record import Response

Fails = Callable[[int, str, Path], int | None]


def segments_fail(code: int) -> Fails:
    """New segments cannot be made; what exists can be written."""
    return lambda _number, _what, path: code if path.name == ".unfinished" else None


def supply(log: Log) -> None:
    """What ``run`` does beside the log."""
    with contextlib.suppress(OSError):
        log.prepare()
    log.writer.pool_changed()


def refusal(scene: Scene, log: Log) -> LogFailureError | None:
    """Of one more command."""
    try:
        scene.append(log, command(f"SELECT {log.size}, '{'x' * 200}'"), SESSION)
    except LogFailureError as refused:
        return refused
    return None


def fill(scene: Scene, log: Log) -> int:
    """Commands until they are refused; how many went in."""
    sent = 0
    while (refused := refusal(scene, log)) is None:
        sent += 1
    assert refused.code == "log.full"
    return sent


def accepts(log: Log) -> bool:
    return log.accepting


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_when_no_segment_can_be_made_commands_end_and_answers_go_on(code: int) -> None:
    scene = Scene(segment_bytes=16384)

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        log.prepare()
        scene.disk.fails = segments_fail(code)
        sent = fill(scene, log)
        await asyncio.sleep(0)
        assert not accepts(log)
        assert not log.writer.broken
        for number in range(5):
            scene.append(log, response(sent - number), SESSION)
        log.heartbeat()
        await asyncio.sleep(0)
        assert scene.failed == []

        scene.disk.fails = lambda _number, _what, _path: None
        supply(log)
        assert accepts(log)
        scene.append(log, command("SELECT 'again'"), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    stored = scene.stored()
    assert isinstance(stored[-1].body, LogClose)
    assert sum(isinstance(each.body, Response) for each in stored) == 5
    for _, receipt, body in scene.acknowledged:
        assert stored[receipt.index].body == body


def test_a_full_disk_is_noticed_before_the_last_segment_is_used_up() -> None:
    scene = Scene(segment_bytes=16384)

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.disk.fails = segments_fail(errno.ENOSPC)
        segment = log.writer._segment
        while segment.size - segment.offset > 7000:
            scene.append(log, command(), SESSION)
        supply(log)
        assert not accepts(log)

    scene.play(act)


def test_the_disk_that_really_is_full() -> None:
    scene = Scene(segment_bytes=16384)

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        log.prepare()
        scene.disk.capacity = sum(map(len, scene.disk.files().values()))
        sent = fill(scene, log)
        scene.append(log, response(sent), SESSION)
        scene.append(log, session_end(), SESSION)
        await asyncio.sleep(0)
        assert scene.failed == []
        scene.disk.capacity = None

    scene.play(act)
    assert len(scene.stored()) == len(scene.acknowledged) + 2


@pytest.mark.parametrize("what", ["write", "sync"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_a_failed_write_or_sync_breaks_the_log_for_everyone(what: str, code: int) -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        await asyncio.sleep(0)
        told = len(scene.acknowledged)
        scene.disk.fails = lambda _number, operation, path: (
            code if operation == what and path.suffix == ".seg" else None
        )
        scene.append(log, command(), SESSION)
        scene.append(log, command(), SESSION)
        await asyncio.sleep(0)
        assert len(scene.acknowledged) == told
        assert [each.code for each in scene.failed] == ["log.broken"] * 2
        assert [each.code for each in scene.broken] == ["log.broken"]
        assert not accepts(log)
        with pytest.raises(LogFailureError) as refused:
            scene.append(log, response(1), SESSION)
        assert refused.value.code == "log.broken"

    scene.play(act)


@pytest.mark.parametrize("sync_ns", [0, 100_000_000], ids=["in the loop", "in a thread"])
def test_a_write_that_fails_like_no_disk_does_breaks_the_log_too(sync_ns: int) -> None:
    scene = Scene(sync_ns=sync_ns)

    def no_memory(_number: int, operation: str, path: Path) -> int | None:
        if operation == "write" and path.suffix == ".seg":
            raise MemoryError
        return None

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        await asyncio.sleep(0.05)
        scene.disk.fails = no_memory
        scene.append(log, command(), SESSION)
        await asyncio.sleep(0.05)
        assert [each.code for each in scene.failed] == ["log.broken"]
        assert not accepts(log)

    scene.play(act)


async def a_day(scene: Scene, log: Log) -> None:
    scene.append(log, session_start(), SESSION)
    for number in range(12):
        with contextlib.suppress(LogFailureError):
            scene.append(log, command(f"SELECT {number}, '{'x' * 400}'"), SESSION)
        await asyncio.sleep(0)
        if number % 4 == 3:
            with contextlib.suppress(LogFailureError, OSError):
                log.publish()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_one_failure_at_any_operation_loses_nothing_that_was_acknowledged(code: int) -> None:
    first = Scene(segment_bytes=8192)
    first.play(lambda log: a_day(first, log))
    for operation in range(first.disk.operations):
        scene = Scene(segment_bytes=8192)
        scene.disk.fails = failing_once(operation, code)
        with contextlib.suppress(LogFailureError):
            play_a_day(scene)
        scene.disk.fails = lambda _number, _what, _path: None
        play_a_day(scene)
        stored = scene.stored()
        for _, receipt, body in scene.acknowledged:
            assert stored[receipt.index].body == body, operation


def failing_once(operation: int, code: int) -> Fails:
    return lambda number, _what, _path: code if number == operation else None


def play_a_day(scene: Scene) -> None:
    scene.play(lambda log: a_day(scene, log))


def test_publishing_may_fail_and_be_tried_again() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        await asyncio.sleep(0)
        scene.disk.fails = lambda _number, _what, path: (
            errno.ENOSPC if path.is_relative_to(EVIDENCE / "log") else None
        )
        with pytest.raises(OSError, match="ENOSPC"):
            log.publish()
        scene.append(log, command(), SESSION)
        await asyncio.sleep(0)
        assert accepts(log)
        scene.disk.fails = lambda _number, _what, _path: None
        log.publish()
        assert log.signed_size == log.size == 3

    scene.play(act)


def test_an_anchor_that_cannot_be_written_means_no_checkpoint() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        log.publish()
        before = scene.disk.files()[EVIDENCE / "log/2026/checkpoint"]
        scene.append(log, session_start(), SESSION)
        await asyncio.sleep(0)
        scene.disk.fails = lambda _number, _what, path: (
            errno.EIO if path.is_relative_to(Path("/outside")) else None
        )
        with pytest.raises(OSError, match="EIO"):
            log.publish()
        assert scene.disk.files()[EVIDENCE / "log/2026/checkpoint"] == before
        scene.disk.fails = lambda _number, _what, _path: None

    scene.play(act)
