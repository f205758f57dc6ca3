"""The records of those who were not let in.

Law: every refusal is on the record, one by one within the rate that strangers have, and above it
as a count. A record that cannot be made lets nobody in.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from custody.model.errors import CustodyError
from custody.model.record import LoginRefused, Milliseconds, Receipt, Record
from custody.model.words import LoopId
from custody.recording.refusal_rate import RefusalRate

_log: Final = logging.getLogger("custody.logins")


LONGEST: Final = 255
"""Characters of a name that somebody who was refused made up."""


class RefusedLogins:
    """``strangers`` counts those of all doors together; whoever watches the doors records it."""

    def __init__(
        self,
        scribe: Callable[[Record], Awaitable[Receipt]],
        clock: Callable[[], int],
        strangers: RefusalRate | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scribe: Final = scribe
        self._clock: Final = clock
        self._strangers: Final = strangers or RefusalRate()
        self._monotonic: Final = monotonic

    async def record(
        self,
        reason: str,
        *,
        client: str,
        subject: str = "",
        target: str = "",
        protocol: str = "",
        loop: LoopId | None = None,
    ) -> None:
        """``client`` is an address, with or without its port. Raises nothing."""
        if not self._strangers.recorded(_host(client), loop, self._monotonic()):
            return
        body = LoginRefused(reason, target[:LONGEST], protocol, client, subject=subject[:LONGEST])
        try:
            await self._scribe(Record(Milliseconds(self._clock()), body, loop))
        except CustodyError as error:
            _log.error("a refusal was not recorded: %s", error.code)


def _host(client: str) -> str:
    """Of ``host:port`` and ``[host]:port``; an address without a port stays as it is."""
    if client.startswith("["):
        return client[1:].partition("]")[0]
    return client.partition(":")[0] if client.count(":") == 1 else client
