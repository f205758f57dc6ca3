"""Tickets on the record: what is written, in which order, and what holds when writing fails."""

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.stage import bench, line

from custody.access.loops import LoopService
from custody.access.terms import LoopTerms
from custody.access.tickets import (
    KEPT_AFTER_END_MS,
    TicketCreate,
    TicketList,
    TicketRevoke,
    TicketService,
)
from custody.gateway.budget.meter import Meter
from custody.identity import CachedTicketAuthenticator, mint_loop, mint_ticket
from custody.model.errors import CustodyError, LogFailureError
from custody.model.identity import Admission, Ticket
from custody.model.record import Body, LoopEnd, LoopStart, Receipt, Record
from custody.model.secret import Secret
from custody.model.words import LoopId
from custody.recording.refusal_rate import RefusalRate
from custody.recording.refused_logins import RefusedLogins
from custody.state import State, StateThread

HOUR = 3_600_000
CREATE = TicketCreate("ada", ("agents",), HOUR, "root", "mend it")


class Office:
    """A desk over a real state database, with a log that can fail and a clock that is set."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.now = 1_000_000
        self.records: list[Record] = []
        self.broken = False
        self.calls = 0
        self.longest: int | None = None
        thread = StateThread()
        terms = LoopTerms((), {}, lifetimes={}, local=True, local_ms=HOUR)
        self.loops = LoopService(
            state,
            thread.run,
            self,
            terms,
            RefusedLogins(self, lambda: self.now, RefusalRate()),
            clock=lambda: self.now,
            entropy=self.entropy,
            accounts=Meter(note=print, end_loop=print, policy=b"p"),
        )
        self.desk = TicketService(
            state,
            thread.run,
            self,
            self.loops,
            clock=lambda: self.now,
            longest_loop=lambda _: self.longest,
        )
        self.door = CachedTicketAuthenticator(state)

    async def write(self, record: Record) -> Receipt:
        if self.broken:
            raise LogFailureError("log.full", "The disk is full.")
        self.records.append(record)
        return Receipt(len(self.records), -1)

    def entropy(self, size: int) -> bytes:
        self.calls += 1
        return hashlib.shake_128(self.calls.to_bytes(4, "big")).digest(size)

    def create(self) -> dict[str, Any]:
        return asyncio.run(self.desk.create(CREATE))

    def listed(self) -> list[dict[str, Any]]:
        return asyncio.run(self.desk.list(TicketList()))

    def revoke(self, ticket: str) -> dict[str, Any]:
        return asyncio.run(self.desk.revoke(TicketRevoke(ticket, "root")))

    def enter(self, item: dict[str, Any]) -> Admission | str:
        return self.door.authenticate(Secret(item["secret"]), self.now)

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
    assert "secret" not in office.listed()[0]


def test_what_is_not_on_the_record_opens_nothing(office: Office) -> None:
    office.broken = True
    with pytest.raises(LogFailureError):
        office.create()
    assert office.listed() == []


def test_a_locked_database_makes_its_asker_wait_and_no_session(tmp_path: Path) -> None:
    path = tmp_path / "state.db"

    async def scenario() -> None:
        with State.open(path) as state, closing(sqlite3.connect(path)) as other:
            office = Office(state)
            item = await office.desk.create(CREATE)
            admission = office.enter(item)
            assert isinstance(admission, Admission)
            async with bench() as b, asyncio.TaskGroup() as tasks:
                reader, writer = await b.login()
                other.execute("BEGIN EXCLUSIVE")
                making = tasks.create_task(office.desk.create(CREATE))
                ending = tasks.create_task(office.desk.revoke(TicketRevoke(item["id"], "root")))
                slowest = 0.0
                until = time.monotonic() + 1
                while time.monotonic() < until:
                    began = time.monotonic()
                    writer.write(b"SELECT 1\n")
                    assert await line(reader) == "ok SELECT 1"
                    assert office.door.still_admits(admission, office.now + 5000)
                    slowest = max(slowest, time.monotonic() - began)
                    await asyncio.sleep(0.01)
                assert slowest < 0.5
                assert not making.done()
                assert not ending.done()
                other.execute("ROLLBACK")
                assert (await making)["state"] == "valid"
                assert (await ending)["state"] == "revoked"

    asyncio.run(scenario())


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
    assert office.listed() == []


def test_a_loop_whose_ticket_could_not_be_kept_ends_on_the_record(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_ticket: Ticket) -> None:
        raise CustodyError("state.failed", "The state database failed: database is locked.")

    monkeypatch.setattr(office.state, "add_ticket", fail)
    with pytest.raises(CustodyError) as caught:
        office.create()
    assert caught.value.code == "state.failed"
    assert office.kinds == ["loop.start", "admin", "loop.end"]
    assert office.bodies[-1] == LoopEnd("ticket.not-kept")
    assert len({record.loop for record in office.records}) == 1


def test_a_ticket_whose_loop_ended_well_was_not_revoked(office: Office) -> None:
    item = office.create()
    office.state.end_loop(LoopId(item["loop"]), office.now, "run.ended")
    (listed,) = office.listed()
    assert (listed["state"], listed["revoked"]) == ("ended", None)
    assert listed["ended"] is not None


def test_a_withdrawal_ends_the_loop_with_its_last_ticket(office: Office) -> None:
    item = office.create()
    admission = office.enter(item)
    assert isinstance(admission, Admission)
    assert office.revoke(item["id"])["state"] == "revoked"
    assert office.enter(item) == "ticket.revoked"
    assert not office.door.still_admits(admission, office.now + 2000)
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
    assert asyncio.run(office.loops.lapse()) == 0
    office.now += HOUR
    assert asyncio.run(office.loops.lapse()) == 1
    assert asyncio.run(office.loops.lapse()) == 0
    assert office.kinds[-1] == "loop.end"
    assert office.enter(item) == "ticket.expired"
    assert office.listed()[0]["state"] == "expired"


def test_tickets_are_forgotten_a_month_after_their_loop_ended(office: Office) -> None:
    office.create()
    office.now += HOUR
    asyncio.run(office.loops.lapse())
    office.create()
    before = len(office.records)
    office.now += KEPT_AFTER_END_MS - 1
    assert asyncio.run(office.desk.forget()) == 0
    office.now += 1
    assert asyncio.run(office.desk.forget()) == 1
    assert len(office.listed()) == 1
    assert len(office.records) == before


def test_the_loops_below_end_on_the_record_too(office: Office) -> None:
    item = office.create()
    admission = office.enter(item)
    assert isinstance(admission, Admission)
    below = mint_loop(
        admission.loop.identity,
        now=office.now,
        ttl_ms=HOUR,
        entropy=office.entropy,
        parent=admission.loop.id,
    )
    office.state.add_ticket(mint_ticket(below, now=office.now, entropy=office.entropy)[1])
    office.revoke(item["id"])
    ends = {
        record.loop: record.body.reason
        for record in office.records
        if isinstance(record.body, LoopEnd)
    }
    assert ends == {admission.loop.id: "ticket.revoked", below.id: "parent.ended"}
