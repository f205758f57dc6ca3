"""Services start in their order and stop in the opposite one, whatever ended the gateway."""

import asyncio
from contextlib import suppress
from typing import Final

import pytest

from custody.app.serve.lifecycle import Background, Once, TaskScope, running
from custody.model.errors import CustodyError

FAULT: Final = CustodyError("listen.failed", "It cannot listen.", "Choose another address.")


class Noted:
    """A service that says what it does, and fails where it is told to."""

    def __init__(self, said: list[str], name: str, fails: str = "") -> None:
        self.said = said
        self.name = name
        self.fails = fails

    async def start(self) -> None:
        await self.note("start")

    async def stop(self) -> None:
        await self.note("stop")

    async def note(self, act: str) -> None:
        await asyncio.sleep(0)
        self.said.append(f"{act} {self.name}")
        if act == self.fails:
            raise FAULT


async def run(*services: Noted) -> None:
    async with running(services):
        services[0].said.append("ready")


@pytest.mark.parametrize(
    ("fails", "act", "expected"),
    [
        ("", "", "start a, start b, start c, ready, stop c, stop b, stop a"),
        ("a", "start", "start a"),
        ("b", "start", "start a, start b, stop a"),
        ("c", "start", "start a, start b, start c, stop b, stop a"),
        ("c", "stop", "start a, start b, start c, ready, stop c, stop b, stop a"),
        ("b", "stop", "start a, start b, start c, ready, stop c, stop b, stop a"),
        ("a", "stop", "start a, start b, start c, ready, stop c, stop b, stop a"),
    ],
)
def test_what_started_stops_in_the_opposite_order(fails: str, act: str, expected: str) -> None:
    said: list[str] = []
    services = [Noted(said, name, act if name == fails else "") for name in "abc"]
    if fails:
        with pytest.raises(CustodyError) as caught:
            asyncio.run(run(*services))
        assert caught.value is FAULT
    else:
        asyncio.run(run(*services))
    assert said == expected.split(", ")


def test_a_failure_inside_stops_all() -> None:
    said: list[str] = []

    async def scenario() -> None:
        async with running([Noted(said, "a"), Noted(said, "b")]):
            raise FAULT

    with pytest.raises(CustodyError):
        asyncio.run(scenario())
    assert said[2:] == ["stop b", "stop a"]


class Worker:
    def __init__(self, said: list[str]) -> None:
        self.said = said
        self.broken = asyncio.Event()

    async def work(self) -> None:
        self.said.append("work")
        try:
            await self.broken.wait()
            raise FAULT
        finally:
            self.said.append("end of work")

    async def last(self) -> None:
        self.said.append("last")


async def beside(worker: Worker, *, broken: bool) -> None:
    tasks = asyncio.TaskGroup()
    said = worker.said
    work = Background(tasks, worker.work, last=worker.last)
    async with running([TaskScope(tasks), Noted(said, "a"), work]):
        await asyncio.sleep(0)
        if broken:
            worker.broken.set()
            await asyncio.sleep(60)


def test_work_lasts_until_everything_else_has_stopped() -> None:
    said: list[str] = []
    asyncio.run(beside(Worker(said), broken=False))
    assert said == ["start a", "work", "last", "stop a", "end of work"]


def test_work_that_fails_ends_all_in_order() -> None:
    said: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(beside(Worker(said), broken=True))
    assert caught.value.exceptions == (FAULT,)
    assert said == ["start a", "work", "end of work", "last", "stop a"]


def test_a_start_that_fails_is_raised_as_it_is_beside_tasks() -> None:
    said: list[str] = []

    async def scenario() -> None:
        worker, tasks = Worker(said), asyncio.TaskGroup()
        async with running(
            [TaskScope(tasks), Background(tasks, worker.work), Noted(said, "a", "start")]
        ):
            said.append("ready")

    with pytest.raises(CustodyError):
        asyncio.run(scenario())
    assert said == ["work", "start a", "end of work"]


def test_a_cancelled_gateway_stops_in_order_too() -> None:
    said: list[str] = []

    async def scenario() -> None:
        async with asyncio.TaskGroup() as outer:
            gateway = outer.create_task(beside(Worker(said), broken=True))
            await asyncio.sleep(0.01)
            gateway.cancel()
            with suppress(asyncio.CancelledError):
                await gateway

    with suppress(ExceptionGroup):
        asyncio.run(scenario())
    assert said[-3:] == ["end of work", "last", "stop a"]


def test_acts_of_a_start_are_done_once_and_in_order() -> None:
    said: list[str] = []
    notes = [Noted(said, name) for name in "ab"]
    acts = Once(*[note.start for note in notes])

    async def scenario() -> None:
        async with running([acts, Noted(said, "c")]):
            said.append("ready")

    asyncio.run(scenario())
    assert said == ["start a", "start b", "start c", "ready", "stop c"]
