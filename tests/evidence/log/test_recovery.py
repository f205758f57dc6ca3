"""Crashes: what was acknowledged is there, what was signed stays true, the rest is told."""

import asyncio
import contextlib
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evidence.log.simulated_disk import SimulatedDisk
from tests.evidence.scenes import (
    ANCHOR,
    EVIDENCE,
    NAME,
    OTHER,
    SESSION,
    Scene,
    command,
    response,
    session_end,
    session_start,
)

from custody.evidence.disk.segment import segment_path, walk_year
from custody.evidence.keys.anchor import read_anchor
from custody.evidence.log.log import Log
from custody.evidence.record.frame import HEADER_SIZE
from custody.evidence.tlog.merkle import leaf_hash
from custody.evidence.tlog.tile import TiledTree
from custody.evidence.verifier.verify import VerifyOptions, verify
from custody.model.errors import LogFailureError
from custody.model.gateway_records import AnchorAccepted, Heartbeat, LogClose, LogOpen, Recovery
from custody.model.record import ResponseUnknown, SessionEnd
from custody.model.words import Decision


async def work(scene: Scene, log: Log, turns: int = 6) -> None:
    """Sessions, commands in flight, checkpoints: something of everything."""
    scene.configure(log)
    scene.append(log, session_start(), SESSION)
    scene.append(log, session_start(), OTHER)
    for turn in range(turns):
        number = scene.append(log, command(f"SELECT {turn}, '{'x' * 700}'"), SESSION).n
        scene.append(log, command(f"UPDATE {turn}"), OTHER)
        await asyncio.sleep(0)
        scene.append(log, response(number), SESSION)
        if turn % 3 == 1:
            log.heartbeat()
            log.publish()
        if turn % 4 == 2:
            log.bookmark()


def play_work(scene: Scene, turns: int = 6) -> None:
    scene.play(lambda log: work(scene, log, turns))


def crashing(scene: Scene, operation: int) -> None:
    """Work on a disk that goes dead at an operation; whatever that raises ends the process."""
    scene.die_from(scene.disk.operations + operation)
    with contextlib.suppress(LogFailureError, OSError):
        play_work(scene)


def check(scene: Scene, signed: dict[int, bytes]) -> None:
    """Acknowledged means present; signed means true; and the log goes on."""
    play_work(scene, 2)
    stored = scene.stored()
    for _, receipt, body in scene.acknowledged:
        assert stored[receipt.index].body == body
        assert stored[receipt.index].n == receipt.n
    tree = TiledTree()
    signed = {**signed, **checkpoints(scene)}
    for each in walk_year(scene.disk, EVIDENCE, "2026"):
        tree.append(leaf_hash(each.frame.leaf))
        assert signed.get(tree.size, tree.root()) == tree.root()
    assert tree.size >= max(signed)


def checkpoints(scene: Scene) -> dict[int, bytes]:
    """What the anchor says was signed."""
    return {each.size: each.root for each in read_anchor(scene.disk, ANCHOR).values()}


def operations_of_a_first_run() -> int:
    scene = Scene(segment_bytes=8192)
    scene.play(lambda log: work(scene, log))
    return scene.disk.operations


OPERATIONS = operations_of_a_first_run()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crash_at_any_operation_loses_nothing_that_was_acknowledged(seed: int) -> None:
    for operation in range(OPERATIONS):
        scene = Scene(segment_bytes=8192, seed=seed)
        crashing(scene, operation)
        signed = checkpoints(scene)
        scene.disk.crash(seed * 1000 + operation)
        check(scene, signed)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, OPERATIONS), min_size=2, max_size=5), st.integers(0, 2**32))
def test_crash_after_crash(operations: list[int], seed: int) -> None:
    scene = Scene(segment_bytes=8192, seed=seed)
    signed: dict[int, bytes] = {}
    for number, operation in enumerate(operations):
        scene.die_from(scene.disk.operations + operation)
        with contextlib.suppress(LogFailureError, OSError):
            play_work(scene)
        signed |= checkpoints(scene)
        scene.disk.crash(seed + number)
    check(scene, signed)


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_a_crash_at_any_operation_under_many_fates() -> None:
    whole = os.environ.get("PROVE_WHOLE", "1") == "1"
    for seed in range(3, 60 if whole else 6):
        for operation in range(OPERATIONS):
            scene = Scene(segment_bytes=8192, seed=seed)
            crashing(scene, operation)
            signed = checkpoints(scene)
            scene.disk.crash(seed * 1000 + operation)
            check(scene, signed)


