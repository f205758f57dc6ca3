"""The indexing process beside a log that is being written."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.investigation.evidence_scene import LOOP, SESSION, Scene, append, usual

from custody.app.indexer.child import NICENESS
from custody.app.indexer.parent import IndexerProcess
from custody.evidence.log.log import Log
from custody.index import Order, OwnDayFiles, SqliteIndex, parse_query


def indexer(scene: Scene, log: Log) -> IndexerProcess:
    return IndexerProcess(
        data=scene.data,
        name="gw1.example.com",
        keys=scene.keys(),
        durable=lambda: (log.origin, log.durable_size),
    )


def texts(scene: Scene) -> list[str]:
    index = SqliteIndex(OwnDayFiles(scene.data / "index"))
    page = index.search(parse_query("kind:command", 0), order=Order.OLDEST, limit=1000)
    return [event.text for event in page.events]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def knows_of_keys(pid: int, scene: Scene) -> bool:
    """Whether the keys directory is in its arguments or among its open files."""
    place = str(scene.root / "keys")
    process = Path(f"/proc/{pid}")
    opened = []
    for each in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            opened.append(str(each.readlink()))
    return place in (process / "cmdline").read_text() or any(place in each for each in opened)


def group_of(pid: int) -> str:
    """The process's group for the scheduler, and its niceness; as wished where there are none."""
    group = Path(f"/proc/{pid}/autogroup")
    return group.read_text().strip() if group.exists() else f"nice {NICENESS}"


def test_what_is_durable_is_found_once_freshened(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.log() as log:
            child = indexer(scene, log)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(child.run())
                story = usual()
                await append(log, story)
                await child.catch_up()
                assert len(texts(scene)) == 3
                told = len(story.filed)
                story.command("SELECT 'later'", session=SESSION, loop=LOOP)
                await append(log, story, told)
                await child.catch_up()
                assert texts(scene)[-1] == "SELECT 'later'"
                running.cancel()

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform != "linux", reason="priorities as Linux has them")
def test_every_other_process_goes_first(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.log() as log:
            child = indexer(scene, log)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(child.run())
                await append(log, usual())
                assert await child.catch_up()
                assert child.pid is not None
                assert os.getpriority(os.PRIO_PROCESS, child.pid) >= NICENESS
                assert os.sched_getscheduler(child.pid) == os.SCHED_BATCH
                assert group_of(child.pid).endswith(f"nice {NICENESS}")
                running.cancel()

    asyncio.run(scenario())


def test_a_backlog_is_caught_up_with_before_a_question_is_answered(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.log() as log:
            child = indexer(scene, log)
            story = usual()
            for number in range(3000):
                story.command(f"SELECT {number}", session=SESSION, loop=LOOP)
            await append(log, story)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(child.run())
                async with asyncio.timeout(60):
                    while not await child.catch_up():
                        pass  # it waits a few seconds at most, which a busy machine may need twice
                assert len(texts(scene)) == 1000
                assert (
                    SqliteIndex(OwnDayFiles(scene.data / "index"))
                    .search(parse_query("2999", 0), order=Order.NEWEST, limit=1)
                    .events
                )
                running.cancel()

    asyncio.run(scenario())


def test_it_is_started_again_when_it_dies(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.log() as log:
            child = indexer(scene, log)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(child.run())
                story = usual()
                await append(log, story)
                await child.catch_up()
                assert child.pid is not None
                first = child.pid
                os.kill(first, signal.SIGKILL)
                told = len(story.filed)
                story.command("SELECT 'after'", session=SESSION, loop=LOOP)
                await append(log, story, told)
                async with asyncio.timeout(30):
                    while "SELECT 'after'" not in texts(scene):
                        await child.catch_up()
                assert child.pid not in {None, first}
                assert len(texts(scene)) == 4
                running.cancel()

    asyncio.run(scenario())


def test_it_ends_with_its_parent(scene: Scene) -> None:
    async def scenario() -> int:
        async with scene.log() as log:
            child = indexer(scene, log)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(child.run())
                await append(log, usual())
                await child.catch_up()
                pid = child.pid
                assert pid is not None
                assert not knows_of_keys(pid, scene)
                running.cancel()
                return pid

    pid = asyncio.run(scenario())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
