"""The stage of a session before commands may flow.

Law: ticket (or token), then grant, then the record, then the target's credential, then the target.
"No such target" and "not yours" are one answer, in the same words and after the same work.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from custody.gateway.admission import authenticate
from custody.gateway.connection import Connection, ConnectionOwner
from custody.gateway.refusals import NO_REPLICATION, NOT_RECORDED, not_authenticated, not_yours
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.target import Target
from custody.gateway.upstream import connect, secure
from custody.model.command import Refusal
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
from custody.model.identity import Admission, NotAdmitted, Session
from custody.model.interfaces import Advisor, Codec, Durable, UpstreamLogin
from custody.model.record import LoginRefused, SessionStart
from custody.model.words import SessionId, Side, TargetName

TLS_TIMEOUT_S: Final = 10.0

_log: Final = logging.getLogger("custody.login")


class LoginResult(msgspec.Struct, frozen=True):
    """A login that was accepted, and everything that the session goes on with."""

    admission: Admission
    facts: Session
    target: Target
    advisor: Advisor
    server: Connection


class LoginHost(ConnectionOwner, Protocol):
    """What the stage asks of the session that it belongs to."""

    id: SessionId
    client: Connection
    client_key: bytes

    def end(self, reason: str) -> None: ...
    def ready(self, welcome: LoginResult) -> None: ...
    def cancel_requested(self, key: bytes) -> None: ...
    def recognised(self, admission: Admission, facts: Session) -> None: ...


class LoginStage:
    def __init__(
        self,
        host: LoginHost,
        rooms: SessionServices,
        door: ListenerSpec,
        codec: Codec,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._host: Final = host
        self._rooms: Final = rooms
        self._door: Final = door
        self._codec: Final = codec
        self._tasks: Final = tasks
        self._server: Connection | None = None
        self._welcome: Callable[[Connection], LoginResult] | None = None
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
            self.fail(
                "target.closed",
                Refusal("08006", "custody: the target closed the connection during login"),
            )
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
        elif self._door.tls is None or client.tls is not None:
            client.write(event.decline)
        else:
            client.write(event.accept)
            self._tasks.create_task(self._accept_tls(b"", direct=False))

    async def _accept_tls(self, first: bytes, *, direct: bool) -> None:
        context = self._door.tls
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
        if direct and tls.application_protocol != self._door.application_protocol:
            # Without an agreed protocol a web request could be smuggled in (CVE-2021-3618 class).
            self._finish("tls.alpn")
            return
        self._codec.secured()

    # The ticket and the grant.

    async def _admit(self, event: LoginReceived) -> None:
        client = self._host.client.address
        admission = await authenticate(self._rooms, self._door, event.secret, client)
        name = self._door.target or TargetName(event.login.target)
        if self._over:
            return
        if isinstance(admission, NotAdmitted):
            reason = admission.reason
            refusal = not_authenticated(reason, bearer=self._door.bearer is not None)
            await self._refuse(event, name, reason, refusal, admission)
        else:
            await self._weigh(event, name, admission)

    async def _weigh(self, event: LoginReceived, name: TargetName, admission: Admission) -> None:
        """Whether that loop may use that target; if so, the session's first record."""
        rooms, login = self._rooms, event.login
        now = rooms.clock()
        granted = rooms.policy.admits(admission.loop, name, now)
        target = rooms.targets.get(name)
        if target is None or not granted or target.protocol != self._door.protocol:
            reason = "grant.missing" if target is not None else "target.unknown"
            await self._refuse(event, name, reason, not_yours(login.target), admission)
            return
        if login.replication and not rooms.policy.admits_replication(admission.loop, name, now):
            await self._refuse(event, name, "grant.replication", NO_REPLICATION, admission)
            return
        facts = Session(
            id=self._host.id,
            loop=admission.loop,
            target=target.name,
            protocol=self._door.protocol,
            client=self._host.client.address,
            user=login.user,
            database=login.database or target.database,
            application=login.application,
            started=now,
        )
        tls = self._host.client.tls
        start = SessionStart(
            target=target.name,
            protocol=facts.protocol,
            subject=admission.loop.identity.subject,
            issuer=admission.loop.identity.issuer,
            groups=admission.loop.identity.groups,
            client=facts.client,
            user=facts.user,
            database=facts.database,
            application=facts.application,
            tls=tls.description if tls is not None else "",
            parameters=login.parameters,
        )

        def begin(durable: Durable) -> None:
            rooms.gate.note(facts, start, durable)
            # From here on its end is due, even if the client leaves before this is on disk.
            self._host.recognised(admission, facts)

        if not await self._recorded(begin):
            self.fail("log", NOT_RECORDED)
            return
        if self._over:
            return
        await self._reach(event, admission, facts, target)

    async def _reach(
        self, event: LoginReceived, admission: Admission, facts: Session, target: Target
    ) -> None:
        """Lease the credential and begin the login at the target."""
        try:
            credential = await self._rooms.vault.lease(admission.loop, target.name)
            server = await connect(target, self._host)
        except CustodyError as error:
            _log.error("%s: %s: %s", facts.id, error.code, error.fault)
            self.fail(error.code, Refusal("08001", f"custody: {error.fault}", hint=error.cure))
            return
        if self._over:
            server.close()
            return
        self._server = server
        self._target = target
        advisor = self._rooms.advisor(target, facts.database, admission.loop)
        self._advisor = advisor
        self._welcome = lambda connection: LoginResult(
            admission, facts, target, advisor, connection
        )
        upstream = UpstreamLogin(
            user=credential.user or target.user,
            database=facts.database,
            secret=credential.secret,
            parameters=event.login.parameters,
            tls=target.tls,
            replication=event.login.replication,
            client_key=self._host.client_key,
            notice=self._door.notice,
        )
        self._send(self._codec.admit(event, upstream))
        self.pump()

    def _ended(self, reason: str) -> None:
        """The client left, or the codec turned it away before its ticket (no TLS, for example)."""
        if self._turned_away:
            self._finish(self._turned_away)
            return
        if reason == "client.refused" and self._gets_record(NotAdmitted(reason)):
            body = LoginRefused(reason, "", self._door.protocol, self._host.client.address)
            try:
                self._rooms.gate.note_stranger(body)
            except CustodyError as error:
                _log.error("%s: a refusal was not recorded: %s", self._host.id, error.code)
        self._finish(reason)

    async def _refuse(
        self,
        event: LoginReceived,
        target: str,
        reason: str,
        refusal: Refusal,
        who: Admission | NotAdmitted,
    ) -> None:
        if not self._gets_record(who):
            self._turn_away(event, reason, refusal)
            return
        body = LoginRefused(
            reason=reason,
            target=target,
            protocol=self._door.protocol,
            client=self._host.client.address,
            user=event.login.user,
            application=event.login.application,
            subject=who.subject if isinstance(who, NotAdmitted) else who.loop.identity.subject,
        )
        recorded = await self._recorded(
            lambda durable: self._rooms.gate.note_stranger(body, durable)
        )
        if not self._over:
            self._turn_away(event, reason, refusal if recorded else NOT_RECORDED)

    def _turn_away(self, event: LoginReceived, reason: str, refusal: Refusal) -> None:
        """The codec says when all is said: some mechanisms have the client answer a refusal."""
        self._turned_away = reason
        self._send(self._codec.refuse(event, refusal))
        self.pump()

    def _gets_record(self, who: Admission | NotAdmitted) -> bool:
        """Whether this refusal gets a record of its own; the others are recorded as a count."""
        host, _ = self._host.client.peer
        loop = who.loop.id if isinstance(who, Admission) else None
        return self._rooms.strangers.recorded(host, loop, asyncio.get_running_loop().time())

    async def _recorded(self, append: Callable[[Durable], object]) -> bool:
        """Append, and wait until it is durable."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def durable(result: object) -> None:
            if not done.done():
                done.set_result(not isinstance(result, CustodyError))

        try:
            append(durable)
        except CustodyError as error:
            _log.error("%s: %s: %s", self._host.id, error.code, error.fault)
            return False
        return await done

    # The target's side.

    async def _tls_answered(self, event: TlsAnswered) -> None:
        server, target = self._server, self._target
        if server is None or target is None:
            return
        binding = None
        if event.buffered:
            self.fail("target.tls", Refusal("08P01", "custody: the target broke the TLS request"))
            return
        if event.accepted:
            try:
                binding = await secure(target, server)
            except CustodyError as error:
                self.fail(error.code, Refusal("08001", f"custody: {error.fault}", hint=error.cure))
                return
        elif target.tls in ("require", "verify-full"):
            self.fail(
                "target.tls",
                Refusal(
                    "08001",
                    f'custody: target "{target.name}" does not offer TLS, which its '
                    f'`tls = "{target.tls}"` demands',
                ),
            )
            return
        self._send(self._codec.start_server(tls=event.accepted, channel_binding=binding))
        self.pump()

    async def _find(self, event: Inquiry) -> None:
        if self._advisor is not None:
            answer = await self._advisor.find(event.question)
            self._codec.answer(event.question, answer)
            self.pump()

    def _ready(self, event: SessionReady) -> None:
        if self._welcome is None or self._server is None:
            return
        self._over = True
        self._send(event.sends)
        self._host.ready(self._welcome(self._server))
