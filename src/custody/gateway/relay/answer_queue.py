"""A session's answers on their way to the log.

Law: an answer is recorded before anything that comes after it. The client has its last bytes at
once; ``strict``: only when the record is durable.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

from custody.gateway.connections.outbox import Outbox
from custody.gateway.gate import Gate
from custody.gateway.long_records import MaskingPause, is_long
from custody.gateway.relay.recorded_entry import EntryOwner, RecordedEntry
from custody.model.command import Wire
from custody.model.errors import LogFailureError
from custody.model.identity import Session
from custody.model.record import Response

QUEUED_AT_MOST: Final = 16
"""Answers whose final bytes were released and that are still to be masked and sealed."""


class AnswerOwner(EntryOwner, Protocol):
    """``Relay``."""

    @property
    def to_client(self) -> Outbox: ...


class AnswerQueue:
    def __init__(
        self, owner: AnswerOwner, session: Session, gate: Gate, pause: MaskingPause, *, strict: bool
    ) -> None:
        self._owner: Final = owner
        self._session: Final = session
        self._gate: Final = gate
        self._pause: Final = pause
        self._strict: Final = strict
        self.waiting: Final[deque[Response]] = deque()
        """Answers that are still to be recorded."""
        self._event_loop: Final = asyncio.get_running_loop()

    def put(self, response: Response, wire: Wire) -> None:
        """An answer whose last bytes are ``wire``."""
        strict, owner = self._strict, self._owner
        if not strict:
            owner.to_client.put(wire)
        if is_long(response):
            self._put_long(response, wire if strict else None)
            return
        if strict:
            held = RecordedEntry(owner, wire)
            if self._record(response, held):
                owner.to_client.hold(held)
            return
        waiting = self.waiting
        waiting.append(response)
        if len(waiting) == 1:
            # Masking and sealing are done while the client already reads its answer. The event
            # loop sends after one turn of callbacks, so these wait for the one after.
            self._event_loop.call_soon(self._event_loop.call_soon, self.record)
        elif len(waiting) >= QUEUED_AT_MOST:
            self.record()

    def record(self) -> None:
        """Record what is queued, before anything that comes after it."""
        waiting = self.waiting
        while waiting:
            if not self._record(waiting.popleft(), None):
                return

    def _put_long(self, response: Response, wire: Wire | None) -> None:
        """What comes next waits for its record; so does ``wire``, where it is strict."""
        self.record()
        owner = self._owner
        held = RecordedEntry(owner, wire) if wire is not None else None

        def record() -> None:
            if self._record(response, held) and held is not None:
                owner.to_client.hold(held)

        self._pause.begin([response], record, lambda: self._record(response, None))

    def _record(self, response: Response, held: RecordedEntry | None) -> bool:
        try:
            self._gate.note_response(self._session, response, held)
        except LogFailureError as error:
            self._owner.log_failed(error)
            return False
        return True
