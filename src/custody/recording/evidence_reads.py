"""Who read which evidence, on the record.

Law: a reading is durable on the record before its answer is made. One reader, one call and what it
is about make one record in ten minutes, so that going through pages does not fill the log.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from custody.model.gateway_records import EvidenceRead
from custody.model.record import Milliseconds, Record
from custody.recording.recorder import RecordWriter

WINDOW_MS: Final = 600_000
ABOUT_AT_MOST: Final = 1024
"""Characters of what a query says that are recorded; a longer one ends with a mark."""
REMEMBERED_AT_MOST: Final = 4096
"""Readings; the oldest is forgotten, and recorded again when it comes back."""


class EvidenceReads:
    """``clock`` gives milliseconds since the Unix epoch."""

    def __init__(self, recorder: RecordWriter, clock: Callable[[], int]) -> None:
        self._recorder: Final = recorder
        self._clock: Final = clock
        self._recorded: Final[OrderedDict[bytes, int]] = OrderedDict()
        self._turn: Final = asyncio.Lock()

    async def record(self, reading: EvidenceRead) -> None:
        """Returns once this reading is on the record. Raises ``CustodyError`` where the log takes
        none.
        """
        whole = reading
        if len(reading.about) > ABOUT_AT_MOST:
            reading = EvidenceRead(
                reading.reader,
                reading.login_account,
                reading.call,
                reading.about[: ABOUT_AT_MOST - 1] + "…",
            )
        # Of the whole text: what differs behind the cut is another reading.
        key = hashlib.sha256(msgspec.json.encode(whole)).digest()
        async with self._turn:
            now = self._clock()
            before = self._recorded.get(key)
            if before is not None and 0 <= now - before < WINDOW_MS:
                return
            await self._recorder.write(Record(Milliseconds(now), reading))
            self._recorded[key] = now
            self._recorded.move_to_end(key)
            while len(self._recorded) > REMEMBERED_AT_MOST:
                self._recorded.popitem(last=False)
