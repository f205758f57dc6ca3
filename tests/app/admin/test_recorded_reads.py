"""What is read through a running gateway is recorded before it is answered."""

import asyncio
import os
import pwd
import socket
from collections.abc import Mapping

import pytest

from custody.app.admin.admin_caller import AdminCaller, admin_caller
from custody.app.admin.dispatch import CallDispatcher
from custody.app.admin.documents import Document
from custody.app.admin.read_calls import READS
from custody.app.admin.recorded_reads import ABOUT, RecordedReads
from custody.model.errors import CustodyError
from custody.model.gateway_records import EvidenceRead

ADA = AdminCaller("custody", 990, "ada")


class Calls:
    """Answers everything, and notes when."""

    def __init__(self) -> None:
        self.story: list[object] = []
        self.full = False
        self.reads = RecordedReads(CallDispatcher(self), self.record)

    def handles(self, call: str) -> bool:
        return bool(call)

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        self.story.append(call)
        return {"items": [dict(arguments)], "next": None}

    async def record(self, reading: EvidenceRead) -> None:
        if self.full:
            raise CustodyError("log.full", "The disk is full.")
        self.story.append(reading)

    def ask(self, call: str, **arguments: object) -> dict[str, object]:
        return asyncio.run(self.reads.dispatch(call, arguments, ADA))


def test_every_call_that_reads_evidence_is_recorded() -> None:
    assert set(ABOUT) == set(READS)


@pytest.mark.parametrize(
    ("call", "arguments", "subject"),
    [
        ("show", {"id": "ses_a", "limit": 3, "cursor": "9"}, "ses_a"),
        ("timeline", {"loop": "loop_a", "alone": True}, "loop_a"),
        ("search", {"query": "drop table"}, "drop table"),
        ("facets", {"field": "target", "query": "drop"}, "target drop"),
        ("sessions", {"loop": None}, ""),
        ("loops", {}, ""),
    ],
)
def test_a_reading_is_recorded_before_it_is_answered(
    call: str, arguments: dict[str, object], subject: str
) -> None:
    calls = Calls()
    answer = calls.ask(call, **arguments)
    assert calls.story == [EvidenceRead("custody", "ada", call, subject), call]
    assert answer == {"items": [arguments], "next": None, "recorded": True}


def test_other_calls_pass() -> None:
    calls = Calls()
    assert calls.ask("ticket.list") == {"items": [{}], "next": None}
    assert calls.story == ["ticket.list"]


def test_on_a_full_disk_evidence_is_read_and_the_answer_says_that_nobody_recorded_it() -> None:
    calls = Calls()
    calls.full = True
    assert calls.ask("show", id="ses_a")["recorded"] is False


def test_the_caller_is_whom_the_kernel_names() -> None:
    one, other = socket.socketpair()
    with one, other:
        caller = admin_caller(one)
    assert (caller.uid, caller.account) == (os.getuid(), pwd.getpwuid(os.getuid()).pw_name)
