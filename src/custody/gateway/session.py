"""One client connection, from its acceptance to its last record.

Law: a session that was recorded is closed in the record, whatever ends it. The first reason for
its end is the one that counts.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from custody.gateway.admission import AdmissionControl
from custody.gateway.connections.connection import Connection
from custody.gateway.connections.upstream import send_once
from custody.gateway.ids import new_cancel_key, new_session_id
from custody.gateway.login import LoginResult, LoginStage
from custody.gateway.registry import Registry
from custody.gateway.relay.relay import Relay
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.session_refusals import (
    INTERNAL,
    LOGIN_TOO_LONG,
    broken_protocol,
    unrecorded_end,
)
from custody.gateway.target import Target
from custody.model.codec import CodecFaces, ServerLogin
from custody.model.errors import CustodyError, LogFailureError, WireError
from custody.model.gateway_records import AdminAct
from custody.model.identity import Admission, Session
from custody.model.record import SessionEnd
from custody.model.refusal import Refusal
from custody.model.words import SessionId, Side, TargetName
from custody.recording.event_lines import EventLines
from custody.recording.recorder import durable

LOGIN_TIMEOUT_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 5.0
CANCELS_AT_MOST: Final = 4
"""Cancel requests of one session that are under way at once; more are dropped."""
_TLS_HANDSHAKE: Final = 0x16  # RFC 8446 §5.1; no protocol of ours starts with this byte

_log: Final = logging.getLogger("custody.session")
_ended: Final = EventLines(_log, logging.INFO)


class SessionHost:
    """Hosts one codec. ``run`` owns every task of the session and returns once all is over."""

    def __init__(
        self,
        services: SessionServices,
        registry: Registry,
        spec: ListenerSpec,
        faces: Callable[[bool], CodecFaces],
    ) -> None:
        self.id: SessionId = new_session_id()
        self.client_key: bytes = new_cancel_key()
        self.admission: Admission | None = None
        self.client: Connection = Connection(self)
        self._services: Final = services
        self._registry: Final = registry
        self._spec: Final = spec
        self._admission: Final = AdmissionControl(services, spec)
        self._make_faces: Final = faces
        self._faces: CodecFaces | None = None
        self._stage: LoginStage | Relay | None = None
        self._server: Connection | None = None
        self._target: Target | None = None
        self._session: Session | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._event_loop: Final = asyncio.get_running_loop()
        self._over: Final[asyncio.Future[None]] = self._event_loop.create_future()
        self._gone: Final = asyncio.Event()
        self._reason = ""
        self._cancels = 0
        self._heard = self._event_loop.time()
        self._first = True

    async def run(self) -> None:
        """Raises nothing but cancellation."""
        deadline = self._event_loop.call_later(LOGIN_TIMEOUT_S, self._login_timed_out)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._begin(tasks)
                await self._over
                raise _OverError  # noqa: TRY301 - what cancels the tasks of a TaskGroup
        except* _OverError:
            pass
        except* Exception as group:  # noqa: BLE001 - one session's fault ends that session only
            for error in group.exceptions:
                reason, refusal = self._ending(error)
                self._last_words(refusal)
                self._reason = self._reason or reason
        finally:
            deadline.cancel()
            self._finish()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            self.client.abort()

    def end(self, reason: str) -> None:
        if not self._over.done():
            self._reason = reason
            self._over.set_result(None)

    def kill(self, reason: str, refusal: Refusal) -> None:
        """End it now, and tell the client why in its own protocol."""
        if not self._over.done():
            self._last_words(refusal)
        self.end(reason)

    def failed(self, error: Exception) -> None:
        """End it for a fault of its own."""
        self.kill(*self._ending(error))

    def cancel(self, requested_by: str) -> None:
        """Cancel what the target is running for this session."""
        if self._faces is None or self._target is None or self._tasks is None:
            return
        if self._over.done() or self._session is None:
            return
        if isinstance(self._stage, Relay) and self._stage.withdraw():
            return  # what waits for a human never reached the target
        if self._cancels < CANCELS_AT_MOST:
            self._cancels += 1
            self._tasks.create_task(
                self._cancel(self._faces.login, self._session, self._target, requested_by)
            )

    async def _cancel(
        self, login: ServerLogin, session: Session, target: Target, requested_by: str
    ) -> None:
        """Record the wish, then send it: what is not recorded is not sent."""
        act = AdminAct("session.cancel", requested_by, self.id)
        try:
            await durable(lambda heard: self._services.gate.note(session, act, heard))
            await send_once(target, login.cancel())
        except CustodyError as error:
            _log.error("%s: a cancel was not recorded, so not sent: %s", self.id, error.code)
        finally:
            self._cancels -= 1

    def end_if_over(self) -> None:
        """End it if its ticket, its loop or its idle time is over."""
        if isinstance(self._stage, Relay) and self._stage.waits:
            self._heard = self._event_loop.time()  # whoever waits for a human is not idle
        idle_s = self._event_loop.time() - self._heard
        if (lapsed := self._admission.lapsed(self.admission, idle_s)) is not None:
            self.kill(lapsed.reason, lapsed.refusal)

    @property
    def target_name(self) -> TargetName | None:
        return self._session.target if self._session is not None else None

    # What admission asks.

    @property
    def address(self) -> str:
        return self.client.address

    @property
    def host(self) -> str:
        return self.client.peer[0]

    @property
    def tls(self) -> str:
        tls = self.client.tls
        return tls.description if tls is not None else ""

    @property
    def left(self) -> bool:
        return self._over.done()

    def authenticated(self, admission: Admission, session: Session) -> None:
        self.admission = admission
        self._session = session
        self._registry.add(self)

    # What the login stage reports.

    def ready(self, result: LoginResult) -> None:
        if self._faces is None or self._tasks is None:
            return
        self._server = result.server
        self._target = result.admitted.target
        self._registry.add_key(self, self._faces.login.client_key)
        self._stage = Relay(
            self,
            self._services,
            self._faces,
            login=result,
            codes=self._spec.codes,
            tasks=self._tasks,
        )
        self._stage.pump()

    def cancel_requested(self, key: bytes) -> None:
        session = self._registry.by_key(key)
        if session is not None:
            session.cancel(self.client.address)

    # What the connections report.

    def opened(self, connection: Connection) -> None:
        if connection is not self.client:
            return
        host, _ = connection.peer
        loopback = host.startswith("127.") or host == "::1"
        self._faces = self._make_faces(self._spec.cleartext_loopback and loopback)
        if self._tasks is not None:
            self._begin(self._tasks)

    def received(self, connection: Connection, data: bytes) -> None:
        faces, stage = self._faces, self._stage
        if faces is None or stage is None or self._over.done():
            return
        self._heard = self._event_loop.time()
        side = Side.CLIENT if connection is self.client else Side.SERVER
        if self._first and side is Side.CLIENT:
            self._first = False
            if data[0] == _TLS_HANDSHAKE and isinstance(stage, LoginStage):
                stage.start_direct_tls(data)
                return
        try:
            faces.codec.receive(side, data)
            stage.pump()
        except Exception as error:  # noqa: BLE001 - fail closed: this session ends, others go on
            self.failed(error)

    def ended(self, connection: Connection) -> None:
        if self._faces is None or self._stage is None or self._over.done():
            return
        side = Side.CLIENT if connection is self.client else Side.SERVER
        stage = self._stage
        self._guard(lambda: self._side_ended(side, stage))

    def lost(self, connection: Connection) -> None:
        side = Side.CLIENT if connection is self.client else Side.SERVER
        if side is Side.CLIENT:
            self._gone.set()
            if isinstance(self._stage, Relay):
                # What the client had sent before it went is still delivered, as it would be
                # without a gateway.
                self._stage.end_when_drained(Side.SERVER, "client.lost")
            else:
                self.end("client.lost")
        elif self._stage is not None and not self._over.done():
            stage = self._stage
            self._guard(lambda: stage.closed(side))

    def writing_blocked(self, connection: Connection, clogged: bool) -> None:  # noqa: FBT001 - an edge
        other = self._server if connection is self.client else self.client
        if other is None:
            return
        if clogged:
            other.pause_reading("the other side is slow")
        else:
            other.resume_reading("the other side is slow")
            if connection is self._server and isinstance(self._stage, Relay):
                self._stage.pressure.server_flows()

    # The rest.

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start the login once there is both a connection and an owner for its tasks."""
        self._tasks = tasks
        if self._faces is not None and self._stage is None:
            self._stage = LoginStage(self, self._services, self._spec, self._faces, tasks)

    def _side_ended(self, side: Side, stage: LoginStage | Relay) -> None:
        if self._faces is not None:
            self._faces.codec.receive(side, b"")
            stage.pump()
            stage.closed(side)

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - as in ``received``
            self.failed(error)

    def _ending(self, error: Exception) -> tuple[str, Refusal]:
        """The end that an error means for this session: the reason, and what the client is told."""
        match error:
            case WireError():
                _log.warning("%s: %s broke the protocol: %s", self.id, error.blame, error.code)
                return f"protocol.{error.blame}", broken_protocol(error)
            case LogFailureError():
                _log.error("%s: %s", self.id, error.code)
                return "log", unrecorded_end(error)
            case _:
                _log.error("%s: ended by %s", self.id, error_place(error))
                return "internal", INTERNAL

    def _last_words(self, refusal: Refusal) -> None:
        """Queue them behind what may leave; what waits for its record will never leave now."""
        if self._faces is None:
            return
        try:
            for send in self._faces.codec.refuse(None, refusal):
                if send.to is Side.CLIENT:
                    if isinstance(self._stage, Relay):
                        self._stage.to_client.clear()
                        self._stage.to_client.put((send.data,))
                    else:
                        self.client.write(send.data)
        except Exception as error:  # noqa: BLE001 - the session ends, with its last words or without
            _log.error("%s: its last words failed with %s", self.id, error_place(error))

    def _login_timed_out(self) -> None:
        if not isinstance(self._stage, Relay):
            self.kill("login.timeout", LOGIN_TOO_LONG)

    def _finish(self) -> None:
        """Close the record of the session, and both connections, whatever fails on the way."""
        counts = (0, 0, 0, 0)
        try:
            if isinstance(self._stage, Relay):
                counts = self._stage.finish()
        except Exception as error:  # noqa: BLE001 - the session's own end is still to be recorded
            _log.error("%s: open commands were not closed: %s", self.id, error_place(error))
        if self._session is not None:
            reason = self._reason or "shutdown"
            _ended.write(
                "a session ended",
                session=self.id,
                loop=self._session.loop.id,
                reason=reason,
                commands=counts[0],
                refused=counts[1],
            )
            try:
                end = SessionEnd(reason, *counts)
                self._services.gate.note(self._session, end)
            except Exception as error:  # noqa: BLE001 - the connections are still to be closed
                # The next recovery accounts for sessions that have no end.
                _log.error("%s: its end was not recorded: %s", self.id, error_place(error))
            key = self._faces.login.client_key if self._faces is not None else b""
            self._registry.remove(self, key)
        if isinstance(self._stage, LoginStage):
            self._stage.finish()
        if self._server is not None:
            self._server.close()
        self.client.close()


class _OverError(Exception):
    """Ends a session's TaskGroup."""


def error_place(error: BaseException) -> str:
    """The kind and place of an error; never its text, which may quote a command."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"
