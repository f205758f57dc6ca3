"""The stage of a session before commands may flow.

Law: the client's secret is asked for inside TLS, or where clear text was chosen; then ``admission``
decides; only then is the target reached. Nothing of the target is told before.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable
from typing import Final, Protocol, assert_never

import msgspec

from custody.gateway.admission import AdmissionControl, Admitted, Caller, TurnedAway
from custody.gateway.connections.connection import Connection, ConnectionOwner
from custody.gateway.connections.upstream import connect, secure
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.session_refusals import (
    TARGET_BROKE_TLS,
    TARGET_LEFT,
    no_tls_there,
    unreachable,
)
from custody.gateway.target import Target
from custody.model.codec import Advisor, CodecFaces, UpstreamLogin
from custody.model.errors import CustodyError
from custody.model.event import (
    CancelReceived,
    Event,
    Inquiry,
    LoginFailed,
    LoginReceived,
    Send,
    SessionReady,
    SideEnded,
    TlsAnswered,
    TlsRequested,
)
from custody.model.refusal import Refusal
from custody.model.words import Side

TLS_TIMEOUT_S: Final = 10.0

_log: Final = logging.getLogger("custody.login")


class LoginResult(msgspec.Struct, frozen=True):
    """A login that was accepted, and everything that the session goes on with."""

    admitted: Admitted
    advisor: Advisor
    server: Connection


class LoginHost(ConnectionOwner, Caller, Protocol):
    """What the stage asks of the session that it belongs to."""

    client: Connection
    client_key: bytes

    def end(self, reason: str) -> None: ...
    def ready(self, result: LoginResult) -> None: ...
    def cancel_requested(self, key: bytes) -> None: ...


class LoginStage:
    def __init__(
        self,
        host: LoginHost,
        services: SessionServices,
        spec: ListenerSpec,
        faces: CodecFaces,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._host: Final = host
        self._services: Final = services
        self._spec: Final = spec
        self._admission: Final = AdmissionControl(services, spec)
        self._codec: Final = faces.codec
        self._login: Final = faces.login
        self._consultant: Final = faces.consultant
        self._tasks: Final = tasks
        self._server: Connection | None = None
        self._result: Callable[[Connection], LoginResult] | None = None
        self._target: Target | None = None
        self._advisor: Advisor | None = None
        self._over = False
        self._turned_away = ""
        """Why the login was refused, once it was."""

    def pump(self) -> None:
        """Handle every event that there is. Raises ``WireError`` as the codec does."""
        while (event := self._next_event()) is not None:
            self._handle(event)

    def _next_event(self) -> Event | None:
        if self._over:
            return None
        return self._codec.next_event(Side.CLIENT) or self._codec.next_event(Side.SERVER)

    def start_direct_tls(self, first: bytes) -> None:
        """The client opened with TLS, without asking (libpq 17's ``sslnegotiation=direct``)."""
        self._tasks.create_task(self._accept_tls(first, direct=True))

    def finish(self) -> None:
        """Let go of the target."""
        self._over = True
        if self._server is not None:
            self._server.close()

    def closed(self, side: Side) -> None:
        """One side went away before the login was done."""
        if self._over:
            return
        if side is Side.SERVER:
            self.fail("target.closed", TARGET_LEFT)
        else:
            self._finish("client.closed")

    def fail(self, reason: str, refusal: Refusal) -> None:
        """Tell the client why, and end."""
        if not self._over:
            self._send(self._codec.refuse(None, refusal))
            self._finish(reason)

    def _finish(self, reason: str) -> None:
        self._over = True
        self._host.end(reason)

    def _send(self, sends: Iterable[Send]) -> None:
        for send in sends:
            if send.to is Side.CLIENT:
                self._host.client.write(send.data)
            elif self._server is not None:
                self._server.write(send.data)

    def _handle(self, event: Event) -> None:
        match event:
            case Send():
                self._send((event,))
            case TlsRequested():
                self._tls_requested(event)
            case LoginReceived():
                # Its client is read on: only so is its leaving noticed. The codec gives no event of
                # it meanwhile but that, and bounds what it sends too early.
                self._tasks.create_task(self._admit(event))
            case TlsAnswered():
                self._tasks.create_task(self._tls_answered(event))
            case SessionReady():
                self._ready(event)
            case LoginFailed():
                _log.warning("%s: the target refused the gateway: %s", self._host.id, event.reason)
                self.fail(event.reason, event.refusal)
            case Inquiry():
                self._tasks.create_task(self._find(event))
            case CancelReceived():
                self._host.cancel_requested(event.key)
                self._finish("cancel")
            case SideEnded():
                self._ended(event.reason)
            case _:
                raise CustodyError(
                    "gateway.order", f"{type(event).__name__} came before the login was done."
                )

    # TLS towards the client.

    def _tls_requested(self, event: TlsRequested) -> None:
        client = self._host.client
        if event.buffered:
            # Clear text that stands behind the request would be taken for part of the session.
            self._finish("tls.early-bytes")
        elif self._spec.tls is None or client.tls is not None:
            client.write(event.decline)
        else:
            client.write(event.accept)
            self._tasks.create_task(self._accept_tls(b"", direct=False))

    async def _accept_tls(self, first: bytes, *, direct: bool) -> None:
        context = self._spec.tls
        if context is None:
            self._finish("tls.none")
            return
        try:
            async with asyncio.timeout(TLS_TIMEOUT_S):
                tls = await self._host.client.start_tls(context, server_side=True, first=first)
        except (ssl.SSLError, OSError, TimeoutError) as error:
            _log.info("%s: TLS with the client failed: %s", self._host.id, type(error).__name__)
            self._finish("tls.failed")
            return
        if direct and tls.application_protocol != self._spec.application_protocol:
            # Without an agreed protocol a web request could be smuggled in (CVE-2021-3618 class).
            self._finish("tls.alpn")
            return
        self._login.secured()

    # The ticket, the grant, the record; then the target.

    async def _admit(self, event: LoginReceived) -> None:
        came = await self._admission.admit(self._host, event.secret, event.login)
        if self._over:
            return
        match came:
            case TurnedAway():
                self._turn_away(event, came)
            case Admitted():
                await self._reach(event, came)
            case None:
                pass
            case _:
                assert_never(came)

    def _turn_away(self, event: LoginReceived, refused: TurnedAway) -> None:
        """The codec says when all is said: some mechanisms have the client answer a refusal."""
        if refused.reason == "log":
            self.fail(refused.reason, refused.refusal)
            return
        self._turned_away = refused.reason
        self._send(self._codec.refuse(event, refused.refusal))
        self.pump()

    async def _reach(self, event: LoginReceived, came: Admitted) -> None:
        """Lease the credential and begin the login at the target."""
        session, target, loop = came.session, came.target, came.admission.loop
        try:
            credential = await self._services.lease(loop, target)
            server = await connect(target, self._host)
        except CustodyError as error:
            _log.error("%s: %s: %s", session.id, error.code, error.fault)
            self.fail(error.code, unreachable(error))
            return
        if self._over:
            server.close()
            return
        self._server = server
        self._target = target
        advisor = self._services.advisor(target, session.database, loop)
        self._advisor = advisor
        self._result = lambda connection: LoginResult(came, advisor, connection)
        upstream = UpstreamLogin(
            user=credential.user or target.user,
            database=session.database,
            secret=credential.secret,
            parameters=event.login.parameters,
            tls=target.tls,
            stream=event.login.stream,
            client_key=self._host.client_key,
            notice=self._spec.notice,
        )
        self._send(self._login.admit(event, upstream))
        self.pump()

    def _ended(self, reason: str) -> None:
        """The client left, or the codec turned it away before its ticket (no TLS, for example)."""
        if self._turned_away:
            self._finish(self._turned_away)
            return
        if reason == "client.refused":
            self._admission.note_refused_early(self._host, reason)
        self._finish(reason)

    # The target's side.

    async def _tls_answered(self, event: TlsAnswered) -> None:
        server, target = self._server, self._target
        if server is None or target is None:
            return
        binding = None
        if event.buffered:
            self.fail("target.tls", TARGET_BROKE_TLS)
            return
        if event.accepted:
            try:
                binding = await secure(target, server)
            except CustodyError as error:
                self.fail(error.code, unreachable(error))
                return
        elif target.tls in ("require", "verify-full"):
            self.fail("target.tls", no_tls_there(target.name, target.tls))
            return
        self._send(self._login.start_server(tls=event.accepted, channel_binding=binding))
        self.pump()

    async def _find(self, event: Inquiry) -> None:
        if self._advisor is not None and self._consultant is not None:
            answer = await self._advisor.find(event.question)
            self._consultant.answer(event.question, answer)
            self.pump()

    def _ready(self, event: SessionReady) -> None:
        if self._result is None or self._server is None:
            return
        self._over = True
        self._send(event.sends)
        self._host.ready(self._result(self._server))
