"""Loops: whether one may begin, what hangs below it, and its end, each on the record."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.access.scene import (
    HOUR,
    MINUTE,
    NOON,
    WHATEVER,
    House,
    budget,
    grant,
    job,
    local,
    loop_request,
    proof,
)

from custody.access.requests import LoopRequest
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Proof
from custody.model.record import LoginAccepted, LoginRefused, LoopStart
from custody.model.words import Effect, Exceeded
from custody.policy.grant import Grant
from custody.policy.hours import Hours

READ = grant("read")
BOTH = (
    grant("read", "write", targets=("orders",), name="on orders", max_loop_ms=4 * HOUR),
    grant("read", targets=("payments",), name="on payments", budget=budget(commands=100)),
)

NewHouse = Callable[..., House]


@pytest.fixture
def new_house(tmp_path: Path) -> Iterator[NewHouse]:
    houses: list[House] = []

    def make(*grants: Grant, **more: object) -> House:
        houses.append(House(tmp_path, *grants, **more))  # type: ignore[arg-type]  # as House takes them
        return houses[-1]

    yield make
    for house in houses:
        house.state.close()


def refused(house: House, who: Proof, asked: LoopRequest = WHATEVER) -> CustodyError:
    with pytest.raises(CustodyError) as caught:
        house.start(who, asked)
    return caught.value


def test_a_loop_that_began_is_on_the_record_and_opens(new_house: NewHouse) -> None:
    house = new_house(*BOTH)
    started = house.start(
        job("acme/shop", "agents"), loop_request(purpose="ship it", client_host="ci-7")
    )
    assert house.kinds() == ["login.accepted", "loop.start"]
    (accepted,) = house.bodies(LoginAccepted)
    assert (accepted.login, accepted.facts) == ("", (("repository", "acme/shop"),))
    (start,) = house.bodies(LoopStart)
    admission = house.enter(started)
    assert isinstance(admission, Admission)
    assert admission.loop == start.loop == started.ticket.loop
    assert start.ticket == started.ticket.id
    assert start.loop.facts == (("repository", "acme/shop"),)
    assert (start.loop.purpose, start.loop.client) == ("ship it", "ci-7")
    assert start.loop.expires == NOON + HOUR  # the workload's lifetime
    assert [(each.target, sorted(each.effects)) for each in started.reachable] == [
        ("orders", ["read", "write"]),
        ("payments", ["read"]),
    ]
    assert started.secret.reveal() not in repr(house.records)


@pytest.mark.parametrize(
    ("who", "asked", "code"),
    [
        (proof("eve", "strangers"), loop_request(), "loop.no-grant"),
        (proof(), loop_request("secrets"), "loop.scope"),
        (proof(), loop_request("orders", effects=("read", "define")), "loop.scope"),
        (proof(), loop_request("payments", effects=("write",)), "loop.scope"),
        (proof(), loop_request("orders", ttl_ms=5 * HOUR), "loop.too-long"),
        (proof(lasts=0), loop_request(), "loop.too-short"),
        (proof(), loop_request(budget=budget(commands=101)), "loop.budget"),
    ],
    ids=["no grant", "unknown target", "effect", "effect elsewhere", "long", "lapsed", "budget"],
)
def test_what_is_wider_than_the_grants_is_refused_on_the_record(
    new_house: NewHouse, who: Proof, asked: LoopRequest, code: str
) -> None:
    house = new_house(*BOTH)
    error = refused(house, who, asked)
    assert error.code == code
    (record,) = house.bodies(LoginRefused)
    assert (record.reason, record.subject) == (code, who.identity.subject)
    assert house.kinds() == ["login.refused"]
    assert house.state.loops.all_open() == []


def test_a_loop_is_as_narrow_as_it_was_asked_for(new_house: NewHouse) -> None:
    house = new_house(*BOTH)
    started = house.start(proof(), loop_request("orders", effects=("read",), ttl_ms=MINUTE))
    (only,) = started.reachable
    assert only.target == "orders"
    assert only.effects == {Effect.READ}
    assert started.ticket.loop.expires == NOON + MINUTE


def test_a_loop_begins_only_at_the_hours_of_a_grant(new_house: NewHouse) -> None:
    house = new_house(grant("read", hours=Hours(8 * 60, 9 * 60)))
    assert refused(house, proof()).code == "loop.no-grant"
    house.now -= 4 * HOUR
    assert house.start(proof(lasts=HOUR)).reachable


def test_no_more_loops_at_once_than_a_grant_has_room_for(new_house: NewHouse) -> None:
    house = new_house(grant("read", concurrency=2))
    first = house.start(proof())
    house.start(proof())
    error = refused(house, proof())
    assert error.code == "loop.concurrency"
    assert "'grant 1'" in error.fault
    house.start(proof("bob"))  # each identity has its own room
    assert house.run(house.loops.end(first.ticket.loop.id, "ended", "ada"))
    house.start(proof())


def test_room_is_counted_though_all_ask_at_once(new_house: NewHouse) -> None:
    house = new_house(grant("read", concurrency=3))

    async def rush() -> list[object]:
        asking = (house.loops.start(proof(), loop_request()) for _ in range(10))
        return await asyncio.gather(*asking, return_exceptions=True)

    results = house.run(rush())
    refusals = [each for each in results if isinstance(each, CustodyError)]
    assert len(refusals) == 7
    assert {each.code for each in refusals} == {"loop.concurrency"}
    assert house.kinds().count("loop.start") == 3


def test_one_identity_does_not_fill_the_gateway_with_loops(
    new_house: NewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has a token could begin any number, and each start was slower than the last."""
    monkeypatch.setattr("custody.state.loops.OPEN_AT_MOST", 3)
    house = new_house(grant("read"))
    started = [house.start(proof()) for _ in range(2)]
    started.append(house.child(started[0], loop_request()))
    assert refused(house, proof()).code == "loop.too-many"
    with pytest.raises(CustodyError, match="as many as there may be"):
        house.child(started[0], loop_request())
    house.start(proof("bob"))
    house.run(house.loops.end(started[1].ticket.loop.id, "ended", ""))
    house.start(proof())


