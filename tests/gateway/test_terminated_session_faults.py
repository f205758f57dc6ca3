"""What a protocol that owns its sockets may rely on where something fails."""

import asyncio

import pytest
from tests.gateway.fakes import NoMask
from tests.gateway.stage import kinds, until
from tests.gateway.test_gate import YES, Humans, Rules
from tests.gateway.test_terminated_session import LOGIN, OVER, Visit, play, refused
from tests.protocols.toys.line_codec import command

from custody.gateway import terminated_session as module
from custody.model.errors import CustodyError
from custody.model.record import Body, Gap, Record, Response, SessionEnd
from custody.model.refusal import RefusalCode, RefusedError
from custody.model.secret import Secret
from custody.model.words import Outcome


class MasksAllBut(NoMask):
    """Fails at records of one kind, as masking does."""

    def __init__(self, kind: type[Body]) -> None:
        self._kind = kind

    def mask(self, record: Record) -> Record:
        if isinstance(record.body, self._kind):
            raise CustodyError("masking.failed", "It cannot be masked.")
        return record


def test_what_is_refused_while_nothing_can_be_recorded_is_recorded_as_a_gap() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        visit.stage.log.full = True
        assert await refused(session.permit(command("SELECT 1"))) is RefusalCode.NOT_RECORDED
        assert await refused(session.permit(command("SELECT 2"))) is RefusalCode.NOT_RECORDED
        visit.stage.log.full = False
        await session.permit(command("SELECT 3"))
        assert [each.count for each in visit.stage.log.bodies() if isinstance(each, Gap)] == [2]

    play(scenario)


def test_what_is_refused_beyond_the_bound_is_recorded_as_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMMANDS_AT_ONCE", 1)

    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        await session.permit(command("SELECT 1"))
        await refused(session.permit(command("SELECT 2")))
        session.close("client.closed")
        assert [each.count for each in visit.stage.log.bodies() if isinstance(each, Gap)] == [1]
        end = visit.stage.log.bodies()[-1]
        assert isinstance(end, SessionEnd)
        assert (end.commands, end.refused) == (2, 1)

    play(scenario)


def test_a_refusal_that_cannot_be_masked_leaves_nobody_waiting() -> None:
    humans = Humans()

    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        waiting = [
            asyncio.ensure_future(session.permit(command("ASK night")))  # noqa: TID251 - awaited
            for _ in range(2)
        ]
        await until(lambda: len(humans.open) == 2)
        session.kill("test", OVER)
        async with asyncio.timeout(1):
            assert [await refused(each) for each in waiting] == [RefusalCode.LOOP_OVER] * 2
        assert len(humans.withdrawn) == 2
        assert visit.stage.registry.all() == []
        assert visit.port.open == 0
        assert kinds(visit.stage.log)[-1] == "SessionEnd"

    play(scenario, policy=Rules(), approvals=humans, masker=MasksAllBut(Response))


def test_a_record_that_cannot_be_masked_is_refused_and_ends_the_session() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        assert await refused(session.record(Gap("test", 1))) is RefusalCode.INTERNAL
        assert [each.code for each in visit.ended] == [RefusalCode.INTERNAL]

    play(scenario, masker=MasksAllBut(Gap))


def test_a_protocol_that_fails_to_tell_keeps_no_other_session_from_its_end() -> None:
    async def scenario(visit: Visit) -> None:
        def broken(_: object) -> None:
            raise ValueError("SELECT secret")

        session = visit.port.connect(("192.0.2.8", 1000), tls="", ended=broken, tell=broken)
        await session.admit(Secret("ct_good"), LOGIN)
        session.kill("test", OVER)
        assert visit.stage.registry.all() == []

    play(scenario)


def test_a_protocol_that_fails_to_tell_of_a_wait_still_has_it_asked() -> None:
    humans = Humans()

    async def scenario(visit: Visit) -> None:
        def broken(_: object) -> None:
            raise ValueError("SELECT secret")

        session = visit.port.connect(("192.0.2.8", 1000), tls="", ended=broken, tell=broken)
        await session.admit(Secret("ct_good"), LOGIN)
        permit = asyncio.ensure_future(session.permit(command("ASK night")))  # noqa: TID251 - awaited
        await until(lambda: permit.done() or bool(humans.open))
        humans.open[0][1](YES)
        assert await permit == 1
        session.close("test")

    play(scenario, policy=Rules(), approvals=humans)


def test_a_client_that_is_gone_when_it_is_told_of_a_wait_has_nobody_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    humans = Humans()
    monkeypatch.setattr("custody.gateway.relay.held_message.REMIND_EVERY_S", 0.005)

    async def scenario(visit: Visit) -> None:
        told: list[str] = []

        def gone(text: str) -> None:
            told.append(text)
            session.close("client.closed")

        session = visit.port.connect(
            ("192.0.2.8", 1000), tls="", ended=visit.ended.append, tell=gone
        )
        await session.admit(Secret("ct_good"), LOGIN)
        assert await refused(session.permit(command("ASK night"))) is RefusalCode.LOOP_OVER
        await asyncio.sleep(0.05)
        assert humans.open == []
        assert len(told) == 1

    play(scenario, policy=Rules(), approvals=humans)


def test_a_record_that_fails_says_that_the_session_is_over() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        visit.stage.log.by_hand = True
        permit = asyncio.ensure_future(session.permit(command("SELECT 1")))  # noqa: TID251 - awaited
        await asyncio.sleep(0)
        visit.stage.log.fail()
        with pytest.raises(RefusedError) as raised:
            await permit
        assert raised.value.refusal.fatal
        assert visit.ended == [raised.value.refusal]

    play(scenario)


def test_an_answer_waits_for_the_disk_only_where_responses_are_strict() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        number = await session.permit(command("SELECT 1"))
        visit.stage.log.by_hand = True
        await session.respond(Response(number, Outcome.OK, "", 0, 0, 0))
        assert [durable for durable, _ in visit.stage.log.waiting] == [None]

    play(scenario)


def test_who_asks_to_hear_of_the_stop_after_it_hears_at_once() -> None:
    async def scenario(visit: Visit) -> None:
        heard: list[str] = []
        visit.port.stop()
        visit.port.when_stopped(lambda: heard.append("stopped"))
        assert heard == ["stopped"]

    play(scenario)
