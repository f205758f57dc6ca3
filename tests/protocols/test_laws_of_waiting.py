"""What waits for a human, whatever is spoken: on a toy protocol of each face.

Law: as in ``test_laws``.
"""

import asyncio
from collections.abc import Callable

from tests.gateway.stage import Bench, kinds, line, until
from tests.gateway.test_gate import NO, YES, Humans
from tests.protocols.test_laws import (
    OVER,
    AsksAboutDrops,
    commands,
    nothing_arrives,
    outcomes,
    play,
    said,
    wire,
)

from custody.model.protocol import Wiring
from custody.model.record import SessionEnd

__all__ = ["wire"]


def test_what_is_held_waits_and_what_stands_behind_it_waits_in_order(
    wire: Callable[[], Wiring],
) -> None:
    humans = Humans()

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with nothing_arrives(b):
            writer.write(b"DROP t\nSELECT 1\n")
            assert (await line(reader)).startswith("? custody: waiting for approval")
            await until(lambda: bool(humans.open))
            other, its_writer = await b.login()  # nobody else waits
            assert commands(b) == [("DROP t", "ask")]
            b.server.seen.remove("hello real-password")
        its_writer.write(b"SELECT 9\n")
        assert await line(other) == "ok SELECT 9"
        _, answered = humans.open.pop()
        answered(YES)
        assert [await said(reader), await said(reader)] == ["ok DROP t", "ok SELECT 1"]
        assert b.server.seen[-2:] == ["DROP t", "SELECT 1"]

    play(wire, scenario, policy=AsksAboutDrops(), approvals=humans)


def test_a_no_refuses_and_the_session_lives_on(wire: Callable[[], Wiring]) -> None:
    humans = Humans()

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with nothing_arrives(b):
            writer.write(b"DROP t\n")
            await until(lambda: bool(humans.open))
            humans.open.pop()[1](NO)
            assert "was not approved: not today" in await said(reader)
        writer.write(b"SELECT 1\n")
        assert await said(reader) == "ok SELECT 1"
        await until(lambda: len(outcomes(b)) == 2)
        assert [outcome for _, outcome in outcomes(b)] == ["refused", "ok"]

    play(wire, scenario, policy=AsksAboutDrops(), approvals=humans)


def test_a_yes_that_comes_after_the_policy_changed_moves_nothing(
    wire: Callable[[], Wiring],
) -> None:
    humans, policy = Humans(), AsksAboutDrops()

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with nothing_arrives(b):
            writer.write(b"DROP t\n")
            await until(lambda: bool(humans.open))
            policy.changed = True
            humans.open.pop()[1](YES)
            assert "may not run any more" in await said(reader)

    play(wire, scenario, policy=policy, approvals=humans)


def test_a_client_that_leaves_withdraws_what_is_held(wire: Callable[[], Wiring]) -> None:
    humans = Humans()

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with nothing_arrives(b):
            writer.write(b"DROP t\n")
            await until(lambda: bool(humans.open))
            _, answered = humans.open[0]
            writer.close()
            await until(lambda: bool(humans.withdrawn))
            answered(YES)  # too late
            await until(lambda: "SessionEnd" in kinds(b.log))
        assert [outcome for _, outcome in outcomes(b)] == ["refused"]
        ends = [each.reason for each in b.log.bodies() if isinstance(each, SessionEnd)]
        assert ends == ["client.closed"]

    play(wire, scenario, policy=AsksAboutDrops(), approvals=humans)


def test_a_kill_ends_what_is_held_and_tells_the_client(wire: Callable[[], Wiring]) -> None:
    humans = Humans()

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with nothing_arrives(b):
            writer.write(b"DROP t\n")
            await until(lambda: bool(humans.open))
            _, answered = humans.open[0]
            for session in b.registry.all():
                session.kill("test", OVER)
            answered(YES)  # in the turn of the kill, and too late
            assert await said(reader) == "!loop_over over"
            assert await line(reader) == ""
            await until(lambda: not b.registry.all())
            await asyncio.sleep(0.05)
        assert humans.withdrawn
        assert [outcome for _, outcome in outcomes(b)] == ["refused"]
        assert kinds(b.log)[-2:] == ["Response", "SessionEnd"]

    play(wire, scenario, policy=AsksAboutDrops(), approvals=humans)


def test_who_waited_for_a_human_was_not_idle(wire: Callable[[], Wiring]) -> None:
    humans = Humans()

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        b.server.silent = True
        writer.write(b"DROP t\n")
        await until(lambda: bool(humans.open))
        (session,) = b.registry.all()
        for _ in range(8):
            await asyncio.sleep(0.1)
            session.end_if_over()
        humans.open[0][1](YES)
        await until(lambda: b.server.seen[-1] == "DROP t")
        session.end_if_over()
        await asyncio.sleep(0.05)
        assert b.registry.all() == [session]

    play(wire, scenario, policy=AsksAboutDrops(), approvals=humans, idle_timeout_s=0.6)
