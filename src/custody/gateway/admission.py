"""Who may come in, whatever the wire.

Law: ticket (or token), then grant, then the record, then the target's credential. A caller is told
of a refusal once it is on the record, and comes in once the session's first record is on disk. "No
such target" and "not yours" are one answer, in the same words and after the same work.

What has a token's shape is never looked at as a ticket. A token is weighed by its issuer's checks
alone; where none are set up for it, it is not known, like any other secret.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.session_refusals import (
    IDLE,
    MASKS_CHANGED,
    NOT_RECORDED,
    no_stream,
    not_authenticated,
    not_yours,
    past_use,
)
from custody.gateway.target import Target
from custody.model.errors import CustodyError
from custody.model.event import LoginRequest
from custody.model.identity import Admission, NotAdmitted, Session
from custody.model.interfaces import Durable
from custody.model.record import LoginRefused, SessionStart
from custody.model.refusal import Refusal
from custody.model.secret import Secret
from custody.model.words import SessionId, TargetName
from custody.recording.event_lines import EventLines
from custody.recording.recorder import durable

UNKNOWN_TOKEN: Final = "token.unknown"  # noqa: S105 - a reason's name
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_log: Final = logging.getLogger("custody.login")
_turned_away: Final = EventLines(_log, logging.WARNING)
_begun: Final = EventLines(_log, logging.INFO)


class Caller(Protocol):
    """A connection that asks to come in."""

    id: SessionId

    @property
    def address(self) -> str:
        """``host:port``, for the record."""
        ...

    @property
    def host(self) -> str:
        """The address alone, for the rate of refusals."""
        ...

    @property
    def tls(self) -> str:
        """What its TLS came to; empty for clear text."""
        ...

    @property
    def left(self) -> bool:
        """It is gone, or was turned away: nothing more is decided for it."""
        ...

    def authenticated(self, admission: Admission, session: Session) -> None:
        """Its session's first record is queued: from here on its end is due."""
        ...


class Admitted(msgspec.Struct, frozen=True):
    admission: Admission
    session: Session
    target: Target


class TurnedAway(msgspec.Struct, frozen=True):
    """Why a caller does not come in, and what it is told."""

    reason: str
    refusal: Refusal


