"""One thread for the state database, beside the event loop.

Law: acts run in the order in which they were asked, each to its end, also where its caller was
cancelled. A locked database delays only callers of the state database.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

from custody.model.errors import CustodyError

WAITING_AT_MOST: Final = 64

Result = TypeVar("Result")


class StateThread:
    """Bound to no event loop. Closing waits for the act that runs; those behind it never begin."""

    def __init__(self) -> None:
        self._executor: Final = ThreadPoolExecutor(1, "custody-state")
        self._waiting = 0

    async def run(self, act: Callable[[], Result]) -> Result:
        """What ``act`` gives or raises; ``state.busy`` where too many wait already."""
        if self._waiting >= WAITING_AT_MOST:
            raise CustodyError(
                "state.busy",
                f"{self._waiting} acts wait for the state database.",
                "Try again; if it stays so, see what keeps state.db locked.",
            )
        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._executor, act)
        running.add_done_callback(self._over)
        return await asyncio.shield(running)

    def _over(self, running: "asyncio.Future[Result]") -> None:
        self._waiting -= 1
        if not running.cancelled():
            running.exception()  # whoever asked may have gone: then nobody is left to be told

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
