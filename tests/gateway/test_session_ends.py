"""However a session ends: its record is closed, its client is told, and nothing is left behind."""

from collections.abc import Hashable, Sequence

from tests.gateway.fakes import NoMask
from tests.gateway.stage import bench, kinds, line, run, until
from tests.gateway.test_gate import Humans, Rules
from tests.protocols.toys.line_codec import LineCodec

from custody.model.errors import WireError
from custody.model.event import CommandsReceived, Event, Inquiry, LoginReceived, Send
from custody.model.record import CommandSeen, Injected, Record, SessionEnd
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side


def test_a_session_whose_start_is_not_durable_yet_can_be_ended_and_has_its_end() -> None:
    async def scenario() -> None:
        async with bench(by_hand=True) as b:
            reader, writer = await b.connect()
            writer.write(b"LOGIN orders ct_good\n")
            await until(lambda: kinds(b.log) == ["SessionStart"])
            (session,) = b.registry.all()
            session.kill("ticket.over", Refusal(RefusalCode.LOOP_OVER, "over"))
            assert "loop_over" in await line(reader)
            await until(lambda: kinds(b.log) == ["SessionStart", "SessionEnd"])
            assert len(b.registry) == 0
            assert b.server.seen == []

    run(scenario)


def fail() -> Record:
    raise RuntimeError("masking broke")


class NoCommands(NoMask):
    """As a log that takes no more commands, but what must still be said."""

    def mask(self, record: Record) -> Record:
        return record if not isinstance(record.body, CommandSeen) else fail()


class InjectingCodec(LineCodec):
    """A refusal inside a transaction: the server must fail it, too."""

    def refuse(
        self, what: LoginReceived | CommandsReceived | None, refusal: Refusal
    ) -> Sequence[Send]:
        if isinstance(what, CommandsReceived):
            return (Send(Side.SERVER, b"FAIL\n"),)
        return super().refuse(what, refusal)


def test_a_command_that_cannot_be_recorded_fails_its_transaction_and_not_the_session() -> None:
    async def scenario() -> None:
        async with bench(masker=NoCommands(), codec=InjectingCodec) as b:
            reader, writer = await b.login()
            writer.write(b"SELECT 1\n")
            assert await line(reader) == "ok FAIL"
            (injected,) = [r.body for r in b.log.records if isinstance(r.body, Injected)]
            assert injected.command is None
            assert len(b.registry) == 1

    run(scenario)


def test_where_the_log_has_no_room_left_only_the_session_that_needs_it_ends() -> None:
    async def scenario() -> None:
        async with bench(masker=NoCommands(), codec=InjectingCodec) as b:
            reader, writer = await b.login()
            other, _ = await b.login()
            b.log.full = True
            writer.write(b"SELECT 1\n")
            told = await line(reader)
            assert "log_full" in told
            assert "no room" in told
            assert await line(reader) == ""
            assert not other.at_eof()
            assert len(b.registry) == 1
            assert "FAIL" not in "".join(b.server.seen)

    run(scenario)


class BrokenAtTheEnd(NoMask):
    def mask(self, record: Record) -> Record:
        return record if not isinstance(record.body, SessionEnd) else fail()


def test_an_end_that_cannot_be_masked_still_closes_everything() -> None:
    async def scenario() -> None:
        async with bench(masker=BrokenAtTheEnd()) as b:
            reader, writer = await b.login()
            writer.write(b"SEL\0ECT\n")
            assert "protocol" in await line(reader)
            assert await line(reader) == ""
            await until(lambda: len(b.registry) == 0)
            await until(b.server.writers[0].transport.is_closing)

    run(scenario)


class BrokenBehindItsQuestion(LineCodec):
    """``ASK`` needs an answer from the catalogue; behind it stands nonsense."""

    broken = False

    def next_event(self, side: Side) -> Event | None:
        if self.broken:
            self.broken = False
            raise WireError("toy.garbage", "nonsense came", blame="client")
        if side is Side.CLIENT and self.logged_in and self.lines[side]:
            self.lines[side].clear()
            return Inquiry("what is this?")
        return super().next_event(side)

    def answer(self, question: Hashable, answer: object) -> None:
        self.broken = True


def test_garbage_found_after_a_look_up_is_the_clients_fault_and_it_is_told() -> None:
    async def scenario() -> None:
        async with bench(codec=BrokenBehindItsQuestion) as b:
            reader, writer = await b.login()
            writer.write(b"ASK\n")
            assert "protocol" in await line(reader)
            await until(lambda: "SessionEnd" in kinds(b.log))
            (end,) = [body for body in b.log.bodies() if isinstance(body, SessionEnd)]
            assert end.reason == "protocol.client"

    run(scenario)


def test_a_cancel_that_cannot_be_recorded_ends_the_session_that_it_was_for() -> None:
    async def scenario() -> None:
        humans = Humans()
        async with bench(policy=Rules(), approvals=humans) as b:
            reader, writer = await b.login()
            writer.write(b"ASK night\n")
            await until(lambda: bool(humans.open))
            (session,) = b.registry.all()
            b.log.full = True
            session.cancel("192.0.2.9:1")  # whoever brings it is not to blame
            await until(lambda: not b.registry.all())
            assert (await line(reader)).startswith("?")
            assert "log_full" in await line(reader)

    run(scenario)
