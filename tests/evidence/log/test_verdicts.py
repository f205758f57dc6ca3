"""Whatever becomes of a write: what is left verifies as what it is, never as tampering."""

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evidence.log.test_disk_faults import fill, segments_fail
from tests.evidence.scenes import (
    ANCHOR,
    DATA,
    LOOP,
    NAME,
    SESSION,
    Scene,
    command,
    response,
    session_end,
    session_start,
)

from custody.evidence.keys.keyring import verifier_policy
from custody.evidence.log.log import Log
from custody.evidence.tlog.policy import parse_policy
from custody.evidence.verifier import Exit, FaultKind, Report, VerifyOptions, verify
from custody.model.errors import LogFailureError
from custody.model.record import Body, Injected, Milliseconds, Record
from custody.model.words import Decision

SAMPLED_EVERY = 9
WHOLE = os.environ.get("PROVE_WHOLE", "1") == "1"
Fails = Callable[[int, str, Path], int | None]


def judged(scene: Scene, folder: Path) -> Report:
    """The disk as it is now, before the eyes of an operator with keys, policy and anchor."""
    shutil.rmtree(folder, ignore_errors=True)
    scene.disk.spill(DATA, folder / "data")
    scene.disk.spill(ANCHOR.parent, folder / "outside")
    keys = scene.keys()
    policy = parse_policy(verifier_policy(NAME, keys.public, 2026).encode())
    anchor = folder / "outside" / ANCHOR.name
    return verify(
        folder / "data",
        VerifyOptions(policy, anchor, keys.unwrap, pause=lambda: None),
    )


def append_all(scene: Scene, log: Log, *bodies: Body) -> None:
    log.append_all([Record(Milliseconds(scene.now), body, LOOP, SESSION) for body in bodies])


async def a_day(scene: Scene, log: Log) -> None:
    """Every mode's records: single commands, a pipeline, one that is refused, with and without a
    record of its own; and a full disk meets any of them.
    """
    steps: list[Callable[[], object]] = [
        lambda: scene.configure(log),
        lambda: scene.append(log, session_start(), SESSION),
        lambda: scene.append(log, command("SELECT 'simple'"), SESSION),
        lambda: scene.append(log, response(1), SESSION),
        lambda: append_all(scene, log, command("SELECT 1"), command("SELECT 2", Decision.DENY)),
        lambda: scene.append(log, Injected(3, "refused"), SESSION),
        lambda: scene.append(log, Injected(None, "not recorded"), SESSION),
        log.heartbeat,
        log.publish,
        lambda: append_all(scene, log, *(command(f"SELECT '{'x' * 900}'") for _ in range(4))),
        lambda: scene.append(log, response(2), SESSION),
        lambda: scene.append(log, session_end(), SESSION),
        log.heartbeat,
    ]
    for step in steps:
        with contextlib.suppress(LogFailureError, OSError):
            step()
        await asyncio.sleep(0)


def play(scene: Scene) -> None:
    scene.play(lambda log: a_day(scene, log))


def operations() -> int:
    scene = Scene(segment_bytes=8192)
    play(scene)
    return scene.disk.operations


def once(operation: int, code: int) -> Fails:
    return lambda number, _what, _path: code if number == operation else None


def from_there(operation: int, code: int) -> Fails:
    return lambda number, _what, _path: code if number >= operation else None


UNFINISHED = {
    FaultKind.CHECKPOINT_MISSING,
    FaultKind.CHECKPOINT_STALE,
    FaultKind.KEY_FILE_MISSING,
    FaultKind.FORMAT_FILE_MISSING,
    FaultKind.UNSIGNED_AFTER_CLOSE,
    FaultKind.NOTHING,
}
"""What a log may lack where the gateway stopped in the middle of something."""


def check(folder: Path, fails: Fails, what: object, *, crash: int | None = None) -> None:
    scene = Scene(segment_bytes=8192)
    scene.disk.fails = fails
    with contextlib.suppress(LogFailureError):
        play(scene)
    scene.disk.fails = lambda _number, _what, _path: None
    if crash is not None:
        scene.disk.crash(crash)
    if any(path.is_relative_to(DATA / "evidence/segments") for path in scene.disk.files()):
        kinds = {fault.kind for fault in judged(scene, folder).faults}
        assert kinds <= UNFINISHED, (what, kinds)
    play(scene)
    report = judged(scene, folder)
    assert (report.exit, report.faults) == (Exit.PROVED, ()), what


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("fails", [once, from_there])
def test_a_failure_at_some_operation(
    tmp_path: Path, code: int, fails: Callable[[int, int], Fails]
) -> None:
    for operation in range(code % SAMPLED_EVERY, operations(), SAMPLED_EVERY):
        check(tmp_path / "disk", fails(operation, code), (operation, code))


def test_power_lost_at_some_operation(tmp_path: Path) -> None:
    for operation in range(3, operations(), SAMPLED_EVERY):
        check(tmp_path / "disk", from_there(operation, errno.EIO), operation, crash=operation)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("fails", [once, from_there])
def test_a_failure_at_every_operation(
    tmp_path: Path, code: int, fails: Callable[[int, int], Fails]
) -> None:
    for operation in range(0, operations(), 1 if WHOLE else 3):
        check(tmp_path / "disk", fails(operation, code), (operation, code))


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_power_lost_at_every_operation(tmp_path: Path) -> None:
    for operation in range(0, operations(), 1 if WHOLE else 3):
        for seed in range(3):
            check(tmp_path / "disk", from_there(operation, errno.EIO), operation, crash=seed)


def test_what_is_refused_for_want_of_room_leaves_a_log_that_is_proved(tmp_path: Path) -> None:
    """In the extended protocol each refused command leaves the message that makes the server
    abort, without a command of its own.
    """
    scene = Scene(segment_bytes=16384)

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        log.prepare()
        scene.disk.fails = segments_fail(errno.ENOSPC)
        fill(scene, log)
        for _ in range(8):
            with pytest.raises(LogFailureError):
                append_all(scene, log, command(), command())
            scene.append(log, Injected(None, "refused"), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    report = judged(scene, tmp_path)
    assert (report.exit, report.faults) == (Exit.PROVED, ())
    assert report.opened == sum(log.records for log in report.logs)


def test_a_log_that_stops_on_a_full_disk_is_signed_in_the_place_of_the_reserve(
    tmp_path: Path,
) -> None:
    scene = Scene(segment_bytes=16384)

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, session_end(), SESSION)
        log.prepare()
        scene.disk.capacity = sum(map(len, scene.disk.files().values()))

    scene.play(act)
    report = judged(scene, tmp_path)
    assert (report.exit, report.faults) == (Exit.PROVED, ())
    assert all(log.records == log.signed for log in report.logs)


def test_a_record_without_a_leaf_of_the_format_is_refused_alone(tmp_path: Path) -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        with pytest.raises(LogFailureError) as refused:
            scene.append(log, Injected(-1, "no such command"), SESSION)
        assert refused.value.code == "log.leaf"
        scene.append(log, command(), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    assert judged(scene, tmp_path).exit is Exit.PROVED
