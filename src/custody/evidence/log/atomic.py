"""Several records that count as one act.

Law: all of them are queued for the disk, or none is: what was queued of a message that failed is
taken out again before anybody can write it. Only a later turn of the event loop takes a batch away.
"""

from collections.abc import Sequence

from custody.evidence.log.writer import Writer
from custody.model.interfaces import Durable
from custody.model.record import Receipt, Record


def append_all(
    writer: Writer, records: Sequence[Record], durable: Durable | None
) -> Sequence[Receipt]:
    """As ``EvidenceLog.append_all``."""
    session = records[-1].session
    chain = writer.chains.get(session) if session is not None else None
    batch, size, queued = writer.committer.batch, writer.size, writer.queued_bytes
    day, day_commitment = writer.day, writer.day.commitment
    before = batch.mark()
    links = None if chain is None else chain.mark()
    try:
        receipts = [writer.append(record) for record in records[:-1]]
        return (*receipts, writer.append(records[-1], durable))
    except BaseException:
        batch.return_to(before)
        writer.size, writer.queued_bytes = size, queued
        day.commitment = day_commitment
        if chain is not None and links is not None:
            chain.return_to(links)
        raise
