"""The gateway's side of a protocol that owns its sockets.

Law: the same order as on a relayed wire, by the same rooms: admission, gate, record, registry. A
session that was recorded is closed in the record, whatever ends it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from custody.gateway.admission import AdmissionControl, Admitted, TurnedAway
from custody.gateway.command_refusals import NOT_RECORDED_COMMAND, TOO_MANY_OPEN, WITHDRAWN
from custody.gateway.gate import UNRECORDED_COMMANDS, Denial, Permit
from custody.gateway.ids import new_session_id
from custody.gateway.long_records import is_long, long_commands
from custody.gateway.registry import Registry
from custody.gateway.relay.held_message import HeldMessage
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.session import error_place
from custody.gateway.session_refusals import (
    INTERNAL,
    LOGIN_TOO_LONG,
    SESSION_OVER,
    TOO_MANY_CONNECTIONS,
    unreachable,
    unrecorded_end,
)
from custody.model.approval import Question
from custody.model.command import Command
from custody.model.errors import CustodyError, LogFailureError
from custody.model.event import CommandsReceived, LoginRequest
from custody.model.identity import Admission, Credential, Session
from custody.model.interfaces import Durable
from custody.model.record import Body, Gap, Receipt, Response, ResponseUnknown, SessionEnd, Stream
from custody.model.refusal import Refusal, RefusedError
from custody.model.secret import Secret
from custody.model.terminator import TargetAddress
from custody.model.words import SessionId, TargetName
from custody.recording.recorder import durable

LOGIN_TIMEOUT_S: Final = 30.0
COMMANDS_AT_ONCE: Final = 64
"""Commands of one session that have no answer yet; more are refused."""
TOO_MANY_COMMANDS: Final = "commands refused beyond those that may wait for an answer"
"""What a gap says of them."""

_log: Final = logging.getLogger("custody.session")


class ListenerPort:
    """``Port`` of one listener."""

    def __init__(self, services: SessionServices, registry: Registry, spec: ListenerSpec) -> None:
        self._services: Final = services
        self._registry: Final = registry
        self._spec = spec
        self.open = 0
        """Connections that are not closed."""
        self._stopped: list[Callable[[], None]] | None = []
        """What is to be done at the stop; ``None`` after it."""

    def connect(
        self,
        client: tuple[str, int],
        *,
        tls: str,
        ended: Callable[[Refusal], None],
        tell: Callable[[str], None],
    ) -> "TerminatedSession":
        """As ``Port.connect``."""
        if self.open >= self._spec.max_connections:
            _log.warning("%s: connection refused, %d are open", self._spec.name, self.open)
            raise RefusedError(TOO_MANY_CONNECTIONS)
        self.open += 1
        return TerminatedSession(
            self._services,
            self._registry,
            self._spec,
            client=client,
            tls=tls,
            ended=ended,
            tell=tell,
            closed=self._closed,
        )

    def replace_spec(self, spec: ListenerSpec) -> None:
        """For connections from now on."""
        self._spec = spec

    def when_stopped(self, act: Callable[[], None]) -> None:
        """As ``Port.when_stopped``."""
        if self._stopped is None:
            act()
        else:
            self._stopped.append(act)

    @property
    def stopped(self) -> bool:
        return self._stopped is None

    def stop(self) -> None:
        """The listener takes no new connections."""
        stopped, self._stopped = self._stopped, None
        for act in stopped or ():
            act()

    def _closed(self) -> None:
        self.open -= 1


class TerminatedSession:
    """``PortSession``, and what admission and the registry ask of a session."""

    def __init__(
        self,
        services: SessionServices,
        registry: Registry,
        spec: ListenerSpec,
        *,
        client: tuple[str, int],
        tls: str,
        ended: Callable[[Refusal], None],
        tell: Callable[[str], None],
        closed: Callable[[], None],
    ) -> None:
        self.id: SessionId = new_session_id()
        self.admission: Admission | None = None
        self.host, port = client
        self.address = f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"
        self.tls = tls
        self.left = False
        self._services: Final = services
        self._registry: Final = registry
        self._codes: Final = spec.codes
        self._admission: Final = AdmissionControl(services, spec)
        self._ended: Final = ended
        self._tell: Final = tell
        self._closed: Final = closed
        self._event_loop: Final = asyncio.get_running_loop()
        self._heard = self._event_loop.time()
        self._session: Session | None = None
        self._admitted: Admitted | None = None
        self._open: set[int] = set()
        """Commands that are recorded and have no answer yet."""
        self._held: dict[int, tuple[HeldMessage, asyncio.Future[Permit | Denial]]] = {}
        """Commands that wait for a human, and what they wait on."""
        self._unrecorded: Counter[str] = Counter()
        """Commands that were refused without a record, by what a gap is to say of them."""
        self._commands = self._refused = self._up = self._down = 0
        self._deadline = self._event_loop.call_later(
            LOGIN_TIMEOUT_S, self.kill, "login.timeout", LOGIN_TOO_LONG
        )

    # What the protocol asks: ``PortSession``.

    async def admit(self, secret: Secret, login: LoginRequest) -> Session:
        if self.left:
            raise RefusedError(SESSION_OVER)
        came = await self._admission.admit(self, secret, login)
        if isinstance(came, TurnedAway):
            self.close(came.reason)
            raise RefusedError(came.refusal)
        if came is None or self.left:
            raise RefusedError(SESSION_OVER)
        self._deadline.cancel()
        self._admitted = came
        return came.session

    @property
    def target_name(self) -> TargetName | None:
        return self._session.target if self._session is not None else None

    @property
    def target(self) -> TargetAddress:
        target = self._known().target
        return TargetAddress(
            name=target.name,
            host=target.host,
            port=target.port,
            user=target.user,
            own=target.own,
            credential_key=target.credential_key,
        )

    async def lease(self) -> Credential:
        admitted = self._known()
        try:
            credential = await self._services.lease(admitted.admission.loop, admitted.target)
        except CustodyError as error:
            _log.error("%s: %s: %s", self.id, error.code, error.fault)
            raise RefusedError(unreachable(error)) from None
        self._known()  # the session may have ended meanwhile
        return credential

    async def permit(self, command: Command) -> int:
        if long := long_commands((command,)):
            await self._services.masking.prepare(self._known().session, long)
        session = self._known().session
        self._heard = self._event_loop.time()
        self._commands += 1
        if len(self._open) >= COMMANDS_AT_ONCE:
            raise self._unrecorded_refusal(TOO_MANY_COMMANDS, TOO_MANY_OPEN)
        gate = self._services.gate
        recorded: asyncio.Future[Receipt | LogFailureError] = self._event_loop.create_future()
        ruling = gate.judge(session, CommandsReceived((command,), ()), _settled_by(recorded))
        if not ruling.numbers:
            raise self._unrecorded_refusal(UNRECORDED_COMMANDS, NOT_RECORDED_COMMAND)
        (number,) = ruling.numbers
        self._open.add(number)
        self._note_gaps(session)
        if isinstance(ruling, Question):
            ruling = await self._answer(number, ruling)
        try:
            result = await recorded
        except asyncio.CancelledError:
            if number in self._open:  # its caller went away before it could be forwarded
                self._deny(session, number, Denial(WITHDRAWN, (number,), 0))
            raise
        if number not in self._open:  # the session ended meanwhile, and closed it in the record
            raise RefusedError(SESSION_OVER)
        if isinstance(result, LogFailureError):
            raise RefusedError(self._fail(result))
        if isinstance(ruling, Denial):
            self._deny(session, number, ruling)
            raise RefusedError(ruling.refusal)
        return number

    async def _answer(self, number: int, question: Question) -> Permit | Denial:
        settled: asyncio.Future[Permit | Denial] = self._event_loop.create_future()
        held = HeldMessage(self._services.gate, question, _settled_by(settled), self._tell, _never)
        self._held[number] = held, settled
        held.ask()
        try:
            return await settled
        except asyncio.CancelledError:
            self._withdraw(question.session, number, "cancelled")
            raise
        finally:
            self._held.pop(number, None)

    def _withdraw(self, session: Session, number: int, reason: str) -> None:
        if number in self._held:
            held, settled = self._held.pop(number)
            denial = held.withdraw(reason)
            self._deny(session, number, denial)
            _settled_by(settled)(denial)

    def _deny(self, session: Session, number: int, denial: Denial) -> None:
        self._open.discard(number)
        self._refused += 1
        try:
            self._services.gate.note_refused(session, denial, self._codes)
        except Exception as error:  # noqa: BLE001 - fail closed: this session ends
            self._fail(error)

    def _unrecorded_refusal(self, gap: str, refusal: Refusal) -> RefusedError:
        self._refused += 1
        self._unrecorded[gap] += 1
        return RefusedError(refusal)

    def _note_gaps(self, session: Session) -> None:
        try:
            while self._unrecorded:
                what, count = next(iter(self._unrecorded.items()))
                self._services.gate.note(session, Gap(what, count))
                del self._unrecorded[what]
        except CustodyError as error:  # it is said with the next command, or at the end
            _log.error("%s: a gap is not recorded yet: %s", self.id, error.code)

    async def respond(self, response: Response) -> None:
        if is_long(response):
            await self._services.masking.prepare(self._known().session, [response])
        session = self._known().session
        if response.command is not None:
            self._open.discard(response.command)
        gate, strict = self._services.gate, self._services.strict_responses
        await self._noted(lambda heard: gate.note_response(session, response, heard), wait=strict)

    async def record(self, body: Body) -> None:
        if isinstance(body, Stream) and is_long(body):
            await self._services.masking.prepare(self._known().session, [body])
        session = self._known().session
        gate = self._services.gate
        await self._noted(lambda heard: gate.note(session, body, heard), wait=True)

    def moved(self, *, up: int, down: int) -> None:
        self._heard = self._event_loop.time()
        self._up += up
        self._down += down

    def close(self, reason: str) -> None:
        if self.left:
            return
        self.left = True
        self._deadline.cancel()
        try:
            if self._session is not None:
                self._close_record(self._session, reason)
        except Exception as error:  # noqa: BLE001 - it leaves the registry all the same
            # The next recovery accounts for sessions that have no end.
            _log.error("%s: its end was not recorded: %s", self.id, error_place(error))
        self._registry.remove(self, b"")
        self._closed()

    def _close_record(self, session: Session, reason: str) -> None:
        for number in tuple(self._held):
            self._withdraw(session, number, reason)
        self._note_gaps(session)
        try:
            for number in sorted(self._open):
                self._services.gate.note(session, ResponseUnknown(number))
        except CustodyError as error:
            _log.error("%s: open commands were not closed: %s", self.id, error.code)
        self._open.clear()
        counts = self._commands, self._refused, self._up, self._down
        self._services.gate.note(session, SessionEnd(reason, *counts))

    # What admission asks: ``Caller``.

    def authenticated(self, admission: Admission, session: Session) -> None:
        self.admission = admission
        self._session = session
        self._registry.add(self)

    # What the registry asks: ``LiveSession``.

    def kill(self, reason: str, refusal: Refusal) -> None:
        if not self.left:
            self.close(reason)
            try:
                self._ended(refusal)
            except Exception as error:  # noqa: BLE001 - others are still to be killed
                _log.error("%s: its client was not told: %s", self.id, error_place(error))

    def cancel(self, requested_by: str) -> None:
        """No key of a client brings this; the protocol cancels ``permit`` itself."""
        del requested_by

    def end_if_over(self) -> None:
        if self._held:
            self._heard = self._event_loop.time()  # whoever waits for a human is not idle
        idle_s = self._event_loop.time() - self._heard
        if (lapsed := self._admission.lapsed(self.admission, idle_s)) is not None:
            self.kill(lapsed.reason, lapsed.refusal)

    # The rest.

    def _known(self) -> Admitted:
        if self._admitted is None or self.left:
            raise RefusedError(SESSION_OVER)
        return self._admitted

    async def _noted(self, append: Callable[[Durable | None], object], *, wait: bool) -> None:
        try:
            if wait:
                await durable(append)
            else:
                append(None)
        except Exception as error:  # noqa: BLE001 - fail closed: this session ends
            raise RefusedError(self._fail(error)) from None

    def _fail(self, error: Exception) -> Refusal:
        """End it for a record that could not be made; what its client is told."""
        if isinstance(error, LogFailureError):
            _log.error("%s: %s", self.id, error.code)
            reason, refusal = "log", unrecorded_end(error)
        else:
            _log.error("%s: ended by %s", self.id, error_place(error))
            reason, refusal = "internal", INTERNAL
        self.kill(reason, refusal)
        return refusal


T = TypeVar("T")


def _never(_act: object) -> bool:
    """Nothing of such a session waits its turn: each command has a task of its own."""
    return False


def _settled_by(future: asyncio.Future[T]) -> Callable[[T], None]:
    def settle(result: T) -> None:
        if not future.done():
            future.set_result(result)

    return settle
