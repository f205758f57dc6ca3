"""Memory by shares: never more than there is, and nobody waits for ever."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.gateway import memory
from custody.gateway.memory import KEPT_STEP, MemoryAccount, MemoryShares
from custody.model.codec import Room
from custody.model.words import LoopId

A, B = LoopId("loop_a"), LoopId("loop_b")


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


def nothing() -> None: ...


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "give", "keep", "close"]), st.integers(0, 4), st.integers(0, 60)
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_sessions_do_no_bound_is_passed_and_nothing_is_left(
    steps: list[tuple[str, int, int]],
) -> None:
    async def scenario() -> None:
        shares = MemoryShares(100, 50)
        accounts = [shares.account((A, B)[place % 2], nothing) for place in range(5)]
        taken: dict[MemoryAccount, list[int]] = {account: [] for account in accounts}
        closed: set[MemoryAccount] = set()
        for what, place, size in steps:
            account = accounts[place]
            if account in closed:
                continue
            if what == "take" and account.take(size) is Room.TAKEN:
                taken[account].append(size)
            elif what == "give" and taken[account]:
                account.give(taken[account].pop())
            elif what == "close":
                account.close()
                closed.add(account)
                taken[account].clear()
            held = dict.fromkeys((A, B), 0)
            for each, sizes in taken.items():
                held[each.loop] += sum(sizes)
            assert shares.taken == sum(held.values()) <= 100
            assert max(held.values()) <= 50
        for account in accounts:
            account.close()
            account.close()
        assert shares.taken == 0
        assert not shares.loops

    run(scenario)


def test_what_waits_is_woken_when_it_fits_and_the_next_of_its_loop_behind_it() -> None:
    async def scenario() -> None:
        shares = MemoryShares(100, 50)
        woken: list[str] = []
        first = shares.account(A, nothing)
        second = shares.account(A, lambda: woken.append("second"))
        third = shares.account(A, lambda: woken.append("third"))
        assert first.take(50) is Room.TAKEN
        assert second.take(20) is Room.LATER
        assert third.take(20) is Room.LATER
        assert shares.account(B, nothing).take(50) is Room.TAKEN  # another loop has its own
        first.give(50)
        await asyncio.sleep(0)
        assert woken == ["second"]
        assert second.take(20) is Room.TAKEN
        await asyncio.sleep(0)
        assert woken == ["second", "third"]
        assert third.take(20) is Room.TAKEN

    run(scenario)


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE_S", 0.05)

    async def scenario() -> None:
        shares = MemoryShares(100, 50)
        woken = asyncio.Event()
        holder, waiter = shares.account(A, nothing), shares.account(A, woken.set)
        assert holder.take(50) is Room.TAKEN
        assert waiter.take(20) is Room.LATER
        await woken.wait()
        assert waiter.take(20) is Room.NEVER
        assert waiter.take(20) is Room.LATER  # the next message waits anew
        waiter.close()
        holder.close()
        assert shares.taken == 0
        assert not shares.loops

    run(scenario)


def test_more_than_a_share_is_not_waited_for() -> None:
    async def scenario() -> None:
        assert MemoryShares(100, 50).account(A, nothing).take(51) is Room.NEVER

    run(scenario)


def test_what_is_kept_is_taken_and_given_back_in_steps() -> None:
    async def scenario() -> None:
        shares = MemoryShares(4 * KEPT_STEP, 3 * KEPT_STEP)
        one, other = shares.account(A, nothing), shares.account(A, nothing)
        assert one.keep(1)
        assert shares.taken == KEPT_STEP
        assert one.keep(KEPT_STEP + 1)
        assert shares.taken == 2 * KEPT_STEP
        assert not other.keep(KEPT_STEP + 1)
        assert shares.taken == 2 * KEPT_STEP
        assert one.keep(0)
        assert other.keep(KEPT_STEP + 1)
        other.close()
        assert shares.taken == 0

    run(scenario)
