"""Writing records that belong to no session: tickets, configuration, an operator's acts.

Law: a record is masked before it is appended, and durable before the caller goes on.
"""

import asyncio
from typing import Final, Protocol

from custody.model.errors import LogFailureError
from custody.model.interfaces import EvidenceLog, Masker
from custody.model.record import Receipt, Record


class RecordWriter(Protocol):
    """``Recorder``, or what refuses in its place where the log is not open."""

    async def write(self, record: Record) -> Receipt:
        """Masks a record, appends it, and returns once it is durable. Raises ``CustodyError``."""
        ...


class Recorder:
    def __init__(self, masker: Masker, log: EvidenceLog) -> None:
        self._masker: Final = masker
        self._log: Final = log

    async def write(self, record: Record) -> Receipt:
        """Returns once it is durable. Raises ``CustodyError``. Cancelling the caller loses nothing:
        the record is written all the same.
        """
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def durable(result: Receipt | LogFailureError) -> None:
            if done.done():
                return
            if isinstance(result, LogFailureError):
                done.set_exception(result)
            else:
                done.set_result(result)

        self._log.append(self._masker.mask(record), durable)
        return await done