def test_after_a_crash_the_verifier_is_content(tmp_path: Path) -> None:
    for operation in range(20, OPERATIONS, 7):
        scene = Scene(segment_bytes=8192)
        crashing(scene, operation)
        scene.disk.crash(operation)
        play_work(scene, 2)
        there = tmp_path / str(operation)
        scene.disk.spill(Path("/"), there)
        keys = scene.keys()
        report = verify(
            there / "data", VerifyOptions(anchor=there / "outside/anchor", open_day=keys.unwrap)
        )
        assert report.faults == (), operation


def test_a_crash_with_commands_in_flight_is_accounted_for() -> None:
    scene = Scene()

    async def crash(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 1"), SESSION)
        scene.append(log, response(1), SESSION)
        scene.append(log, command("DROP TABLE t", Decision.DENY), SESSION)
        scene.append(log, command("UPDATE t SET a = 1"), SESSION)
        await asyncio.sleep(0)
        scene.die_from(0)

    with contextlib.suppress(LogFailureError):
        scene.play(crash)
    scene.disk.crash(1)

    async def nothing(_log: Log) -> None:
        pass

    scene.play(nothing)
    kinds = [type(each.body) for each in scene.stored()]
    assert kinds[-4:] == [LogOpen, ResponseUnknown, Recovery, LogClose]
    unknown, recovery = scene.stored()[-3:-1]
    assert unknown.body == ResponseUnknown(4)
    assert (unknown.session, unknown.n) == (SESSION, 5)
    assert isinstance(recovery.body, Recovery)
    assert recovery.body.sessions == ((SESSION, 5),)

    scene.play(nothing)
    assert [type(each.body) for each in scene.stored()[-2:]] == [LogOpen, LogClose]


def test_a_session_left_open_at_the_end_is_accounted_for_at_the_next_start() -> None:
    scene = Scene()

    async def leave(log: Log) -> None:
        scene.append(log, session_start(), SESSION)

    async def again(log: Log) -> None:
        with pytest.raises(LogFailureError):
            scene.append(log, session_end(), SESSION)
        scene.append(log, session_start(), SESSION)
        log.heartbeat()
        scene.append(log, session_end(), SESSION)

    scene.play(leave)
    scene.play(again)
    bodies = [each.body for each in scene.stored()]
    assert [type(body) for body in bodies[-6:]] == [
        LogOpen, Recovery, type(bodies[-4]), Heartbeat, SessionEnd, LogClose,
    ]  # fmt: skip


def torn_scene(seed: int) -> Scene:
    """A crash that tore a batch of several pages."""
    scene = Scene(seed=seed)

    async def tear(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        await asyncio.sleep(0)
        scene.disk.fails = lambda _number, what, _path: errno.EIO if what == "sync" else None
        for number in range(8):
            scene.append(log, command(f"SELECT {number}"), SESSION)

    scene.play(tear)
    scene.disk.crash(seed)
    return scene


def test_a_torn_tail_stays_where_it_fell_and_is_hashed(tmp_path: Path) -> None:
    torn = 0
    for seed in range(12):
        scene = torn_scene(seed)
        play_work(scene, 1)
        recovery = next(each.body for each in scene.stored() if isinstance(each.body, Recovery))
        torn += recovery.torn_bytes > 0
        scene.disk.spill(Path("/"), tmp_path / str(seed))
        report = verify(tmp_path / str(seed) / "data")
        assert report.faults == ()
    assert torn > 4


def segment(number: int = 0) -> Path:
    return EVIDENCE / "segments" / "2026-03-01" / f"{number:03d}.seg"


def closed_scene() -> Scene:
    scene = Scene()
    scene.play(lambda log: work(scene, log))
    return scene


def disk_of(files: dict[Path, bytes], anchor: bytes) -> SimulatedDisk:
    """A disk with these files, and this anchor outside the data."""
    disk = SimulatedDisk()
    for path, data in {**files, ANCHOR: anchor}.items():
        disk.make_directory(path.parent)
        disk.put(path, data)
    return disk


def reopening(scene: Scene) -> str:
    """Why the log does not open."""

    async def nothing(_log: Log) -> None:
        raise AssertionError("the log opened")

    with pytest.raises(LogFailureError) as refused:
        scene.play(nothing)
    return refused.value.code


@pytest.mark.parametrize("where", [0.0, 0.3, 0.9])
def test_damage_below_what_was_durable_is_refused_with_its_place(where: float) -> None:
    scene = closed_scene()
    places = [each.place for each in walk_year(scene.disk, EVIDENCE, "2026")]
    place = places[int(where * len(places))]
    data = bytearray(scene.disk.files()[segment_path(EVIDENCE, place.segment)])
    data[place.offset + HEADER_SIZE + 5] ^= 1
    scene.disk.put(segment_path(EVIDENCE, place.segment), bytes(data))
    assert reopening(scene) == "log.damaged"


def test_a_cut_off_end_is_refused() -> None:
    scene = closed_scene()
    places = [each.place for each in walk_year(scene.disk, EVIDENCE, "2026")]
    data = scene.disk.files()[segment()]
    kept = data[: places[-3].offset]
    scene.disk.put(segment(), kept + bytes(len(data) - len(kept)))
    assert reopening(scene) == "log.rolled-back"


def test_an_older_copy_is_refused_until_the_operator_accepts_it() -> None:
    scene = closed_scene()
    older = {path: data for path, data in scene.disk.files().items() if path != ANCHOR}
    scene.play(lambda log: work(scene, log))
    anchored = scene.disk.files()[ANCHOR]
    scene.disk = disk_of(older, anchored)
    assert reopening(scene) == "log.rolled-back"

    scene.accept_new_anchor = True
    scene.acknowledged.clear()
    play_work(scene, 1)
    size = read_size(anchored)
    (accepted,) = [each for each in scene.stored() if isinstance(each.body, AnchorAccepted)]
    found = accepted.index - 1
    assert accepted.body == AnchorAccepted(size, found, size - found)
    assert size > found
    scene.accept_new_anchor = False
    play_work(scene, 1)


def read_size(anchor: bytes) -> int:
    return int(anchor.split()[2])


def test_other_records_in_the_place_of_signed_ones_are_all_given_up() -> None:
    scene = closed_scene()
    signed = read_size(scene.disk.files()[ANCHOR])
    other = Scene(seed=9, now=scene.now + 1)
    play_work(other, 7)
    scene.disk = disk_of(
        {path: data for path, data in other.disk.files().items() if path != ANCHOR},
        scene.disk.files()[ANCHOR],
    )
    scene.accept_new_anchor = True
    scene.acknowledged.clear()
    play_work(scene, 1)
    (accepted,) = [each.body for each in scene.stored() if isinstance(each.body, AnchorAccepted)]
    assert (accepted.signed, accepted.lost) == (signed, signed)


def test_a_log_that_lost_its_anchor_is_refused_until_the_operator_accepts_it() -> None:
    scene = closed_scene()
    scene.disk.drop(ANCHOR)
    assert reopening(scene) == "log.anchor-missing"
    scene.disk.put(ANCHOR, b"custody-anchor/1\n")
    assert reopening(scene) == "log.anchor-missing"

    scene.accept_new_anchor = True
    scene.acknowledged.clear()
    play_work(scene, 1)
    (accepted,) = [each for each in scene.stored() if isinstance(each.body, AnchorAccepted)]
    assert accepted.body == AnchorAccepted(None, accepted.index - 1, 0)
    scene.accept_new_anchor = False
    play_work(scene, 1)


def test_without_checkpoint_and_anchor_the_bookmark_tells_that_it_was_signed() -> None:
    scene = closed_scene()
    scene.disk.drop(ANCHOR)
    scene.disk.drop(EVIDENCE / "log" / "2026" / "checkpoint")
    assert reopening(scene) == "log.anchor-missing"


def test_a_lost_log_with_an_anchor_is_refused() -> None:
    scene = closed_scene()
    scene.disk = disk_of({}, scene.disk.files()[ANCHOR])
    assert reopening(scene) == "log.rolled-back"


def test_other_records_of_the_same_number_are_a_fork() -> None:
    scene = closed_scene()
    other = Scene(seed=9, now=scene.now + 1)
    play_work(other, 7)
    scene.disk = disk_of(
        {path: data for path, data in other.disk.files().items() if path != ANCHOR},
        scene.disk.files()[ANCHOR],
    )
    assert reopening(scene) == "log.forked"


def test_a_foreign_checkpoint_is_refused() -> None:
    scene = closed_scene()
    path = EVIDENCE / "log" / "2026" / "checkpoint"
    scene.disk.put(path, scene.disk.files()[path].replace(b"\n\n", b"\n\n", 1)[:-3] + b"A=\n")
    assert reopening(scene) == "log.checkpoint"


def test_an_unreadable_anchor_is_refused() -> None:
    scene = closed_scene()
    scene.disk.put(ANCHOR, b"custody-anchor/1\n" + NAME.encode() + b"/2026 007 AAAA\n")
    with pytest.raises(LogFailureError) as refused:
        scene.keys()
    assert refused.value.code == "log.anchor-unreadable"


def test_only_one_process_writes() -> None:
    scene = Scene()

    async def act(_log: Log) -> None:
        with pytest.raises(LogFailureError) as refused:
            async with scene.open():
                pass
        assert refused.value.code == "log.locked"

    scene.play(act)