def test_who_acts_for_somebody_may_do_what_both_may(new_house: NewHouse) -> None:
    house = new_house(
        grant("read", "write", groups=("agents",), targets=("*",)),
        grant("read", "define", groups=("staff",), targets=("orders",), max_loop_ms=HOUR),
    )
    ada, agent = proof("ada", "staff"), job("agent-7", "agents")
    started = house.start(ada, loop_request(), actor=agent)
    loop = started.ticket.loop
    assert loop.identity.subject == "agent-7"
    assert loop.principal == ada.identity
    assert loop.on_behalf_of == "ada"
    claimed = house.start(ada, loop_request(on_behalf_of="the-director"), actor=agent)
    assert claimed.ticket.loop.on_behalf_of == "ada", "what is proven is not said otherwise"
    (only,) = started.reachable
    assert only.target == "orders"
    assert only.effects == {Effect.READ}
    assert house.kinds() == ["login.accepted", "login.accepted", "loop.start"] * 2
    assert refused(house, ada, loop_request("payments")).code == "loop.scope"


def test_a_child_is_never_wider_than_its_parent(new_house: NewHouse) -> None:
    house = new_house(*BOTH)
    parent = house.start(
        proof(), loop_request("orders", effects=("read",), ttl_ms=HOUR, budget=budget(rows=10))
    )
    child = house.child(parent, loop_request(ttl_ms=2 * HOUR, purpose="look it up"))
    loop = child.ticket.loop
    assert loop.parent == parent.ticket.loop.id
    assert loop.expires == parent.ticket.loop.expires
    assert loop.scope == parent.ticket.loop.scope
    assert (loop.identity, loop.purpose) == (parent.ticket.loop.identity, "look it up")
    admission = house.enter(parent)
    assert isinstance(admission, Admission)
    for asked, code in (
        (loop_request("payments"), "loop.scope"),
        (loop_request(effects=("write",)), "loop.scope"),
        (loop_request(budget=budget(rows=11)), "loop.budget"),
    ):
        with pytest.raises(CustodyError) as caught:
            house.run(house.loops.child(admission, asked))
        assert caught.value.code == code
    assert house.refusals() == ["loop.scope", "loop.scope", "loop.budget"]


def test_the_end_of_a_parent_is_the_end_of_all_below_it(new_house: NewHouse) -> None:
    house = new_house(READ)
    top = house.start(proof())
    middle = house.child(top)
    bottom = house.child(middle)
    sibling = house.start(proof())
    admission = house.enter(bottom)
    assert isinstance(admission, Admission)
    assert house.run(house.loops.end(top.ticket.loop.id, "killed", "root"))
    assert house.ends() == {
        top.ticket.loop.id: ["killed"],
        middle.ticket.loop.id: ["parent.ended"],
        bottom.ticket.loop.id: ["parent.ended"],
    }
    assert {loop for loop, _ in house.closed} == set(house.ends())
    assert house.enter(bottom) == "ticket.revoked"
    assert not house.door.still_admits(admission, house.now + 1000)
    assert isinstance(house.enter(sibling), Admission)
    with pytest.raises(CustodyError) as caught:
        house.run(house.loops.child(admission, loop_request()))
    assert caught.value.code == "loop.ended"


def test_an_end_is_recorded_once_though_many_end_it(new_house: NewHouse) -> None:
    house = new_house(READ)
    top = house.start(proof())
    child = house.child(top)
    house.now = top.ticket.loop.expires

    async def race() -> None:
        loop = top.ticket.loop.id
        await asyncio.gather(
            house.loops.end(loop, "killed", "root"),
            house.loops.end(loop, "ended", "ada"),
            house.loops.lapse(),
            house.loops.end_exhausted(loop, "budget.rows"),
            house.loops.end(child.ticket.loop.id, "ended", ""),
            house.logins.revoke("https://id.example.com", "ada", "root"),
        )

    house.run(race())
    assert {loop: len(reasons) for loop, reasons in house.ends().items()} == {
        top.ticket.loop.id: 1,
        child.ticket.loop.id: 1,
    }


