"""The admin socket's calls about loops, logins and identities.

Law: whoever reaches the socket is the gateway's own account, so what it says of itself is taken;
what it may do is decided like anybody's. A secret is in an answer once, and never in a fault.
"""

import getpass
import grp
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from custody.access.interfaces import (
    LOGIN,
    TICKET,
    ExchangeAsked,
    Exchanges,
    LoggedIn,
    LoopWish,
    Started,
)
from custody.app.access_services import Authority
from custody.app.console_faces import GatewayFacts
from custody.gateway.budget.meter import Meter
from custody.gateway.registry import Registry
from custody.identity import local_identity
from custody.model.command import Refusal
from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.identity import Budget, Proof
from custody.model.interfaces import Doorkeeper
from custody.model.record import AdminAct, Milliseconds, Record
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

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=32_768)]
Sentence = Annotated[str, msgspec.Meta(max_length=1024)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Document = dict[str, Any]
Asked = TypeVar("Asked", bound=msgspec.Struct)

_LOCAL_MS: Final = 366 * 86_400_000
_KILLED: Final = Refusal("57P01", "custody: the operator ended this session", fatal=True)


class _Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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

    def wish(self) -> LoopWish:
        budget = Budget(self.commands, self.rows, self.bytes, self.writes, self.denials, self.then)
        return LoopWish(
            purpose=self.purpose,
            targets=None if self.targets is None else tuple(map(TargetName, self.targets)),
            effects=None if self.effects is None else frozenset(self.effects),
            ttl_ms=self.ttl_ms,
            client_host=self.client_host,
            budget=None if budget == Budget(then=self.then) else budget,
            on_behalf_of=self.on_behalf_of,
        )


class LoopStartAsked(_Wish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without a ``subject``: the account that the gateway runs as, with its groups. With a
    ``ticket``: a child of that ticket's loop.
    """

    ticket: Name | None = None
    subject: Name | None = None
    groups: tuple[Name, ...] = ()
    kind: IdentityKind = IdentityKind.AGENT


class ExchangeCall(_Wish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    subject_token: Token
    subject_token_type: Name
    actor_token: Token | None = None
    actor_token_type: str = ""
    requested_token_type: Name = TICKET


class TokenAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Name


class ThingAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A loop's, a session's or a login's id."""

    id: Name
    actor: Name


class IdentityAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: Name
    issuer: Name
    actor: Name


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class AuthorityCalls:
    """``exchange``, ``doorkeeper`` and ``registry`` are those of a running gateway; without it,
    nothing begins here.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        authority: Authority,
        meter: Meter,
        scribe: Callable[[Record], Awaitable[object]],
        clock: Callable[[], int],
        *,
        exchange: Exchanges | None = None,
        doorkeeper: Doorkeeper | None = None,
        registry: Registry | None = None,
    ) -> None:
        self._authority: Final = authority
        self._meter: Final = meter
        self._scribe: Final = scribe
        self._clock: Final = clock
        self._exchange: Final = exchange
        self._doorkeeper: Final = doorkeeper
        self._registry: Final = registry
        self._facts: GatewayFacts | None = None
        self._calls: Final[Mapping[str, tuple[type[Any], Callable[[Any], Awaitable[Document]]]]] = {
            "kill": (ThingAsked, self._kill),
            "loop.resume": (ThingAsked, self._resume),
            "identity.revoke": (IdentityAsked, self._revoke),
            "identity.restore": (IdentityAsked, self._restore),
            "identity.list": (Nothing, self._revoked),
            "login.list": (Nothing, self._logins),
            "login.end": (ThingAsked, self._end_login),
            **({} if exchange is None else {
                "gateway": (Nothing, self._gateway),
                "loop.start": (LoopStartAsked, self._start),
                "loop.end": (TokenAsked, self._end),
                "token.exchange": (ExchangeCall, self._exchanged),
                "token.revoke": (TokenAsked, self._end),
            }),
        }  # fmt: skip

    def open_at(self, facts: GatewayFacts) -> None:
        """The listeners are open: this is what a client on this host is told of them."""
        self._facts = facts

    def knows(self, call: str) -> bool:
        return call in self._calls

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and whatever the call raises."""
        wanted, act = self._calls[call]
        return await act(_typed(arguments, wanted))

    async def _gateway(self, _: Nothing) -> Document:
        if self._facts is None:
            raise CustodyError(
                "admin.starting", "The gateway's listeners are not open yet.", "Try again."
            )
        return _items(msgspec.to_builtins(self._facts))

    # Loops.

    async def _start(self, asked: LoopStartAsked) -> Document:
        loops, wish = self._authority.loops, asked.wish()
        if asked.ticket is not None:
            return _items(_started(await self._child(asked.ticket, wish), self._clock()))
        now = self._clock()
        account = getpass.getuser()
        identity = local_identity(
            asked.subject or account,
            asked.groups if asked.subject or asked.groups else _groups_of(account),
            asked.kind,
        )
        who = Proof(identity, Method.LOCAL, "local", now, now + _LOCAL_MS)
        return _items(_started(await loops.start(who, wish, client="local"), now))

    async def _child(self, ticket: str, wish: LoopWish) -> Started:
        exchange = self._running()
        answer = await exchange.exchange(
            ExchangeAsked(subject=Secret(ticket), subject_type=TICKET, wish=wish), "local"
        )
        if not isinstance(answer, Started):
            raise CustodyError("admin.failed", "A ticket was exchanged for something else.")
        return answer

    async def _exchanged(self, asked: ExchangeCall) -> Document:
        answer = await self._running().exchange(
            ExchangeAsked(
                subject=Secret(asked.subject_token),
                subject_type=asked.subject_token_type,
                actor=None if asked.actor_token is None else Secret(asked.actor_token),
                actor_type=asked.actor_token_type,
                wanted=asked.requested_token_type,
                wish=asked.wish(),
            ),
            "local",
        )
        match answer:
            case Started():
                return _items(_started(answer, self._clock()))
            case LoggedIn():
                return _items(_logged_in(answer, self._clock()))

    async def _end(self, asked: TokenAsked) -> Document:
        return _items({"ended": await self._running().revoke(Secret(asked.token), "local")})

    async def _kill(self, asked: ThingAsked) -> Document:
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
        await self._scribe(Record(Milliseconds(self._clock()), act, loop))
        return _items({"id": wanted, "ended": True})

    async def _resume(self, asked: ThingAsked) -> Document:
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
        await self._scribe(Record(Milliseconds(self._clock()), act, loop))
        return _items({"id": loop, "resumed": self._meter.resume(loop)})

    # Identities and logins.

    async def _revoke(self, asked: IdentityAsked) -> Document:
        ended = await self._authority.logins.revoke(asked.issuer, asked.subject, asked.actor)
        return _items({"subject": asked.subject, "issuer": asked.issuer, "loops": ended})

    async def _restore(self, asked: IdentityAsked) -> Document:
        await self._authority.logins.restore(asked.issuer, asked.subject, asked.actor)
        return _items({"subject": asked.subject, "issuer": asked.issuer})

    async def _revoked(self, _: Nothing) -> Document:
        return _items(
            *(
                {
                    "subject": each.subject,
                    "issuer": each.issuer,
                    "time": moment(each.time),
                    "actor": each.actor,
                }
                for each in await self._authority.logins.revoked()
            )
        )

    async def _logins(self, _: Nothing) -> Document:
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

    async def _end_login(self, asked: ThingAsked) -> Document:
        ended = await self._authority.logins.end(LoginId(asked.id), "revoked")
        if ended:
            act = AdminAct("login.end", asked.actor, asked.id)
            await self._scribe(Record(Milliseconds(self._clock()), act))
        return _items({"id": asked.id, "ended": ended})

    def _running(self) -> Exchanges:
        if self._exchange is None:
            raise AssertionError("without a gateway this is not called")
        return self._exchange


def _typed(arguments: Mapping[str, object], wanted: type[Asked]) -> Asked:
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


def _started(started: Started, now: int) -> dict[str, Any]:
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


def _logged_in(made: LoggedIn, now: int) -> dict[str, Any]:
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
