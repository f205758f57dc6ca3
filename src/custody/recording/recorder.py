"""Writing records that belong to no session: tickets, configuration, an operator's acts.

Law: masked like everything else; whoever writes goes on once the record is durable, whoever queues
one has said that it need not wait.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from custody.model.errors import LogFailureError
from custody.model.interfaces import Durable, EvidenceLog, Masker
from custody.model.record import Receipt, Record


async def durable(append: Callable[[Durable], object]) -> Receipt:
    """Appends, and returns once it is on disk. Raises as ``append`` does, and ``LogFailureError``.
    Cancelling the caller loses nothing.
    """
    done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def heard(result: Receipt | LogFailureError) -> None:
        if done.done():
            return
        if isinstance(result, LogFailureError):
            done.set_exception(result)
        else:
            done.set_result(result)

    append(heard)
    return await done


class RecordWriter(Protocol):
    """``Recorder``, or what refuses in its place where the log is not open."""

    async def write(self, record: Record) -> Receipt:
        """Masks a record, appends it, and returns once it is durable. Raises ``CustodyError``."""
        ...


class Recorder:
    def __init__(self, masker: Masker, log: EvidenceLog) -> None:
        self._masker = masker
        self._log: Final = log

    def replace_masker(self, masker: Masker) -> None:
        """From the next record on."""
        self._masker = masker

    async def write(self, record: Record) -> Receipt:
        """Returns once it is durable. Raises ``CustodyError``. Cancelling the caller loses nothing:
        the record is written all the same.
        """
        return await durable(lambda heard: self.queue(record, heard))

    def queue(self, record: Record, heard: Durable | None = None) -> Receipt:
        """Masks and appends it without a wait. Raises as masking and the log do."""
        return self._log.append(self._masker.mask(record), heard)
