"""Tickets on the record: what is written, in which order, and what holds when writing fails."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from custody.app.tickets import TicketCreate, TicketDesk, TicketList, TicketRevoke
from custody.identity import TicketDoorkeeper
from custody.model.errors import CustodyError, LogFailureError
from custody.model.identity import Admission, Ticket
from custody.model.record import Body, LoopEnd, LoopStart, Receipt, Record
from custody.model.secret import Secret
from custody.state import State

HOUR = 3_600_000


class Office:
    """A desk over a real state database, with a log that can fail and a clock that is set."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.now = 1_000_000
        self.records: list[Record] = []
        self.broken = False
        self.calls = 0
        self.longest: int | None = None
        self.desk = TicketDesk(
            state, self.scribe, lambda: self.now, self.entropy, lambda _: self.longest
        )
        self.door = TicketDoorkeeper(state)

    async def scribe(self, record: Record) -> Receipt:
        if self.broken:
            raise LogFailureError("log.full", "The disk is full.")
        self.records.append(record)
        return Receipt(len(self.records), -1)

    def entropy(self, size: int) -> bytes:
        self.calls += 1
        return hashlib.shake_128(self.calls.to_bytes(4, "big")).digest(size)

    def create(self) -> dict[str, Any]:
        asked = TicketCreate("ada", ("agents",), HOUR, "root", "mend it")
        return asyncio.run(self.desk.create(asked))

    def revoke(self, ticket: str) -> dict[str, Any]:
        return asyncio.run(self.desk.revoke(TicketRevoke(ticket, "root")))

    def enter(self, item: dict[str, Any]) -> Admission | str:
        return self.door.recognise(Secret(item["secret"]), self.now)

    @property
    def bodies(self) -> list[Body]:
        return [record.body for record in self.records]

    @property
    def kinds(self) -> list[str]:
        return [str(body.__struct_config__.tag) for body in self.bodies]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with State.open(tmp_path / "state.db") as state:
        yield Office(state)


def test_a_new_ticket_opens_and_its_start_is_on_the_record(office: Office) -> None:
    item = office.create()
    admission = office.enter(item)
    assert isinstance(admission, Admission)
    start = office.bodies[0]
    assert isinstance(start, LoopStart)
    assert start.loop == admission.loop
    assert start.ticket == item["id"]
    assert office.kinds == ["loop.start", "admin"]
    assert item["secret"] not in repr(office.records)
    assert "secret" not in office.desk.list(TicketList())[0]


def test_what_is_not_on_the_record_opens_nothing(office: Office) -> None:
    office.broken = True
    with pytest.raises(LogFailureError):
        office.create()
    assert office.desk.list(TicketList()) == []


@pytest.mark.parametrize(
    "longest", [None, 0, HOUR], ids=["no limit", "no grant at all", "just as long"]
)
def test_a_ticket_may_be_as_long_as_a_grant_lets_its_loop_grow(
    office: Office, longest: int | None
) -> None:
    office.longest = longest
    assert office.create()["state"] == "valid"


def test_a_ticket_may_not_outlive_what_the_grants_allow(office: Office) -> None:
    office.longest = HOUR - 1000
    with pytest.raises(CustodyError) as caught:
        office.create()
    assert caught.value.code == "ticket.too-long"
    assert "hold for 1h, but" in caught.value.fault
    assert "older than 59m59s." in caught.value.fault
    assert "--ttl 59m59s or less" in caught.value.cure
    assert office.records == []
    assert office.desk.list(TicketList()) == []


def test_a_loop_whose_ticket_could_not_be_kept_ends_on_the_record(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_ticket: Ticket) -> None:
        raise CustodyError("state.failed", "The state database failed: database is locked.")

    monkeypatch.setattr(office.state, "add", fail)
    with pytest.raises(CustodyError) as caught:
        office.create()
    assert caught.value.code == "state.failed"
    assert office.kinds == ["loop.start", "admin", "loop.end"]
    assert office.bodies[-1] == LoopEnd("ticket.not-kept")
    assert len({record.loop for record in office.records}) == 1


def test_a_withdrawal_ends_the_loop_with_its_last_ticket(office: Office) -> None:
    item = office.create()
    admission = office.enter(item)
    assert isinstance(admission, Admission)
    assert office.revoke(item["id"])["state"] == "revoked"
    assert office.enter(item) == "ticket.revoked"
    assert not office.door.alive(admission, office.now + 2000)
    assert office.kinds == ["loop.start", "admin", "admin", "loop.end"]
    office.revoke(item["id"])
    assert office.kinds.count("loop.end") == 1


def test_a_withdrawal_holds_even_where_it_cannot_be_recorded(office: Office) -> None:
    item = office.create()
    office.broken = True
    with pytest.raises(CustodyError) as caught:
        office.revoke(item["id"])
    assert caught.value.code == "ticket.not-recorded"
    assert office.enter(item) == "ticket.revoked"


def test_lapsed_loops_end_once_on_the_record(office: Office) -> None:
    item = office.create()
    assert asyncio.run(office.desk.end_lapsed()) == 0
    office.now += HOUR
    assert asyncio.run(office.desk.end_lapsed()) == 1
    assert asyncio.run(office.desk.end_lapsed()) == 0
    assert office.kinds[-1] == "loop.end"
    assert office.enter(item) == "ticket.expired"
    assert office.desk.list(TicketList())[0]["state"] == "expired"
