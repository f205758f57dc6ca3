"""Which refused logins get a record of their own, and that none of the others is silent."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.stage import Bench, bench, kinds, line, run

from custody.gateway.listener import note_unrecorded
from custody.model.record import Gap
from custody.model.words import LoopId
from custody.recording.refusal_rate import (
    BURST,
    BURST_OF_ALL,
    COUNT_EVERY_S,
    KNOWN_AT_MOST,
    REFILL_S,
    RefusalRate,
    network,
)

LOOP = LoopId("loop_1")


def recorded(rate: RefusalRate, times: int, address: str = "10.0.0.1", now: float = 0) -> int:
    return sum(rate.admits_record(address, None, now) for _ in range(times))


def test_an_address_has_a_burst_and_gets_one_more_from_time_to_time() -> None:
    rate = RefusalRate()
    assert recorded(rate, 3 * BURST) == BURST
    assert recorded(rate, 3, now=REFILL_S * 0.9) == 0
    assert recorded(rate, 3, now=REFILL_S * 2) == 2
    assert recorded(rate, 3 * BURST, now=1e6) == BURST


def test_one_address_does_not_use_up_another_s() -> None:
    rate = RefusalRate()
    recorded(rate, 1000)
    assert recorded(rate, 1, "10.0.0.2") == 1


def test_all_addresses_together_have_a_bound() -> None:
    rate = RefusalRate()
    given_out = sum(recorded(rate, 1, f"10.0.{n // 256}.{n % 256}") for n in range(1000))
    assert given_out == BURST_OF_ALL


def test_strangers_cannot_crowd_out_the_holder_of_a_ticket() -> None:
    rate = RefusalRate()
    for number in range(2 * KNOWN_AT_MOST):
        recorded(rate, 1, f"stranger {number}")
    assert [rate.admits_record("10.0.0.1", LOOP, 0) for _ in range(BURST + 1)] == [
        *[True] * BURST,
        False,
    ]


def test_what_is_remembered_is_bounded() -> None:
    rate = RefusalRate()
    for number in range(2 * KNOWN_AT_MOST):
        recorded(rate, 1, f"stranger {number}")
    assert len(rate._addresses._known) == KNOWN_AT_MOST


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=200))
def test_every_refusal_is_recorded_or_counted(steps: list[tuple[int, int]]) -> None:
    rate, now, singly, told = RefusalRate(), 0.0, 0, 0
    for address, passed in steps:
        now += passed
        singly += rate.admits_record(f"10.0.0.{address}", None, now)
        if count := rate.unrecorded_count(now):
            rate.count_recorded(count, now)
            told += count
    assert singly + told + rate.unrecorded_count(now + COUNT_EVERY_S) == len(steps)


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_one_stranger_can_choose_from_counts_as_one(address: str, counts_as: str) -> None:
    assert network(address) == counts_as


async def refused(b: Bench, secret: str = "ct_bad", target: str = "orders") -> str:
    reader, writer = await b.connect()
    writer.write(f"LOGIN {target} {secret}\n".encode())
    said = await line(reader)
    assert await line(reader) == ""
    return said


def test_a_flood_of_refused_logins_is_told_the_same_and_recorded_as_a_count() -> None:
    async def scenario() -> None:
        async with bench() as b:
            said = {await refused(b) for _ in range(BURST + 5)}
            assert len(said) == 1
            assert "identity" in said.pop()
            assert kinds(b.log) == ["LoginRefused"] * BURST
            note_unrecorded(b.services, asyncio.get_running_loop().time())
            note_unrecorded(b.services, asyncio.get_running_loop().time())
            assert b.log.bodies()[BURST:] == [
                Gap("refused logins beyond the rate that is recorded", 5)
            ]
            await refused(b, "ct_good", "nowhere")
            assert kinds(b.log)[-1] == "LoginRefused"
            await b.login()

    run(scenario)


def test_a_count_that_cannot_be_recorded_is_kept() -> None:
    async def scenario() -> None:
        async with bench() as b:
            for _ in range(BURST + 5):
                await refused(b)
            now = asyncio.get_running_loop().time()
            b.log.full = True
            note_unrecorded(b.services, now)
            b.log.full = False
            note_unrecorded(b.services, now)
            assert isinstance(b.log.bodies()[-1], Gap)

    run(scenario)
