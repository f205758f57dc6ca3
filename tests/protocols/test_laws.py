"""The laws that hold whatever is spoken, proved on a toy protocol of each face.

Law: these tests speak lines over a socket, and know no more of the gateway than its clients and its
operator do. Both toys pass the same ones.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.gateway.fakes import LOOP, DenyDeletes
from tests.gateway.stage import Bench, bench, kinds, line, until
from tests.protocols.toys.line_codec import line_wire
from tests.protocols.toys.line_terminator import line_terminator

from custody.gateway.budget.meter import Meter
from custody.model.command import Command, Verdict
from custody.model.identity import Session
from custody.model.protocol import Wiring
from custody.model.record import CommandSeen, Response, SessionEnd
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Decision, Exceeded
from custody.policy.loop_budget import Limit

FACES: dict[str, Callable[[], Wiring]] = {"codec": line_wire, "terminator": line_terminator}
OVER = Refusal(RefusalCode.LOOP_OVER, "over", fatal=True)


class AsksAboutDrops(DenyDeletes):
    """``DROP`` needs a human."""

    def __init__(self) -> None:
        self.changed = False

    def decide(self, session: Session, command: Command, now: int) -> Verdict:
        if not command.text.startswith("DROP"):
            return super().decide(session, command, now)
        decision = Decision.DENY if self.changed else Decision.ASK
        return Verdict(decision, "drops", "drops are asked about", self.digest)


@pytest.fixture(params=FACES)
def wire(request: pytest.FixtureRequest) -> Callable[[], Wiring]:
    return FACES[request.param]


Scenario = Callable[[Bench, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def play(wire: Callable[[], Wiring], scenario: Scenario, **settings: Any) -> None:
    async def main() -> None:
        async with bench(wire=wire(), **settings) as b:
            reader, writer = await b.login()
            await scenario(b, reader, writer)

    asyncio.run(main())


def commands(b: Bench) -> list[tuple[str, str]]:
    return [
        (each.command.text, each.decision)
        for each in b.log.bodies()
        if isinstance(each, CommandSeen)
    ]


def outcomes(b: Bench) -> list[tuple[int | None, str]]:
    return [
        (each.command, each.outcome.value) for each in b.log.bodies() if isinstance(each, Response)
    ]


@asynccontextmanager
async def nothing_arrives(b: Bench) -> AsyncIterator[None]:
    """The target has seen nothing new when the block is left."""
    before = list(b.server.seen)
    yield
    assert b.server.seen == before


async def said(reader: asyncio.StreamReader) -> str:
    """The next line that is no word about waiting."""
    while (text := await line(reader)).startswith("?"):
        pass
    return text


def test_a_command_is_recorded_before_it_moves(wire: Callable[[], Wiring]) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        b.log.by_hand = True
        async with nothing_arrives(b):
            writer.write(b"SELECT 1\n")
            await until(lambda: bool(commands(b)))
        b.log.sync()
        assert await line(reader) == "ok SELECT 1"
        assert b.server.seen[-1] == "SELECT 1"

    play(wire, scenario)


def test_a_record_that_fails_lets_nothing_move(wire: Callable[[], Wiring]) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        b.log.by_hand = True
        async with nothing_arrives(b):
            writer.write(b"SELECT 1\n")
            await until(lambda: bool(commands(b)))
            b.log.fail()
            assert "not_recorded" in await line(reader)
            b.log.by_hand = False
            await until(lambda: not b.registry.all())

    play(wire, scenario)


def test_a_refused_command_leaves_the_session_alive(wire: Callable[[], Wiring]) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with nothing_arrives(b):
            writer.write(b"DELETE x\n")
            assert (await line(reader)).startswith("!denied")
        writer.write(b"SELECT 1\n")
        assert await line(reader) == "ok SELECT 1"
        await until(lambda: len(outcomes(b)) == 2)
        assert commands(b) == [("DELETE x", "deny"), ("SELECT 1", "allow")]
        assert [outcome for _, outcome in outcomes(b)] == ["refused", "ok"]

    play(wire, scenario)


def test_a_full_log_refuses_and_the_session_lives_on(wire: Callable[[], Wiring]) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        b.log.full = True
        async with nothing_arrives(b):
            writer.write(b"SELECT 1\n")
            assert (await line(reader)).startswith("!not_recorded")
        b.log.full = False
        writer.write(b"SELECT 2\n")
        assert await line(reader) == "ok SELECT 2"

    play(wire, scenario)


def test_a_kill_ends_what_runs_and_the_record_says_so(wire: Callable[[], Wiring]) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        b.server.silent = True
        writer.write(b"SELECT 1\n")
        await until(lambda: b.server.seen[-1] == "SELECT 1")
        for session in b.registry.all():
            session.kill("test", OVER)
        assert await line(reader) == "!loop_over over"
        await until(lambda: not b.registry.all())
        assert kinds(b.log)[-2:] == ["ResponseUnknown", "SessionEnd"]
        end = b.log.bodies()[-1]
        assert isinstance(end, SessionEnd)
        assert (end.reason, end.commands) == ("test", 1)

    play(wire, scenario)


def test_a_ticket_that_is_over_ends_its_session(wire: Callable[[], Wiring]) -> None:
    async def scenario(b: Bench, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        b.tickets.over = True
        for session in b.registry.all():
            session.end_if_over()
        assert (await line(reader)).startswith("!loop_over")
        await until(lambda: not b.registry.all())

    play(wire, scenario)


def test_a_session_that_says_nothing_ends(wire: Callable[[], Wiring]) -> None:
    async def scenario(b: Bench, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(5):
            while b.registry.all():
                for session in b.registry.all():
                    session.end_if_over()
                await asyncio.sleep(0.01)
        assert (await line(reader)).startswith("!idle")

    play(wire, scenario, idle_timeout_s=0.05)


def test_budgets_count(wire: Callable[[], Wiring]) -> None:
    ended: list[object] = []
    meter = Meter(note=lambda *_: None, end_loop=lambda *end: ended.append(end), policy=b"\1" * 32)
    meter.open_account(LOOP, [Limit("commands", 2, Exceeded.END)])

    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for number in range(2):
            writer.write(b"SELECT %d\n" % number)
            assert await line(reader) == f"ok SELECT {number}"
        async with nothing_arrives(b):
            writer.write(b"SELECT 3\n")
            assert "budget of 2 commands" in await line(reader)
        assert ended

    play(wire, scenario, meter=meter)


def test_a_listener_takes_no_more_connections_than_its_bound(
    wire: Callable[[], Wiring],
) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        other, _ = await b.connect()
        refused = await line(other)
        assert refused == "" or refused.startswith("!overloaded")
        writer.write(b"SELECT 1\n")
        assert await line(reader) == "ok SELECT 1"

    play(wire, scenario, max_connections=1)


def test_a_client_that_does_not_wait_is_held_within_a_bound(wire: Callable[[], Wiring]) -> None:
    async def scenario(
        b: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        b.log.by_hand = True
        flood = [b"SELECT %0990d\n" % number for number in range(3000)]
        writer.writelines(flood)
        await until(lambda: bool(commands(b)))
        await asyncio.sleep(0.2)
        assert len(commands(b)) < len(flood) / 2  # the rest was not even read
        b.log.by_hand = False
        b.log.sync()
        for sent in flood:
            assert await line(reader) == f"ok {sent.decode().strip()}"

    play(wire, scenario, held_bytes=64 * 1024)


def test_nobody_comes_in_without_a_record(wire: Callable[[], Wiring]) -> None:
    async def scenario(b: Bench, *_: object) -> None:
        async with nothing_arrives(b):
            for secret, code in ((b"ct_bad", "identity"), (b"ct_good", "not_recorded")):
                b.log.full = code == "not_recorded"
                reader, writer = await b.connect()
                writer.write(b"LOGIN orders " + secret + b"\n")
                assert (await line(reader)).startswith(f"!{code}")
                assert await line(reader) == ""
            b.log.full = False
        assert kinds(b.log).count("LoginRefused") == 1

    play(wire, scenario)


def test_no_such_target_and_not_yours_are_one_answer(wire: Callable[[], Wiring]) -> None:
    async def scenario(b: Bench, *_: object) -> None:
        answers = []
        for target in ("nowhere", "secret-target"):
            reader, writer = await b.connect()
            writer.write(f"LOGIN {target} ct_good\n".encode())
            answers.append((await line(reader)).replace(target, "T"))
        assert answers[0] == answers[1]
        assert answers[0].startswith("!not_granted")

    play(wire, scenario)
