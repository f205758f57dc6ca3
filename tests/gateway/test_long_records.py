"""What is long is masked beside the event loop: others go on, and each session keeps its order."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from tests.gateway.fakes import NoMask
from tests.gateway.stage import Bench, bench, line, until
from tests.gateway.test_gate import SESSION, YES, Humans, Rules

from custody.gateway.long_records import LONG, LongMasking, MaskingPause, is_long, long_commands
from custody.model.command import Argument, Command
from custody.model.errors import CustodyError
from custody.model.record import (
    CommandSeen,
    ErrorReport,
    Milliseconds,
    Opaque,
    Record,
    Response,
    SessionEnd,
    Stream,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Decision, Outcome

LONG_LINE = "SELECT " + "x" * (LONG + 10)


class SlowForLong(NoMask):
    """Holds a long command in its thread until it is let go; counts how often it masked one."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.threads: list[str] = []

    def mask(self, record: Record) -> Record:
        body = record.body
        if isinstance(body, CommandSeen) and len(body.command.text) > LONG:
            self.threads.append(threading.current_thread().name)
            assert self.free.wait(10)
        return record


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


def texts(b: Bench) -> list[str]:
    return [r.body.command.text[:9] for r in b.log.records if isinstance(r.body, CommandSeen)]


def test_another_session_is_answered_while_a_long_text_is_masked() -> None:
    masker = SlowForLong()

    async def scenario() -> None:
        async with bench(masker=masker) as b:
            reader, writer = await b.login()
            other, sent = await b.login()
            writer.write(LONG_LINE.encode() + b"\nSELECT 2\n")
            await until(lambda: bool(masker.threads))
            for number in range(5):
                sent.write(f"SELECT o{number}\n".encode())
                assert await line(other) == f"ok SELECT o{number}"
            assert not [seen for seen in b.server.seen if "xx" in seen or seen == "SELECT 2"]
            masker.free.set()
            assert (await line(reader)).startswith("ok SELECT xx")
            assert await line(reader) == "ok SELECT 2"
            assert [text for text in texts(b) if not text.startswith("SELECT o")] == [
                "SELECT xx",
                "SELECT 2",
            ]
            assert len(masker.threads) == 1  # what the thread did is not done again
            assert masker.threads[0].startswith("masking")

    run(scenario)


def test_a_session_that_leaves_meanwhile_sends_nothing_and_leaves_a_word() -> None:
    masker = SlowForLong()

    async def scenario() -> None:
        async with bench(masker=masker) as b:
            _, writer = await b.login()
            writer.write(LONG_LINE.encode() + b"\n")
            await until(lambda: bool(masker.threads))
            (session,) = b.registry.all()
            session.kill("killed", Refusal(RefusalCode.LOOP_OVER, "over"))
            await until(lambda: any(isinstance(r.body, SessionEnd) for r in b.log.records))
            masker.free.set()
            (word,) = [r.body for r in b.log.records if isinstance(r.body, Opaque)]
            assert word.bytes == len(LONG_LINE) + 1
            assert texts(b) == []
            assert not [seen for seen in b.server.seen if "xx" in seen]

    run(scenario)


def test_what_is_masked_when_its_session_is_over_already_does_not_move() -> None:
    async def scenario() -> None:
        done: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            pause = MaskingPause(
                LongMasking(NoMask()),
                SESSION,
                tasks,
                lambda: done.append("went on"),
                lambda error: done.append(f"failed: {error}"),
                left=lambda: True,
            )
            pause.begin([], lambda: done.append("moved"), lambda: done.append("left"))
            pause.in_turn(lambda: done.append("in its turn"))
        assert done == []
        pause.abandon()
        assert done == ["left"]

    run(scenario)


