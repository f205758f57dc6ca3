"""What a protocol that owns its sockets may rely on, call by call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
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
from custody.model.record import Response, SessionEnd
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
    monkeypatch.setattr("custody.gateway.relay.held_message.REMIND_EVERY_S", 0.005)

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
