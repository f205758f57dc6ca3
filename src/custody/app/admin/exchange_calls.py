"""The admin socket's calls that begin loops, and end them by their tickets.

Law: whoever reaches the socket is the gateway's own account, so what it says of itself is taken;
what it may do is decided like anybody's. A secret is in an answer once, and never in a fault.
"""

import getpass
import grp
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

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
from custody.app.admin.access_calls import Name
from custody.app.admin.documents import Document, NoArguments, document, typed
from custody.app.console_faces import GatewayInfo
from custody.app.gateway import Gateway, clock
from custody.identity import local_identity
from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.identity import Budget, Proof
from custody.model.secret import Secret
from custody.model.words import Effect, Exceeded, IdentityKind, Method, TargetName

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=32_768)]
Sentence = Annotated[str, msgspec.Meta(max_length=1024)]
Count = Annotated[int, msgspec.Meta(ge=0)]

_LOCAL_MS: Final = 366 * 86_400_000


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

    def wish(self) -> LoopRequest:
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


class ExchangeCalls:
    """``facts`` gives what a client on this host is told of the listeners; raises
    ``admin.starting`` until they are open.
    """

    def __init__(
        self, gateway: Gateway, exchange: Exchange, facts: Callable[[], GatewayInfo]
    ) -> None:
        self._loops: Final = gateway.access.loops
        self._exchange: Final = exchange
        self._facts: Final = facts
        self._calls: Final[Mapping[str, tuple[type[Any], Callable[[Any], Awaitable[Document]]]]] = {
            "gateway": (NoArguments, self._gateway),
            "loop.start": (LoopStartRequest, self._start),
            "loop.end": (TokenArguments, self._end),
            "token.exchange": (ExchangeArguments, self._exchanged),
            "token.revoke": (TokenArguments, self._end),
        }

    def handles(self, call: str) -> bool:
        return call in self._calls

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and whatever the call raises."""
        wanted, act = self._calls[call]
        return await act(typed(arguments, wanted))

    async def _gateway(self, _: NoArguments) -> Document:
        return document(msgspec.to_builtins(self._facts()))

    async def _start(self, asked: LoopStartRequest) -> Document:
        wish = asked.wish()
        if asked.ticket is not None:
            return document(_started(await self._child(asked.ticket, wish), clock()))
        now = clock()
        account = getpass.getuser()
        identity = local_identity(
            asked.subject or account,
            asked.groups if asked.subject or asked.groups else _groups_of(account),
            asked.kind,
        )
        who = Proof(identity, Method.LOCAL, "local", now, now + _LOCAL_MS)
        return document(_started(await self._loops.start(who, wish, client="local"), now))

    async def _child(self, ticket: str, wish: LoopRequest) -> StartedLoop:
        answer = await self._exchange.exchange(
            ExchangeRequest(subject=Secret(ticket), subject_type=TICKET, loop_request=wish), "local"
        )
        if not isinstance(answer, StartedLoop):
            raise CustodyError("admin.failed", "A ticket was exchanged for something else.")
        return answer

    async def _exchanged(self, asked: ExchangeArguments) -> Document:
        answer = await self._exchange.exchange(
            ExchangeRequest(
                subject=Secret(asked.subject_token),
                subject_type=asked.subject_token_type,
                actor=None if asked.actor_token is None else Secret(asked.actor_token),
                actor_type=asked.actor_token_type,
                requested_type=asked.requested_token_type,
                loop_request=asked.wish(),
            ),
            "local",
        )
        match answer:
            case StartedLoop():
                return document(_started(answer, clock()))
            case StartedLogin():
                return document(_logged_in(answer, clock()))

    async def _end(self, asked: TokenArguments) -> Document:
        return document({"ended": await self._exchange.revoke(Secret(asked.token), "local")})


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