class SlowForAnswers(NoMask):
    """Holds a long answer in its thread until it is let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun = False

    def mask(self, record: Record) -> Record:
        if isinstance(record.body, Response) and record.body.bytes > LONG and not self.begun:
            self.begun = True
            assert self.free.wait(10)
        return record


@pytest.mark.parametrize("said_yes", [True, False])
def test_a_yes_waits_for_the_answer_that_is_masked_before_it(*, said_yes: bool) -> None:
    masker, humans = SlowForAnswers(), Humans()

    async def scenario() -> None:
        async with bench(policy=Rules(), approvals=humans, masker=masker) as b:
            reader, writer = await b.login()
            b.server.silent = True
            writer.write(b"SELECT 1\nASK night\n")
            await until(lambda: bool(humans.open))
            await until(lambda: b.server.seen[-1:] == ["SELECT 1"])
            b.server.writers[0].write(b"ok " + b"x" * (LONG + 10) + b"\n")
            await until(lambda: masker.begun)
            b.server.silent = False
            if said_yes:
                ((_, answer),) = humans.open
                answer(YES)
            else:
                (session,) = b.registry.all()
                session.cancel("192.0.2.9:1")
            await asyncio.sleep(0.05)
            assert b.server.seen[-1:] == ["SELECT 1"]
            masker.free.set()
            assert (await line(reader)).startswith("?")  # it waits
            assert (await line(reader)).startswith("ok xxx")
            told = await line(reader)
            assert told == "ok ASK night" if said_yes else told.startswith("!withdrawn")

    run(scenario)


def test_a_client_that_sends_and_goes_has_its_long_command_delivered() -> None:
    masker = SlowForLong()

    async def scenario() -> None:
        async with bench(masker=masker) as b:
            _, writer = await b.login()
            writer.write(LONG_LINE.encode() + b"\n")
            await until(lambda: bool(masker.threads))
            writer.close()
            await asyncio.sleep(0.05)
            masker.free.set()
            await until(lambda: any("xx" in seen for seen in b.server.seen))
            await until(lambda: any(isinstance(r.body, SessionEnd) for r in b.log.records))
            assert texts(b) == ["SELECT xx"]

    run(scenario)


class Broken(NoMask):
    def mask(self, record: Record) -> Record:
        if isinstance(record.body, CommandSeen):
            raise CustodyError("masking.failed", "It broke.")
        return record


def test_a_long_text_that_cannot_be_masked_is_refused_and_the_session_lives() -> None:
    async def scenario() -> None:
        async with bench(masker=Broken()) as b:
            reader, writer = await b.login()
            writer.write(LONG_LINE.encode() + b"\n")
            assert "not_recorded" in await line(reader)
            assert len(b.registry) == 1
            assert not [seen for seen in b.server.seen if "xx" in seen]

    run(scenario)


def command(text: str, *values: str) -> Command:
    arguments = tuple(Argument(value, "text", len(value)) for value in values)
    return Command("SELECT", frozenset(), (), bounded=True, text=text, arguments=arguments)


def test_what_is_long() -> None:
    long = "x" * (LONG // 2 + 1)
    assert len(long_commands([command(long), command(long, long)])) == 1
    assert not long_commands([command("x" * LONG)])
    answer = Response(0, Outcome.OK, "", 1, LONG + 1, 1, captured=(("x",),))
    assert is_long(answer)
    assert not is_long(Response(0, Outcome.OK, "", 1, LONG, 1, captured=(("x",),)))
    fault = ErrorReport("NOTICE", "00000", long)
    assert is_long(Response(0, Outcome.OK, "", 1, 1, 1, notices=(fault, fault)))
    assert is_long(Stream(0, "up", "copy", LONG + 1, captured=(("x",),)))


def test_what_was_prepared_is_the_record_that_masking_makes() -> None:
    class Upper(NoMask):
        def mask(self, record: Record) -> Record:
            body = record.body
            assert isinstance(body, CommandSeen)
            text = body.command.text.upper()
            masked = CommandSeen(
                command(text), body.decision, body.rule.upper(), "", "", body.target
            )
            return Record(record.time, masked, record.loop, record.session)

    async def scenario() -> None:
        masking = LongMasking(Upper())
        one = command("select")
        await masking.prepare(SESSION, [CommandSeen(one, Decision.ALLOW, "", "", "", "")])
        seen = CommandSeen(one, Decision.DENY, "rule", "", "", "orders")
        record = Record(Milliseconds(7), seen, SESSION.loop.id, SESSION.id)
        first, again = masking.mask(record), masking.mask(record)
        assert first == again
        assert isinstance(first.body, CommandSeen)
        assert (first.time, first.body.rule, first.body.command.text) == (7, "RULE", "SELECT")

    run(scenario)
