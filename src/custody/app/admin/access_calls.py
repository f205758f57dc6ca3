"""The admin socket's calls about loops, logins and identities.

Law: a caller on the admin socket runs as the gateway's own account, so its claim of an actor is
accepted; grants and rules still decide what it may do. An answer holds a secret once; an error
never does.
"""

import getpass
import grp
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from custody.access import (
    LOGIN,
    TICKET,
    Exchange,
    ExchangeRequest,
    LoopRequest,
    StartedLogin,
    StartedLoop,
)
from custody.app.access_services import AccessServices
from custody.app.console_faces import GatewayInfo
from custody.gateway.budget.meter import Meter
from custody.gateway.registry import Registry
from custody.identity import local_identity
from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.identity import Budget, Proof
from custody.model.interfaces import TicketAuthenticator
from custody.model.record import AdminAct, Milliseconds, Record
from custody.model.refusal import Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import (
    Effect,
    Exceeded,
    IdentityKind,
    LoginId,
    LoopId,
    Method,
    SessionId,
    TargetName,
)
from custody.recording.recorder import RecordWriter

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=32_768)]
Sentence = Annotated[str, msgspec.Meta(max_length=1024)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Document = dict[str, Any]
Arguments = TypeVar("Arguments", bound=msgspec.Struct)

_LOCAL_MS: Final = 366 * 86_400_000
_KILLED: Final = Refusal(
    RefusalCode.LOOP_OVER, "custody: the operator ended this session", fatal=True
)


class _LoopArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    purpose: Sentence = ""
    targets: tuple[Name, ...] | None = None
    effects: tuple[Effect, ...] | None = None
    ttl_ms: Annotated[int, msgspec.Meta(ge=1000, le=_LOCAL_MS)] | None = None
    client_host: Sentence = ""
    on_behalf_of: Sentence = ""
    commands: Count | None = None
    rows: Count | None = None
    bytes: Count | None = None
    writes: Count | None = None
    denials: Count | None = None
    then: Exceeded = Exceeded.END

    def loop_request(self) -> LoopRequest:
        budget = Budget(self.commands, self.rows, self.bytes, self.writes, self.denials, self.then)
        return LoopRequest(
            purpose=self.purpose,
            targets=None if self.targets is None else tuple(map(TargetName, self.targets)),
            effects=None if self.effects is None else frozenset(self.effects),
            ttl_ms=self.ttl_ms,
            client_host=self.client_host,
            budget=None if budget == Budget(then=self.then) else budget,
            on_behalf_of=self.on_behalf_of,
        )


class LoopStartRequest(_LoopArguments, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without a ``subject``: the account that the gateway runs as, with its groups. With a
    ``ticket``: a child of that ticket's loop.
    """

    ticket: Name | None = None
    subject: Name | None = None
    groups: tuple[Name, ...] = ()
    kind: IdentityKind = IdentityKind.AGENT


class ExchangeArguments(_LoopArguments, frozen=True, forbid_unknown_fields=True, kw_only=True):
    subject_token: Token
    subject_token_type: Name
    actor_token: Token | None = None
    actor_token_type: str = ""
    requested_token_type: Name = TICKET


class TokenArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Name


class IdArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A loop's, a session's or a login's id."""

    id: Name
    actor: Name


class IdentityArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: Name
    issuer: Name
    actor: Name


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class AccessCalls:
    """``exchange``, ``ticket_authenticator`` and ``registry`` are those of a running gateway;
    without it, nothing begins here.
    """

    def __init__(
        self,
        authority: AccessServices,
        meter: Meter,
        recorder: RecordWriter,
        clock: Callable[[], int],
        *,
        exchange: Exchange | None = None,
        ticket_authenticator: TicketAuthenticator | None = None,
        registry: Registry | None = None,
    ) -> None:
        self._authority: Final = authority
        self._meter: Final = meter
        self._recorder: Final = recorder
        self._clock: Final = clock
        self._exchange: Final = exchange
        self._ticket_authenticator: Final = ticket_authenticator
        self._registry: Final = registry
        self._gateway_info: GatewayInfo | None = None
        self._calls: Final[Mapping[str, tuple[type[Any], Callable[[Any], Awaitable[Document]]]]] = {
            "kill": (IdArguments, self._kill),
            "loop.resume": (IdArguments, self._resume),
            "identity.revoke": (IdentityArguments, self._revoke),
            "identity.restore": (IdentityArguments, self._restore),
            "identity.list": (NoArguments, self._revoked),
            "login.list": (NoArguments, self._logins),
            "login.end": (IdArguments, self._end_login),
            **({} if exchange is None else {
                "gateway": (NoArguments, self._gateway),
                "loop.start": (LoopStartRequest, self._start),
                "loop.end": (TokenArguments, self._end),
                "token.exchange": (ExchangeArguments, self._exchanged),
                "token.revoke": (TokenArguments, self._end),
            }),
        }  # fmt: skip

    def set_gateway_info(self, info: GatewayInfo) -> None:
        """The listeners are open: this is what a client on this host is told of them."""
        self._gateway_info = info

    def handles(self, call: str) -> bool:
        return call in self._calls

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and whatever the call raises."""
        wanted, act = self._calls[call]
        return await act(_typed(arguments, wanted))

    async def _gateway(self, _: NoArguments) -> Document:
        if self._gateway_info is None:
            raise CustodyError(
                "admin.starting", "The gateway's listeners are not open yet.", "Try again."
            )
        return _items(msgspec.to_builtins(self._gateway_info))

    # Loops.

    async def _start(self, asked: LoopStartRequest) -> Document:
        loops, request = self._authority.loops, asked.loop_request()
        if asked.ticket is not None:
            return _items(_started(await self._child(asked.ticket, request), self._clock()))
        now = self._clock()
        account = getpass.getuser()
        identity = local_identity(
            asked.subject or account,
            asked.groups if asked.subject or asked.groups else _groups_of(account),
            asked.kind,
        )
        who = Proof(identity, Method.LOCAL, "local", now, now + _LOCAL_MS)
        return _items(_started(await loops.start(who, request, client="local"), now))

    async def _child(self, ticket: str, request: LoopRequest) -> StartedLoop:
        exchange = self._running()
        answer = await exchange.exchange(
            ExchangeRequest(subject=Secret(ticket), subject_type=TICKET, loop_request=request),
            "local",
        )
        if not isinstance(answer, StartedLoop):
            raise CustodyError("admin.failed", "A ticket was exchanged for something else.")
        return answer

    async def _exchanged(self, asked: ExchangeArguments) -> Document:
        answer = await self._running().exchange(
            ExchangeRequest(
                subject=Secret(asked.subject_token),
                subject_type=asked.subject_token_type,
                actor=None if asked.actor_token is None else Secret(asked.actor_token),
                actor_type=asked.actor_token_type,
                requested_type=asked.requested_token_type,
                loop_request=asked.loop_request(),
            ),
            "local",
        )
        match answer:
            case StartedLoop():
                return _items(_started(answer, self._clock()))
            case StartedLogin():
                return _items(_logged_in(answer, self._clock()))

    async def _end(self, asked: TokenArguments) -> Document:
        return _items({"ended": await self._running().revoke(Secret(asked.token), "local")})

    async def _kill(self, asked: IdArguments) -> Document:
        if asked.id.startswith("ses_"):
            return await self._kill_session(SessionId(asked.id), asked.actor)
        if not await self._authority.loops.end(LoopId(asked.id), "killed", asked.actor):
            raise CustodyError(
                "loop.not-found",
                f"There is no loop {asked.id!r} that runs.",
                "`custody loops` shows the loops by their ids.",
            )
        return _items({"id": asked.id, "ended": True})

    async def _kill_session(self, wanted: SessionId, actor: str) -> Document:
        found = [] if self._registry is None else list(self._registry.of(wanted))
        if not found:
            raise CustodyError(
                "session.not-found",
                f"There is no session {wanted!r} that is open.",
                "`custody sessions` shows the sessions by their ids.",
            )
        for session in found:
            session.kill("killed", _KILLED)
        loop = found[0].admission.loop.id if found[0].admission is not None else None
        act = AdminAct("session.kill", actor, wanted)
        await self._recorder.write(Record(Milliseconds(self._clock()), act, loop))
        return _items({"id": wanted, "ended": True})

    async def _resume(self, asked: IdArguments) -> Document:
        """Recorded first: it opens something."""
        loop = LoopId(asked.id)
        tally = self._meter.tally(loop)
        if tally is None or not tally.paused:
            raise CustodyError(
                "loop.not-paused",
                f"There is no loop {asked.id!r} that waits to be let on.",
                "`custody loops` shows the loops by their ids.",
            )
        act = AdminAct("loop.resume", asked.actor, loop, tally.paused)
        await self._recorder.write(Record(Milliseconds(self._clock()), act, loop))
        return _items({"id": loop, "resumed": self._meter.resume(loop)})

    # Identities and logins.

    async def _revoke(self, asked: IdentityArguments) -> Document:
        ended = await self._authority.logins.revoke(asked.issuer, asked.subject, asked.actor)
        return _items({"subject": asked.subject, "issuer": asked.issuer, "loops": ended})

    async def _restore(self, asked: IdentityArguments) -> Document:
        await self._authority.logins.restore(asked.issuer, asked.subject, asked.actor)
        return _items({"subject": asked.subject, "issuer": asked.issuer})

    async def _revoked(self, _: NoArguments) -> Document:
        return _items(
            *(
                {
                    "subject": each.subject,
                    "issuer": each.issuer,
                    "time": moment(each.time),
                    "actor": each.actor,
                }
                for each in await self._authority.logins.revoked_identities()
            )
        )

    async def _logins(self, _: NoArguments) -> Document:
        return _items(
            *(
                {
                    "id": each.id,
                    "identity": each.proof.identity.subject,
                    "issuer": each.proof.identity.issuer,
                    "groups": list(each.proof.identity.groups),
                    "provider": each.proof.provider,
                    "time": moment(each.started),
                    "expires": moment(each.expires),
                }
                for each in await self._authority.logins.list()
            )
        )

    async def _end_login(self, asked: IdArguments) -> Document:
        ended = await self._authority.logins.end(LoginId(asked.id), "revoked")
        if ended:
            act = AdminAct("login.end", asked.actor, asked.id)
            await self._recorder.write(Record(Milliseconds(self._clock()), act))
        return _items({"id": asked.id, "ended": ended})

    def _running(self) -> Exchange:
        if self._exchange is None:
            raise AssertionError("without a gateway this is not called")
        return self._exchange


def _typed(arguments: Mapping[str, object], wanted: type[Arguments]) -> Arguments:
    try:
        return msgspec.convert(dict(arguments), wanted)
    except msgspec.ValidationError as error:
        raise CustodyError(
            "admin.arguments",
            f"The arguments do not fit: {error}.",
            "`--help` says what the command takes.",
        ) from None


def _items(*items: dict[str, Any]) -> Document:
    return {"items": list(items), "next": None}


def _groups_of(account: str) -> tuple[str, ...]:
    """The account's groups on this machine."""
    names = []
    for number in os.getgrouplist(account, os.getgid()):
        try:
            names.append(grp.getgrgid(number).gr_name)
        except KeyError:
            continue  # a group without a name cannot be named by a grant
    return tuple(names)


def _started(started: StartedLoop, now: int) -> dict[str, Any]:
    """As the API's token endpoint answers."""
    loop = started.ticket.loop
    whom = loop.principal
    return {
        "access_token": started.secret.reveal(),
        "issued_token_type": TICKET,
        "token_type": "N_A",
        "expires_in": max(0, (loop.expires - now) // 1000),
        "loop": {
            "id": loop.id,
            "identity": loop.identity.subject,
            "issuer": loop.identity.issuer,
            "groups": list(loop.identity.groups),
            "principal": None if whom is None else msgspec.to_builtins(whom),
            "targets": [
                {
                    "name": each.target,
                    "protocol": each.protocol,
                    "database": each.database,
                    "effects": sorted(each.effects),
                }
                for each in started.reachable
            ],
            "expires": moment(loop.expires),
        },
    }


def _logged_in(made: StartedLogin, now: int) -> dict[str, Any]:
    login = made.login
    return {
        "access_token": made.secret.reveal(),
        "issued_token_type": LOGIN,
        "token_type": "N_A",
        "expires_in": max(0, (login.expires - now) // 1000),
        "login": {
            "id": login.id,
            "identity": msgspec.to_builtins(login.proof.identity),
            "provider": login.proof.provider,
            "expires": moment(login.expires),
        },
    }
