"""The thread of the state database: order, bounds, and who is told what."""

import asyncio
import threading
from functools import partial

import pytest

from custody.model.errors import CustodyError
from custody.state import StateThread
from custody.state.thread import WAITING_AT_MOST


def test_acts_run_one_by_one_in_the_order_of_their_asking() -> None:
    done: list[int] = []

    async def scenario() -> None:
        async with StateThread() as thread, asyncio.TaskGroup() as tasks:
            for number in range(WAITING_AT_MOST):
                tasks.create_task(thread.run(partial(done.append, number)))

    asyncio.run(scenario())
    assert done == list(range(WAITING_AT_MOST))


def test_who_stops_waiting_does_not_stop_the_act() -> None:
    go = threading.Event()
    done: list[str] = []

    async def scenario() -> None:
        async with StateThread() as thread:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await thread.run(lambda: done.append("first") if go.wait(5) else None)
            go.set()
            await thread.run(lambda: done.append("second"))

    asyncio.run(scenario())
    assert done == ["first", "second"]


def test_too_many_acts_are_refused_and_none_that_waits_is_lost() -> None:
    go = threading.Event()

    async def scenario() -> None:
        async with StateThread() as thread, asyncio.TaskGroup() as tasks:
            waiting = [
                tasks.create_task(thread.run(lambda: go.wait(5))) for _ in range(WAITING_AT_MOST)
            ]
            await asyncio.sleep(0)
            with pytest.raises(CustodyError) as refused:
                await thread.run(lambda: None)
            assert refused.value.code == "state.busy"
            go.set()
            assert all([await each for each in waiting])
            await thread.run(lambda: None)

    asyncio.run(scenario())


def test_what_an_act_raises_reaches_who_asked() -> None:
    def fail() -> None:
        raise CustodyError("state.failed", "The disk is gone.")

    async def scenario() -> None:
        async with StateThread() as thread:
            with pytest.raises(CustodyError, match="The disk is gone"):
                await thread.run(fail)

    asyncio.run(scenario())