def test_an_end_that_cannot_be_recorded_now_is_recorded_later(new_house: NewHouse) -> None:
    house = new_house(READ)
    started = house.start(proof())
    house.broken = True
    with pytest.raises(CustodyError) as caught:
        house.run(house.loops.end(started.ticket.loop.id, "killed", "root"))
    assert caught.value.code == "loop.not-recorded"
    assert house.enter(started) == "ticket.revoked"
    house.broken = False
    house.run(house.loops.lapse())
    house.run(house.loops.lapse())
    assert house.ends() == {started.ticket.loop.id: ["killed"]}


def test_what_is_not_on_the_record_never_began(new_house: NewHouse) -> None:
    house = new_house(grant("read", concurrency=1))
    house.broken = True
    assert refused(house, proof()).code == "log.full"
    house.broken = False
    assert house.state.loops.all_open() == []
    house.start(proof())


def test_a_crash_between_reservation_and_ticket_leaves_no_loop_open(new_house: NewHouse) -> None:
    house = new_house(READ)
    loop = house.terms.loop(proof(), loop_request(), now=house.now, entropy=house.entropy)
    house.state.loops.reserve(loop, house.now, lambda _: None)
    house.run(house.loops.resume_accounts())
    assert house.ends() == {loop.id: ["ticket.not-kept"]}
    assert house.state.loops.all_open() == []


@pytest.mark.parametrize("patience", range(12))
def test_who_goes_away_as_a_loop_begins_leaves_nothing_open(
    new_house: NewHouse, patience: int
) -> None:
    house = new_house(grant("read", concurrency=1))

    async def scenario() -> None:
        asking = asyncio.get_running_loop().create_task(house.loops.start(proof(), loop_request()))
        for _ in range(patience):
            await asyncio.sleep(0.0005)
        if asking.cancel():
            await asyncio.wait([asking])
            await asyncio.sleep(0.05)
            await house.loops.lapse()
            await house.loops.start(proof(), loop_request())

    house.run(scenario())
    assert len(house.state.loops.all_open()) == 1
    assert house.kinds().count("loop.start") == house.kinds().count("loop.end") + 1


def test_local_loops_are_off_by_one_line(new_house: NewHouse) -> None:
    house = new_house(READ)
    mine, theirs = house.start(local()), house.start(proof())
    again = new_house(READ, local=False)
    assert again.run(again.loops.end_local()) == 1
    assert again.ends() == {mine.ticket.loop.id: ["login.local-off"]}
    assert again.enter(mine) == "ticket.revoked"
    assert isinstance(again.enter(theirs), Admission)
    assert refused(again, local()).code == "login.local-off"


def test_a_budget_that_was_used_up_is_so_after_a_restart(new_house: NewHouse) -> None:
    limited = grant("read", budget=budget(rows=10, then=Exceeded.PAUSE))
    house = new_house(limited)
    started = house.start(proof())
    loop = started.ticket.loop
    tally = house.meter.tally(loop.id)
    assert tally is not None
    account = house.meter._accounts[loop.id]
    account.rows = 11
    account.stopped = account.bound("rows")
    house.meter._touched[loop.id] = account
    house.state.budgets.save(house.meter.take_changed().items())
    again = new_house(limited)
    again.run(again.loops.resume_accounts())
    kept = again.meter.tally(loop.id)
    assert kept is not None
    assert (kept.spent.rows, kept.paused) == (11, "rows")


def test_a_child_spends_of_its_parents_budget_after_a_clock_that_stepped_back(
    new_house: NewHouse,
) -> None:
    house = new_house(grant("read", budget=budget(rows=10)))
    parent = house.start(proof())
    house.now -= MINUTE
    child = house.child(parent)
    grandchild = house.child(child)
    loops = [each.ticket.loop.id for each in (parent, child, grandchild)]
    assert [each.id for each in house.state.loops.all_open()] == loops
    again = new_house(grant("read", budget=budget(rows=10)))
    again.run(again.loops.resume_accounts())
    accounts = [again.meter._accounts[each] for each in loops]
    assert [each.parent for each in accounts] == [None, *accounts[:2]]


def test_a_parent_that_used_up_its_budget_ends_with_its_children_after_a_restart(
    new_house: NewHouse,
) -> None:
    house = new_house(grant("read", budget=budget(rows=10)))
    parent = house.start(proof())
    child = house.child(parent)
    account = house.meter._accounts[parent.ticket.loop.id]
    account.rows = 11
    account.stopped = account.bound("rows")
    house.meter._touched[account.loop] = account
    house.state.budgets.save(house.meter.take_changed().items())
    again = new_house(grant("read", budget=budget(rows=10)))
    again.run(again.loops.resume_accounts())
    assert again.ends() == {
        parent.ticket.loop.id: ["budget.rows"],
        child.ticket.loop.id: ["parent.ended"],
    }
    assert again.meter._accounts == {}
