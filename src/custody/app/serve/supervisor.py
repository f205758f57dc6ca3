"""What the process that started the gateway is told: sd_notify(3), by hand.

Law: without ``$NOTIFY_SOCKET`` nothing is said and nothing waits; a supervisor that does not listen
never stops a gateway.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
_ALIVE: Final = "WATCHDOG=1"


def tell_supervisor(word: str, environment: Mapping[str, str]) -> None:
    """``$NOTIFY_SOCKET`` is a path, or the name of an abstract socket behind ``@``."""
    place = environment.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = f"\0{place[1:]}" if place.startswith("@") else place
    with suppress(OSError), closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as told:
        told.setblocking(False)
        told.sendto(word.encode(), address)


async def tell_regularly(environment: Mapping[str, str]) -> None:
    """That the event loop runs, twice in the time that ``WatchdogSec`` gives. Runs until cancelled;
    returns where nobody watches.
    """
    microseconds = environment.get("WATCHDOG_USEC", "")
    while microseconds.isascii() and microseconds.isdigit() and int(microseconds):
        tell_supervisor(_ALIVE, environment)
        await asyncio.sleep(int(microseconds) / 2_000_000)
