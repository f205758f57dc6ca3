"""The records of refused logins.

Law: each refused login is recorded on its own within ``RefusalRate``, and counted above it. A
failure to record does not admit anybody.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from custody.model.errors import CustodyError
from custody.model.record import LoginRefused, Milliseconds, Record
from custody.model.words import LoopId
from custody.recording.recorder import RecordWriter
from custody.recording.refusal_rate import RefusalRate

_log: Final = logging.getLogger("custody.logins")


LONGEST: Final = 255
"""Characters of a name that somebody who was refused made up."""


class RefusedLogins:
    """``refusal_rate`` is shared by all listeners; ``gateway.listener.watch`` records its count."""

    def __init__(
        self,
        recorder: RecordWriter,
        clock: Callable[[], int],
        refusal_rate: RefusalRate | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recorder: Final = recorder
        self._clock: Final = clock
        self._refusal_rate: Final = refusal_rate or RefusalRate()
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
        if not self._refusal_rate.admits_record(_host(client), loop, self._monotonic()):
            return
        body = LoginRefused(reason, target[:LONGEST], protocol, client, subject=subject[:LONGEST])
        try:
            await self._recorder.write(Record(Milliseconds(self._clock()), body, loop))
        except CustodyError as error:
            _log.error("a refusal was not recorded: %s", error.code)


def _host(client: str) -> str:
    """Of ``host:port`` and ``[host]:port``; an address without a port stays as it is."""
    if client.startswith("["):
        return client[1:].partition("]")[0]
    return client.partition(":")[0] if client.count(":") == 1 else client
