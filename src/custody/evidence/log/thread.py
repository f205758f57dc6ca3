"""Work that may wait for a disk, beside the event loop.

Law: nobody waits for a thread that a disk never answers, neither the loop nor the process's end.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable


async def in_thread(work: Callable[..., None], *arguments: object) -> None:
    """In a thread of its own: nothing else in the process can keep it busy, and where the disk
    never answers it, it does not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def there() -> None:
        fault = None
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001 - it is raised where the work is awaited
            fault = error
        with contextlib.suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(settle, fault)

    threading.Thread(target=there, name="log", daemon=True).start()
    await done