class AdmissionControl:
    """Of one listener's callers."""

    def __init__(self, services: SessionServices, spec: ListenerSpec) -> None:
        self._services: Final = services
        self._spec: Final = spec
        self._codec_generation: Final = services.codec_generation

    async def admit(
        self, caller: Caller, secret: Secret, login: LoginRequest
    ) -> Admitted | TurnedAway | None:
        """``None`` where the caller left before it was known who it is. Raises nothing."""
        who = await authenticate(self._services, self._spec, secret, caller.address)
        if caller.left:
            return None
        name = self._spec.target or TargetName(login.target)
        if isinstance(who, NotAdmitted):
            refusal = not_authenticated(who.reason, bearer=self._spec.bearer is not None)
            return await self._refuse(caller, login, name, TurnedAway(who.reason, refusal), who)
        return await self._weigh(caller, login, name, who)

    async def _weigh(
        self, caller: Caller, login: LoginRequest, name: TargetName, admission: Admission
    ) -> Admitted | TurnedAway:
        """Whether that loop may use that target; if so, the session's first record."""
        services, spec = self._services, self._spec
        if services.codec_generation != self._codec_generation:
            # The connection was opened, and its codec made, before masks that it cannot follow.
            refused = TurnedAway("masks.changed", MASKS_CHANGED)
            return await self._refuse(caller, login, name, refused, admission)
        loop, now = admission.loop, services.clock()
        granted = services.policy.admits(loop, name, now)
        target = services.targets.get(name)
        if target is None or not granted or target.protocol != spec.protocol:
            reason = "grant.missing" if target is not None else "target.unknown"
            refused = TurnedAway(reason, not_yours(login.target))
            return await self._refuse(caller, login, name, refused, admission)
        stream = login.stream
        if stream and not services.policy.admits_stream(loop, name, stream, now):
            refused = TurnedAway(f"grant.{stream}", no_stream(stream))
            return await self._refuse(caller, login, name, refused, admission)
        session = Session(
            id=caller.id,
            loop=loop,
            target=target.name,
            protocol=spec.protocol,
            client=caller.address,
            user=login.user,
            database=login.database or target.database,
            application=login.application,
            started=now,
        )
        start = SessionStart(
            target=target.name,
            protocol=session.protocol,
            subject=loop.identity.subject,
            issuer=loop.identity.issuer,
            groups=loop.identity.groups,
            client=session.client,
            user=session.user,
            database=session.database,
            application=session.application,
            tls=caller.tls,
            parameters=login.parameters,
        )

        def begin(heard: Durable) -> None:
            services.gate.note(session, start, heard)
            # From here on its end is due, even if the caller leaves before this is on disk.
            caller.authenticated(admission, session)

        if not await self._recorded(caller, begin):
            return TurnedAway("log", NOT_RECORDED)
        services.gate.counts.sessions[spec.protocol] += 1
        _begun.write(
            "a session began",
            session=session.id,
            loop=loop.id,
            target=session.target,
            client=session.client,
        )
        return Admitted(admission, session, target)

    async def _refuse(
        self,
        caller: Caller,
        login: LoginRequest,
        target: str,
        refused: TurnedAway,
        who: Admission | NotAdmitted,
    ) -> TurnedAway:
        self._services.gate.counts.logins_refused[self._spec.protocol] += 1
        _turned_away.write(
            "a caller was turned away",
            reason=refused.reason,
            protocol=self._spec.protocol,
            client=caller.address,
            session=caller.id,
        )
        if not self._gets_record(caller, who):
            return refused
        body = LoginRefused(
            reason=refused.reason,
            target=target,
            protocol=self._spec.protocol,
            client=caller.address,
            user=login.user,
            application=login.application,
            subject=who.subject if isinstance(who, NotAdmitted) else who.loop.identity.subject,
        )
        gate = self._services.gate
        if await self._recorded(caller, lambda heard: gate.note_without_session(body, heard)):
            return refused
        return TurnedAway(refused.reason, NOT_RECORDED)

    def note_refused_early(self, caller: Caller, reason: str) -> None:
        """Somebody was turned away by the protocol itself, before a secret came."""
        self._services.gate.counts.logins_refused[self._spec.protocol] += 1
        if not self._gets_record(caller, NotAdmitted(reason)):
            return
        body = LoginRefused(reason, "", self._spec.protocol, caller.address)
        try:
            self._services.gate.note_without_session(body)
        except CustodyError as error:
            _log.error("%s: a refusal was not recorded: %s", caller.id, error.code)

    def lapsed(self, admission: Admission | None, idle_s: float) -> TurnedAway | None:
        """Why an open session must end now: its ticket, its loop or its time is over."""
        now = self._services.clock()
        if admission is not None and not self._services.ticket_authenticator.still_admits(
            admission, now
        ):
            return TurnedAway("ticket.over", past_use(admission, now))
        if self._spec.idle_timeout_s and idle_s > self._spec.idle_timeout_s:
            return TurnedAway("idle", IDLE)
        return None

    def _gets_record(self, caller: Caller, who: Admission | NotAdmitted) -> bool:
        """Whether this refusal gets a record of its own; the others are recorded as a count."""
        loop = who.loop.id if isinstance(who, Admission) else None
        now = asyncio.get_running_loop().time()
        return self._services.refusal_rate.admits_record(caller.host, loop, now)

    @staticmethod
    async def _recorded(caller: Caller, append: Callable[[Durable], object]) -> bool:
        try:
            await durable(append)
        except CustodyError as error:
            _log.error("%s: %s: %s", caller.id, error.code, error.fault)
            return False
        return True


def is_token(secret: Secret) -> bool:
    """Whether it is written as a JSON Web Signature is (RFC 7515 §7.1): three base64url parts. No
    ticket is: it has no dot.
    """
    return _TOKEN.fullmatch(secret.reveal()) is not None


async def authenticate(
    services: SessionServices, spec: ListenerSpec, secret: Secret, client: str
) -> Admission | NotAdmitted:
    """The admission, or why not. Only a token's issuer may have to be waited for."""
    if spec.bearer is not None:
        return await spec.bearer.admit(secret, client, services.clock())
    if not is_token(secret):
        found = services.ticket_authenticator.authenticate(secret, services.clock())
        return NotAdmitted(found) if isinstance(found, str) else found
    if services.tokens is None:
        return NotAdmitted(UNKNOWN_TOKEN)
    return await services.tokens.admit(secret, client, services.clock())
