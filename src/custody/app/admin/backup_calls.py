"""The call that begins a backup.

Law: it is on the record, durable, before anything is copied.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec

from custody.app.admin.documents import Document, typed
from custody.model.gateway_records import AdminAct
from custody.model.record import Milliseconds, Record
from custody.recording.recorder import RecordWriter

BACKUP: Final = "backup"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class BackupBegin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Name
    place: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class BackupCalls:
    def __init__(self, recorder: RecordWriter, clock: Callable[[], int]) -> None:
        """``clock`` gives Unix milliseconds; ``recorder`` returns once a record is durable."""
        self._recorder: Final = recorder
        self._clock: Final = clock

    def handles(self, call: str) -> bool:
        return call == BACKUP

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """How many records the log has with this one. Raises ``admin.arguments``, and as the log
        does.
        """
        del call
        asked = typed(arguments, BackupBegin)
        act = AdminAct(BACKUP, asked.actor, asked.place)
        receipt = await self._recorder.write(Record(Milliseconds(self._clock()), act))
        return {"items": [{"records": receipt.index + 1}], "next": None}
