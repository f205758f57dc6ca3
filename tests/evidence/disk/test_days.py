"""Days, years and clocks: midnight, New Year, and clocks that jump."""

import asyncio
import contextlib
from pathlib import Path

from tests.evidence.scenes import (
    NAME,
    OTHER,
    SESSION,
    Scene,
    at,
    command,
    response,
    session_end,
    session_start,
)

from custody.evidence.disk.segment import walk_year
from custody.evidence.keys.keyring import log_key
from custody.evidence.log.log import Log
from custody.evidence.record.leaf import parse
from custody.evidence.tlog.checkpoint import open_checkpoint
from custody.evidence.verifier.verify import VerifyOptions, verify
from custody.model.errors import LogFailureError
from custody.model.gateway_records import ClockJump, LogOpen
from custody.model.record import ResponseUnknown, SessionCarry

MINUTE = 60_000
HOUR = 60 * MINUTE


def pass_time(scene: Scene, log: Log, milliseconds: int) -> None:
    """Time passes, and the log's background work is done as ``run`` does it."""
    scene.wait(milliseconds)
    for _ in range(2):
        log.tick()
        log.prepare()
        log.writer.pool_changed()
    log.tick()


def clock_is(log: Log, *, trusted: bool) -> bool:
    return log.clock_trusted is trusted


def days_of(scene: Scene, year: str = "2026") -> list[str]:
    return [parse(each.frame.leaf).seg[:10] for each in walk_year(scene.disk, scene.evidence, year)]


def proved(scene: Scene, tmp_path: Path) -> None:
    scene.disk.spill(Path("/"), tmp_path)
    options = VerifyOptions(anchor=tmp_path / "outside/anchor", open_day=scene.keys().unwrap)
    report = verify(tmp_path / "data", options)
    assert report.faults == ()


def test_midnight_comes_and_sessions_go_on(tmp_path: Path) -> None:
    scene = Scene(now=at("2026-03-01 23:55"))

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        pass_time(scene, log, MINUTE)
        assert log.writer.day.day == "2026-03-01"
        scene.append(log, command("SELECT 'before'"), SESSION)
        pass_time(scene, log, 10 * MINUTE)
        assert log.writer.day.day == "2026-03-02"
        scene.append(log, command("SELECT 'after'"), SESSION)
        scene.append(log, session_end(), SESSION)
        await asyncio.sleep(0)

    scene.play(act)
    assert set(days_of(scene)) == {"2026-03-01", "2026-03-02"}
    assert [each.n for each in scene.stored() if each.session] == [0, 1, 2, 3]
    assert sorted(path.name for path in scene.disk.files() if path.parent.name == "wrapped") == [
        "2026-03-01",
        "2026-03-02",
    ]
    proved(scene, tmp_path)


def test_what_is_appended_while_the_day_turns_is_not_lost() -> None:
    scene = Scene(now=at("2026-03-01 23:59"))

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 'queued'"), SESSION)
        pass_time(scene, log, 2 * MINUTE)
        scene.append(log, command("SELECT 'next day'"), SESSION)
        await asyncio.sleep(0)
        assert len(scene.acknowledged) == 3

    scene.play(act)
    assert len(scene.stored()) == 4


def test_days_never_go_back() -> None:
    scene = Scene(now=at("2026-03-02 00:10"))

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.now -= 30 * MINUTE
        pass_time(scene, log, 1000)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    scene.now -= 3 * HOUR
    scene.play(lambda log: asyncio.sleep(0))
    assert days_of(scene) == sorted(days_of(scene))
    assert set(days_of(scene)) == {"2026-03-02"}
    jumps = [each.body for each in scene.stored() if isinstance(each.body, ClockJump)]
    assert jumps == [ClockJump(-30 * MINUTE)]


def test_a_clock_that_leaps_ahead_moves_no_day_until_it_is_confirmed() -> None:
    scene = Scene(now=at("2026-12-31 12:00"))

    async def act(log: Log) -> None:
        scene.now += 40 * 24 * HOUR
        pass_time(scene, log, 1000)
        assert not log.clock_trusted
        assert (log.writer.day.day, log.origin) == ("2026-12-31", f"{NAME}/2026")
        log.confirm_clock("alice")
        pass_time(scene, log, 1000)
        assert (log.writer.day.day, log.origin) == ("2027-02-09", f"{NAME}/2027")

    scene.play(act)


