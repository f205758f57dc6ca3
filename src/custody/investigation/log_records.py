"""Reading single records of the evidence log for people.

Law: a reader changes nothing in the log. A record that cannot be opened (pruned, shredded, damaged)
is returned as such, never skipped.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from custody.evidence import EvidenceReader, ReadRecord
from custody.model.errors import CustodyError
from custody.model.record import StoredRecord

NEAR: Final = 32
"""Reading so many records that nobody asked for costs less than finding the next one anew."""
AT_ONCE: Final = 256


class UnopenedRecord(msgspec.Struct, frozen=True):
    """A record that is there but whose content cannot be read, and why."""

    code: str
    fault: str


FoundRecord = Mapping[int, StoredRecord | UnopenedRecord]


class LogReader(Protocol):
    def records(self, log: str, indices: Collection[int]) -> FoundRecord:
        """Records of one log by their indices; those that do not exist are left out."""
        ...


class EvidenceRecords:
    """The ``LogReader`` of a gateway's own evidence. For several threads."""

    def __init__(self, reader: EvidenceReader) -> None:
        self._reader: Final = reader
        self._lock: Final = threading.Lock()

    def records(self, log: str, indices: Collection[int]) -> FoundRecord:
        found: dict[int, StoredRecord | UnopenedRecord] = {}
        wanted = frozenset(indices)
        with self._lock:
            for first, last in _runs(sorted(wanted)):
                for read in self._between(log, first, last):
                    if read.number not in wanted:
                        continue
                    if isinstance(read.record, CustodyError):
                        found[read.number] = UnopenedRecord(read.record.code, read.record.fault)
                    else:
                        found[read.number] = read.record
        return found

    def _between(self, log: str, first: int, last: int) -> Iterator[ReadRecord]:
        at = first
        while at <= last:
            try:
                passage = self._reader.follow(log, at, min(last - at + 1, AT_ONCE))
            except CustodyError as error:
                if error.code != "evidence.no-record":
                    raise
                return
            if not passage.records:
                return
            yield from passage.records
            at = passage.following


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each group whose members are near each other, so read in one go."""
    at = 0
    while at < len(indices):
        end = at
        while end + 1 < len(indices) and indices[end + 1] - indices[end] <= NEAR:
            end += 1
        yield indices[at], indices[end]
        at = end + 1
