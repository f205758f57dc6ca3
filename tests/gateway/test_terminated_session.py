"""What a protocol that owns its sockets may rely on, call by call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.gateway.fakes import NoMask
from tests.gateway.stage import Bench, bench, kinds, until
from tests.gateway.test_gate import YES, Humans, Rules
from tests.protocols.toys.line_codec import CODES, command, line_wire

from custody.gateway import terminated_session as module
from custody.gateway.services import ListenerSpec
from custody.gateway.terminated_session import ListenerPort, TerminatedSession
from custody.model.errors import CustodyError
from custody.model.event import LoginRequest
from custody.model.identity import Credential, Loop
from custody.model.protocol import TerminatedWire
from custody.model.record import Body, Gap, Record, Response, SessionEnd
from custody.model.refusal import Refusal, RefusalCode, RefusedError
from custody.model.secret import Secret
from custody.model.terminator import BoundSocket, Port
from custody.model.words import Outcome, TargetName

LOGIN = LoginRequest("orders", "", "user", "app", ())
OVER = Refusal(RefusalCode.LOOP_OVER, "over", fatal=True)


class Visit:
    """One connection: what its client was told, and the session that the protocol holds."""

    def __init__(self, stage: Bench, port: ListenerPort) -> None:
        self.stage, self.port = stage, port
        self.ended: list[Refusal] = []
        self.told: list[str] = []
        self.session = port.connect(
            ("192.0.2.7", 1000), tls="", ended=self.ended.append, tell=self.told.append
        )

    async def admit(self, secret: str = "ct_good") -> TerminatedSession:
        await self.session.admit(Secret(secret), LOGIN)
        return self.session

    def outcomes(self) -> list[str]:
        bodies = self.stage.log.bodies()
        return [each.outcome.value for each in bodies if isinstance(each, Response)]


@asynccontextmanager
async def visiting(**settings: Any) -> AsyncIterator[Visit]:
    async with bench(**settings) as stage:
        spec = ListenerSpec(
            "toy", "toy", None, True, None, line_wire(), "toy", CODES, None, 0, max_connections=2
        )
        visit = Visit(stage, ListenerPort(stage.services, stage.registry, spec))
        yield visit
        visit.session.close("test")


def play(scenario: Callable[[Visit], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        async with visiting(**settings) as visit:
            await scenario(visit)

    asyncio.run(main())


async def refused(act: Awaitable[object]) -> RefusalCode:
    with pytest.raises(RefusedError) as raised:
        await act
    return raised.value.refusal.code


def test_before_it_is_admitted_nothing_is_permitted() -> None:
    async def scenario(visit: Visit) -> None:
        assert await refused(visit.session.permit(command("SELECT 1"))) is RefusalCode.LOOP_OVER
        assert await refused(visit.session.lease()) is RefusalCode.LOOP_OVER
        assert visit.stage.log.records == []

    play(scenario)


def test_a_secret_that_is_not_taken_closes_the_connection() -> None:
    async def scenario(visit: Visit) -> None:
        assert await refused(visit.admit("ct_bad")) is RefusalCode.IDENTITY
        assert visit.port.open == 0
        assert kinds(visit.stage.log) == ["LoginRefused"]
        assert await refused(visit.admit()) is RefusalCode.LOOP_OVER

    play(scenario)


def test_a_permit_gives_the_number_of_a_durable_record() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        visit.stage.log.by_hand = True
        permit = asyncio.ensure_future(session.permit(command("SELECT 1")))  # noqa: TID251 - awaited
        await asyncio.sleep(0)
        assert not permit.done()
        visit.stage.log.sync()
        number = await permit
        assert number == 1
        await session.respond(Response(number, Outcome.OK, "", 0, 0, 0))
        session.moved(up=9, down=40)
        session.close("client.closed")
        end = visit.stage.log.bodies()[-1]
        assert isinstance(end, SessionEnd)
        assert (end.commands, end.refused, end.bytes_up, end.bytes_down) == (1, 0, 9, 40)

    play(scenario)


def test_who_goes_away_before_the_disk_is_done_forwards_nothing() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        visit.stage.log.by_hand = True
        permit = asyncio.ensure_future(session.permit(command("SELECT 1")))  # noqa: TID251 - awaited
        await asyncio.sleep(0)
        permit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await permit
        assert visit.outcomes() == ["refused"]

    play(scenario)


def test_a_kill_while_a_human_is_asked_ends_the_wait() -> None:
    humans = Humans()

    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        permit = asyncio.ensure_future(session.permit(command("ASK night")))  # noqa: TID251 - awaited
        await asyncio.sleep(0)
        ((_, answered),) = humans.open
        session.kill("test", OVER)
        answered(YES)
        assert await refused(permit) is RefusalCode.LOOP_OVER
        assert visit.ended == [OVER]
        assert visit.outcomes() == ["refused"]
        assert kinds(visit.stage.log)[-1] == "SessionEnd"

    play(scenario, policy=Rules(), approvals=humans)


def test_who_waits_for_a_human_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    humans = Humans()
    monkeypatch.setattr("custody.gateway.held_message.REMIND_EVERY_S", 0.005)

    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        permit = asyncio.ensure_future(session.permit(command("ASK night")))  # noqa: TID251 - awaited
        await until(lambda: len(visit.told) >= 3)
        humans.open[0][1](YES)
        assert await permit == 1
        assert len(set(visit.told)) == 1

    play(scenario, policy=Rules(), approvals=humans)


def test_a_session_has_a_bounded_number_of_open_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMANDS_AT_ONCE", 2)

    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        first = await session.permit(command("SELECT 1"))
        await session.permit(command("SELECT 2"))
        assert await refused(session.permit(command("SELECT 3"))) is RefusalCode.OVERLOADED
        await session.respond(Response(first, Outcome.OK, "", 0, 0, 0))
        await session.permit(command("SELECT 4"))

    play(scenario)


def test_a_listener_has_a_bounded_number_of_connections() -> None:
    async def scenario(visit: Visit) -> None:
        second = Visit(visit.stage, visit.port)
        with pytest.raises(RefusedError) as raised:
            Visit(visit.stage, visit.port)
        assert raised.value.refusal.code is RefusalCode.OVERLOADED
        second.session.close("test")
        Visit(visit.stage, visit.port).session.close("test")

    play(scenario)


def test_a_login_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOGIN_TIMEOUT_S", 0.01)

    async def scenario(visit: Visit) -> None:
        await until(lambda: bool(visit.ended))
        assert visit.ended[0].code is RefusalCode.LATE
        assert visit.port.open == 0

    play(scenario)


def test_an_answer_that_cannot_be_recorded_ends_the_session() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        number = await session.permit(command("SELECT 1"))
        visit.stage.log.full = True
        answer = Response(number, Outcome.OK, "", 0, 0, 0)
        assert await refused(session.respond(answer)) is RefusalCode.LOG_FULL
        assert [each.code for each in visit.ended] == [RefusalCode.LOG_FULL]
        assert visit.stage.registry.all() == []

    play(scenario)


class SlowVault:
    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        self.asked.set()
        await self.answers.wait()
        return Credential(Secret("real-password"))


def test_a_session_that_ends_while_the_store_is_asked_gets_no_credential() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        lease = asyncio.ensure_future(session.lease())  # noqa: TID251 - awaited
        await vault.asked.wait()
        session.kill("test", OVER)
        vault.answers.set()
        assert await refused(lease) is RefusalCode.LOOP_OVER

    vault = SlowVault()
    play(scenario, vault=vault)


class EndsByItself:
    async def serve(self, listener: BoundSocket, port: Port) -> None: ...


def test_a_listener_that_ends_by_itself_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with bench(wire=TerminatedWire(EndsByItself())):
            await until(lambda: "toy: it ended by itself" in caplog.text)

    asyncio.run(main())


class NoCredential:
    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        raise CustodyError("vault.gone", "The store is not there.", "Start it.")


def test_a_credential_that_is_not_to_be_had_is_said_with_its_cure() -> None:
    async def scenario(visit: Visit) -> None:
        session = await visit.admit()
        with pytest.raises(RefusedError) as raised:
            await session.lease()
        refusal = raised.value.refusal
        assert (refusal.code, refusal.hint) == (RefusalCode.TARGET, "Start it.")

    play(scenario, vault=NoCredential())


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
    monkeypatch.setattr("custody.gateway.held_message.REMIND_EVERY_S", 0.005)

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