def test_a_clock_that_comes_back_is_believed_again() -> None:
    scene = Scene(now=at("2026-03-01 12:00"))

    async def act(log: Log) -> None:
        scene.now += 5 * HOUR
        pass_time(scene, log, 1000)
        assert clock_is(log, trusted=False)
        scene.now -= 5 * HOUR
        pass_time(scene, log, 1000)
        assert clock_is(log, trusted=True)
        pass_time(scene, log, 13 * HOUR)
        assert log.writer.day.day == "2026-03-02"

    scene.play(act)


def test_a_small_jump_is_nothing() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.now += 30_000
        pass_time(scene, log, 1000)
        assert log.size == 1

    scene.play(act)


def test_a_year_ends_and_its_sessions_are_carried_over(tmp_path: Path) -> None:
    scene = Scene(now=at("2026-12-31 23:58"))

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, session_start(), OTHER)
        scene.append(log, command("SELECT 'old'"), SESSION)
        pass_time(scene, log, 3 * MINUTE)
        assert log.origin == f"{NAME}/2027"
        scene.append(log, response(1), SESSION)
        scene.append(log, session_end(), SESSION)
        scene.append(log, session_end(), OTHER)
        log.heartbeat()
        await asyncio.sleep(0)
        log.publish()

    scene.play(act)
    new = scene.stored("2027")
    assert isinstance(new[0].body, LogOpen)
    key = log_key(scene.keys(), f"{NAME}/2026")
    final = open_checkpoint(new[0].body.previous.encode(), [key]).checkpoint
    assert final.size == len(scene.stored("2026"))
    assert [each.body for each in new[1:3]] == [
        SessionCarry(1, new_leaf_hash(scene, SESSION)),
        SessionCarry(0, new_leaf_hash(scene, OTHER)),
    ]
    assert [each.n for each in new if each.session == SESSION] == [2, 3, 4]
    proved(scene, tmp_path)


def test_a_crash_after_new_year_still_knows_what_was_asked_before_it() -> None:
    scene = Scene(now=at("2026-12-31 23:58"))

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 'answered'"), SESSION)
        scene.append(log, command("SELECT 'never'"), SESSION)
        pass_time(scene, log, 3 * MINUTE)
        scene.append(log, response(1), SESSION)
        scene.append(log, command("SELECT 'neither'"), SESSION)
        await asyncio.sleep(0)
        log.publish()
        scene.die_from(0)

    with contextlib.suppress(LogFailureError):
        scene.play(act)
    scene.disk.crash(0)
    scene.play(lambda log: asyncio.sleep(0))
    unknown = [each.body for each in scene.stored("2027") if isinstance(each.body, ResponseUnknown)]
    assert unknown == [ResponseUnknown(2), ResponseUnknown(5)]


def new_leaf_hash(scene: Scene, session: str) -> str:
    """The hash of a session's last leaf in the old year's log, as its carry links to it."""
    return next(
        leaf.prev
        for leaf in (
            parse(each.frame.leaf) for each in walk_year(scene.disk, scene.evidence, "2027")
        )
        if leaf.session == session
    )


def test_a_gateway_that_slept_through_new_year_closes_the_old_log_first(tmp_path: Path) -> None:
    scene = Scene(now=at("2026-12-30 12:00"))

    async def leave(log: Log) -> None:
        scene.append(log, session_start(), SESSION)

    async def later(log: Log) -> None:
        assert log.origin == f"{NAME}/2026"
        pass_time(scene, log, 1000)
        assert log.origin == f"{NAME}/2027"

    scene.play(leave)
    scene.now = at("2027-01-05 09:00")
    scene.play(later)
    scene.play(lambda log: asyncio.sleep(0))
    assert isinstance(scene.stored("2027")[0].body, LogOpen)
    proved(scene, tmp_path)
