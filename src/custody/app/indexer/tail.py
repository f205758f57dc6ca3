"""Bringing the index up to the log.

Law: the index follows the log and never leads it. A damaged or foreign index is discarded and
built again; a disk that fails is left for the next time. The log itself is only read.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from custody.evidence import DurableEnd, EvidenceReader, ReadRecord, RecordBatch
from custody.index import FiledRecord, IndexDamagedError, UnreadRecords, Watermark
from custody.model.errors import CustodyError

BATCH: Final = 1000
MOST_REPAIRS: Final = 5
"""Of one catching up: a disk that damages what is written to it must not be written for ever."""

_log: Final = logging.getLogger("custody.index")


class FollowedIndex(Protocol):
    """What following asks of the index."""

    def watermark(self) -> Watermark | None: ...

    def append(
        self, batch: Sequence[FiledRecord], through: Watermark, unread: Sequence[UnreadRecords]
    ) -> None: ...

    def discard(self, since: str = "") -> Sequence[str]: ...


class LogFollower:
    """Follows one gateway's log into its index."""

    def __init__(self, index: FollowedIndex, reader: EvidenceReader) -> None:
        self._index: Final = index
        self._reader: Final = reader
        self._marked: Watermark | None = None
        """What the index said last; what was read since then may be more than it keeps."""
        self._reached: Watermark | None = None

    def catch_up(self, durable: DurableEnd | None = None) -> int:
        """Index what is there, up to ``durable`` where a writer tells it. How many were taken in.

        Raises ``CustodyError`` where the index cannot be written; the log's faults are logged.
        """
        taken = 0
        for _ in range(MOST_REPAIRS):
            try:
                self._find_place()
                more = True
                while more:
                    passage = self._follow(durable)
                    if passage is None:
                        break
                    taken += self._take(passage)
                    more = passage.more
            except IndexDamagedError as error:
                _log.warning("%s", error)
                self._index.discard(error.day)
            except CustodyError as error:
                if error.code != "evidence.no-record":
                    raise
                _log.warning("the index is not of this log, so it is built again: %s", error)
                self._index.discard()
            else:
                return taken
        raise CustodyError(
            "index.failed",
            "The index was damaged again and again while it was built.",
            "Check the disk under data/index; evidence itself is not affected.",
        )

    def _find_place(self) -> None:
        marked = self._index.watermark()
        if marked != self._marked or marked is None:
            self._marked = self._reached = marked

    def _follow(self, durable: DurableEnd | None) -> RecordBatch | None:
        reached = self._reached
        if reached is None:
            logs = self._reader.logs()
            return self._reader.follow(logs[0], 0, BATCH, durable) if logs else None
        return self._reader.follow(reached.log, reached.index, BATCH, durable)

    def _take(self, passage: RecordBatch) -> int:
        filed = [kept for record in passage.records if (kept := _filed(record)) is not None]
        through = Watermark(passage.log, passage.following)
        unread = [*_unread(passage)]
        if passage.records or unread:
            self._index.append(filed, through, unread)
        self._reached = through
        self._marked = self._index.watermark()
        return len(filed)


def _unread(passage: RecordBatch) -> Iterator[UnreadRecords]:
    """What the passage passes without taking it in."""
    log = passage.log
    if passage.lost is not None:
        first, end = passage.lost.first, passage.lost.end
        said = "records %d to %d of %s cannot be read; `custody verify` says what is wrong"
        _log.warning(said, first, end - 1, log)
        yield UnreadRecords(log, first, end - 1, "evidence.damaged")
    for each in passage.records:
        if isinstance(each.record, CustodyError):
            yield UnreadRecords(log, each.number, each.number, each.record.code)


def _filed(read: ReadRecord) -> FiledRecord | None:
    if isinstance(read.record, CustodyError):
        if not read.record.code.startswith("evidence.") or read.record.code == "evidence.no-keys":
            raise read.record  # the keys cannot be asked now: later, rather than never
        # Pruned or shredded content leaves nothing to search; its leaf stays in the log.
        _log.info("record %d is not indexed: %s", read.number, read.record.code)
        return None
    return FiledRecord(read.day, read.record)
