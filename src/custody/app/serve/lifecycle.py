"""What starts and stops: a gateway is a list of services.

Law: services start one after the other, and those that have started stop in the opposite order,
each once, whatever ended the gateway: a signal, a failure, or a start that did not succeed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, Protocol

Act = Callable[[], Awaitable[object]]
Work = Callable[[], Coroutine[Any, Any, None]]
"""Runs until it is cancelled."""


class Service(Protocol):
    async def start(self) -> None:
        """Returns once it works. Where it raises, it has left nothing open."""
        ...

    async def stop(self) -> None:
        """Returns once it has ended."""
        ...


@asynccontextmanager
async def running(services: Sequence[Service]) -> AsyncIterator[None]:
    """All of them work inside. Raises what a start raised, as it was raised."""
    async with AsyncExitStack() as started:
        for service in services:
            await service.start()
            started.push_async_callback(service.stop)
        yield


class TaskScope:
    """A context that owns tasks, such as a ``TaskGroup``. Stopped, it is left as if cancelled: what
    still runs in it is cancelled and awaited. Raises what its tasks raised.
    """

    def __init__(self, context: AbstractAsyncContextManager[object]) -> None:
        self._context: Final = context

    async def start(self) -> None:
        await self._context.__aenter__()

    async def stop(self) -> None:
        with suppress(asyncio.CancelledError):
            await self._context.__aexit__(asyncio.CancelledError, asyncio.CancelledError(), None)


class Once:
    """Acts of a start, in their order. There is nothing to stop."""

    def __init__(self, *acts: Act) -> None:
        self._acts: Final = acts

    async def start(self) -> None:
        for act in self._acts:
            await act()

    async def stop(self) -> None:
        pass


class Background:
    """Work beside everything else, for as long as ``tasks`` lasts; ``last`` is done at the stop."""

    def __init__(self, tasks: asyncio.TaskGroup, *work: Work, last: Act | None = None) -> None:
        self._tasks: Final = tasks
        self._work: Final = work
        self._last: Final = last

    async def start(self) -> None:
        for each in self._work:
            self._tasks.create_task(each())

    async def stop(self) -> None:
        if self._last is not None:
            await self._last()
