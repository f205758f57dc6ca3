"""Bytes in line until their record is durable.

Law: an entry leaves only after the log said so; if the log fails, its owner hears of it and the
entry never leaves.
"""

import time
from typing import Final, Protocol

from custody.gateway.connections.outbox import OutboxEntry
from custody.model.command import Wire
from custody.model.errors import LogFailureError
from custody.model.record import Receipt

_now: Final = time.monotonic_ns


class EntryOwner(Protocol):
    def log_failed(self, error: LogFailureError) -> None: ...
    def after_release(self) -> None:
        """Something in line may have left."""
        ...

    def after_sent(self, taken: int) -> None:
        """A message left for which so much memory was taken."""
        ...


class RecordedEntry(OutboxEntry):
    """What the log calls once the record is durable. Of a message of commands also when it left,
    and which answers are due: one object for the three, because every statement needs one.
    """

    numbers: tuple[int, ...] = ()
    open = 0
    sent_at = 0
    """Monotonic nanoseconds."""
    taken = 0
    """Bytes of memory."""

    def __init__(self, owner: EntryOwner, wire: Wire) -> None:
        self._owner: Final = owner
        self.wire = wire

    def __call__(self, result: Receipt | LogFailureError) -> None:
        if isinstance(result, LogFailureError):
            self._owner.log_failed(result)
            return
        self.release()
        self._owner.after_release()

    def sent(self) -> None:
        self.sent_at = _now()
        if self.taken:
            self._owner.after_sent(self.taken)
