"""The admin socket's calls that end loops, sessions and logins, and keep identities out.

Law: whoever reaches the socket is the gateway's own account, so what it says of itself is taken.
What it did is on the record.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

import msgspec

from custody.app.admin.documents import Document, NoArguments, document, typed
from custody.app.gateway import Gateway, clock
from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.record import Record
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import LoginId, LoopId, SessionId

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]

_KILLED: Final = Refusal(
    RefusalCode.LOOP_OVER, "custody: the operator ended this session", fatal=True
)


class IdArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A loop's, a session's or a login's id."""

    id: Name
    actor: Name


class IdentityArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: Name
    issuer: Name
    actor: Name


class AccessCalls:
    def __init__(self, gateway: Gateway) -> None:
        self._access: Final = gateway.access
        self._meter: Final = gateway.meter
        self._registry: Final = gateway.registry
        self._write: Final = gateway.recorder.write
        self._calls: Final[Mapping[str, tuple[type[Any], Callable[[Any], Awaitable[Document]]]]] = {
            "kill": (IdArguments, self._kill),
            "loop.resume": (IdArguments, self._resume),
            "identity.revoke": (IdentityArguments, self._revoke),
            "identity.restore": (IdentityArguments, self._restore),
            "identity.list": (NoArguments, self._revoked),
            "login.list": (NoArguments, self._logins),
            "login.end": (IdArguments, self._end_login),
        }

    def handles(self, call: str) -> bool:
        return call in self._calls

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and whatever the call raises."""
        wanted, act = self._calls[call]
        return await act(typed(arguments, wanted))

    # Loops.

    async def _kill(self, asked: IdArguments) -> Document:
        if asked.id.startswith("ses_"):
            return await self._kill_session(SessionId(asked.id), asked.actor)
        if not await self._access.loops.end(LoopId(asked.id), "killed", asked.actor):
            raise CustodyError(
                "loop.not-found",
                f"There is no loop {asked.id!r} that runs.",
                "`custody loops` shows the loops by their ids.",
            )
        return document({"id": asked.id, "ended": True})

    async def _kill_session(self, wanted: SessionId, actor: str) -> Document:
        found = list(self._registry.of(wanted))
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
        await self._write(Record(clock(), act, loop))
        return document({"id": wanted, "ended": True})

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
        await self._write(Record(clock(), act, loop))
        return document({"id": loop, "resumed": self._meter.resume(loop)})

    # Identities and logins.

    async def _revoke(self, asked: IdentityArguments) -> Document:
        ended = await self._access.logins.revoke(asked.issuer, asked.subject, asked.actor)
        return document({"subject": asked.subject, "issuer": asked.issuer, "loops": ended})

    async def _restore(self, asked: IdentityArguments) -> Document:
        await self._access.logins.restore(asked.issuer, asked.subject, asked.actor)
        return document({"subject": asked.subject, "issuer": asked.issuer})

    async def _revoked(self, _: NoArguments) -> Document:
        return document(
            *(
                {
                    "subject": each.subject,
                    "issuer": each.issuer,
                    "time": moment(each.time),
                    "actor": each.actor,
                }
                for each in await self._access.logins.revoked_identities()
            )
        )

    async def _logins(self, _: NoArguments) -> Document:
        return document(
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
                for each in await self._access.logins.list()
            )
        )

    async def _end_login(self, asked: IdArguments) -> Document:
        ended = await self._access.logins.end(LoginId(asked.id), "revoked")
        if ended:
            act = AdminAct("login.end", asked.actor, asked.id)
            await self._write(Record(clock(), act))
        return document({"id": asked.id, "ended": ended})
