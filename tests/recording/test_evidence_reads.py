"""Readings on the record: one for a reader, a call and what it is about in ten minutes."""

import asyncio

import pytest

from custody.model.errors import CustodyError
from custody.model.gateway_records import EvidenceRead
from custody.model.record import Receipt, Record
from custody.recording.evidence_reads import (
    ABOUT_AT_MOST,
    REMEMBERED_AT_MOST,
    WINDOW_MS,
    EvidenceReads,
)

ADA = EvidenceRead("custody", "ada", "show", "ses_a")


class SlowLog:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.full = False

    async def write(self, record: Record) -> Receipt:
        await asyncio.sleep(0)
        if self.full:
            raise CustodyError("log.full", "The disk is full.")
        self.records.append(record)
        return Receipt(len(self.records), -1)


class Readings:
    def __init__(self) -> None:
        self.log = SlowLog()
        self.now = 1_000_000
        self.reads = EvidenceReads(self.log, lambda: self.now)

    def read(self, *readings: EvidenceRead) -> list[object]:
        """All at once; what went onto the record."""
        before = len(self.log.records)

        async def together() -> None:
            async with asyncio.TaskGroup() as tasks:
                for each in readings:
                    tasks.create_task(self.reads.record(each))

        asyncio.run(together())
        return [record.body for record in self.log.records[before:]]


def test_one_reading_of_many_within_ten_minutes_is_recorded() -> None:
    story = Readings()
    assert story.read(ADA, ADA, ADA) == [ADA]
    story.now += WINDOW_MS - 1
    assert story.read(ADA) == []
    story.now += 1
    assert story.read(ADA) == [ADA]


@pytest.mark.parametrize(
    "other",
    [
        EvidenceRead("root", "ada", "show", "ses_a"),
        EvidenceRead("custody", "bob", "show", "ses_a"),
        EvidenceRead("custody", "ada", "timeline", "ses_a"),
        EvidenceRead("custody", "ada", "show", "ses_b"),
    ],
)
def test_another_reader_call_or_thing_is_another_reading(other: EvidenceRead) -> None:
    assert Readings().read(ADA, other) == [ADA, other]


def test_a_clock_that_went_back_hides_no_reading() -> None:
    story = Readings()
    story.read(ADA)
    story.now -= 10
    assert story.read(ADA) == [ADA]


def test_what_the_log_did_not_take_is_recorded_the_next_time() -> None:
    story = Readings()
    story.log.full = True
    with pytest.raises(ExceptionGroup):
        story.read(ADA)
    story.log.full = False
    assert story.read(ADA) == [ADA]


def test_a_long_query_is_recorded_in_part_and_memory_is_bounded() -> None:
    story = Readings()
    (long,) = story.read(EvidenceRead("custody", "", "search", "x" * 100_000))
    assert isinstance(long, EvidenceRead)
    assert len(long.about) == ABOUT_AT_MOST
    assert long.about.endswith("…")
    numbered = [EvidenceRead("custody", "", "search", str(n)) for n in range(REMEMBERED_AT_MOST)]
    story.read(*numbered)
    assert story.read(numbered[-1]) == []
    assert len(story.read(EvidenceRead("custody", "", "search", "x" * 100_000))) == 1
