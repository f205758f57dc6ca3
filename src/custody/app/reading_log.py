"""Reading single records of the evidence log for people.

Law: a reader changes nothing in the log. What cannot be opened (pruned, shredded, damaged) is
said, never skipped in silence.
"""

import threading
from collections.abc import Collection, Mapping
from typing import Final, Protocol

import msgspec

from custody.evidence.reader import EvidenceReader
from custody.model.errors import CustodyError
from custody.model.record import StoredRecord


class Unopened(msgspec.Struct, frozen=True):
    """A record that is there but whose content cannot be read, and why."""

    code: str
    fault: str


Found = Mapping[int, StoredRecord | Unopened]


class LogReader(Protocol):
    def records(self, log: str, indices: Collection[int]) -> Found:
        """Records of one log by their indices; those that do not exist are left out."""
        ...


class EvidenceRecords:
    """The ``LogReader`` of a gateway's own evidence. For several threads."""

    def __init__(self, reader: EvidenceReader) -> None:
        self._reader: Final = reader
        self._lock: Final = threading.Lock()

    def records(self, log: str, indices: Collection[int]) -> Found:
        found: dict[int, StoredRecord | Unopened] = {}
        with self._lock:
            for index in sorted(indices):
                read = self._reader.record(log, index)
                if read is None:
                    continue
                if isinstance(read.record, CustodyError):
                    found[index] = Unopened(read.record.code, read.record.fault)
                else:
                    found[index] = read.record
        return found
