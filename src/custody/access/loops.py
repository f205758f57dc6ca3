"""Where loops begin and end, and nowhere else.

Law: whether a loop may begin is a decision with a record; it opens nothing before its start is on
the record. ``end`` takes effect first; the end of the loop and of each loop below it is then
recorded, exactly once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from custody.access.requests import LoopRequest, StartedLoop
from custody.access.terms import LoopTerms
from custody.identity import mint_ticket
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.identity import Admission, Identity, Loop, Proof, RememberedLogin, Tally, Ticket
from custody.model.record import Body, LoginAccepted, LoopEnd, LoopStart, Milliseconds, Record
from custody.model.words import Exceeded, LoginId, LoopId, Method
from custody.policy import Limit
from custody.recording.recorder import RecordWriter
from custody.recording.refused_logins import RefusedLogins
from custody.state import NOT_KEPT, EndedLoop, PresentedToken, State, TokenLoop

_log: Final = logging.getLogger("custody.loops")

Result = TypeVar("Result")
EndListener = Callable[[LoopId, str], object]
"""Called with each loop that ended, and why; must not wait."""


REFUSALS: Final = frozenset({"loop", "identity", "login"})
"""What codes of refusals begin with."""


class InStateThread(Protocol):
    """Runs an act on the state database beside the event loop: in order, whole, and raising as it
    does.
    """

    def __call__(self, act: Callable[[], Result], /) -> Awaitable[Result]: ...


class LoopAccounts(Protocol):
    """Where a running gateway counts what loops use: ``custody.gateway.budget.meter.Meter``."""

    def open_account(self, loop: Loop, limits: Sequence[Limit], tally: Tally | None = None) -> None:
        """Raises ``loop.ended`` where the loop above it has no account."""
        ...

    def close_account(self, loop: LoopId) -> None: ...


class LoopService:
    """The only place where a loop begins or ends. ``clock`` gives Unix milliseconds.

    ``client`` is the address that a request came from, for the record.
    """

    def __init__(
        self,
        state: State,
        in_state_thread: InStateThread,
        recorder: RecordWriter,
        terms: LoopTerms,
        refused: RefusedLogins,
        *,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        accounts: LoopAccounts,
    ) -> None:
        self._state: Final = state
        self._in_state_thread: Final = in_state_thread
        self._recorder: Final = recorder
        self._terms: Final = terms
        self._refused: Final = refused
        self._clock: Final = clock
        self._entropy: Final = entropy
        self._accounts: Final = accounts
        self._end_listeners: Final[list[EndListener]] = [
            lambda loop, _: self._accounts.close_account(loop)
        ]
        self._starting: Final[dict[LoopId, str]] = {}
        """Loops on their way to the record, with the reason for which one has ended meanwhile."""
        self._abandoned: Final[dict[LoopId, bool]] = {}
        """Loops whose asker went away as they began, and whether a start may be on the record."""
        self._recording: Final = asyncio.Lock()

    def add_end_listener(self, listener: EndListener) -> None:
        """From now on, call this for each loop that ends."""
        self._end_listeners.append(listener)

    # Beginnings.

    async def start(
        self,
        who: Proof,
        request: LoopRequest,
        *,
        login: RememberedLogin | None = None,
        actor: Proof | None = None,
        client: str = "",
        token: PresentedToken | None = None,
    ) -> StartedLoop:
        """With an ``actor``, ``who`` is the one that it acts for. A ``token`` was brought at a
        listener, which records a refusal itself.

        Raises ``CustodyError``: ``loop.no-grant``, ``loop.scope``, ``loop.too-long``,
        ``loop.concurrency``, ``loop.budget``, ``identity.revoked``, ``login.local-off``; that
        refusal is on the record then.
        """
        now = self._clock()
        loop = self._terms.loop(
            who, request, login=login, actor=actor, now=now, entropy=self._entropy
        )
        try:
            self._terms.check(loop, who, request, now=now)
            proofs = [] if login is not None else [who]
            proofs += [] if actor is None else [actor]
            said = [
                _accepted(proof, client) for proof in proofs if proof.method is not Method.LOCAL
            ]
            return await self._begin(loop, said, lambda _: (), token)
        except CustodyError as error:
            if token is None:
                await self._refuse(error, loop, client)
            raise

    async def loops_of_token(self, token: bytes) -> Sequence[TokenLoop]:
        """What the token of this digest began and what has not lapsed since."""
        return await self._in_state_thread(
            lambda: self._state.tokens.loops_of(token, self._clock())
        )

    async def vouch(
        self, who: Proof, request: LoopRequest, act: Callable[[Ticket], AdminAct]
    ) -> StartedLoop:
        """A loop that the operator asks for. It may lack a grant, which may be written later; a
        command of it is then refused all the same. ``act`` is recorded with it.
        """
        now = self._clock()
        loop = self._terms.loop(who, request, now=now, entropy=self._entropy)
        try:
            self._terms.check_local(who)
            return await self._begin(loop, (), lambda ticket: (act(ticket),))
        except CustodyError as error:
            await self._refuse(error, loop, "")
            raise

    async def child(
        self, parent: Admission, request: LoopRequest, *, client: str = ""
    ) -> StartedLoop:
        """A loop under a running one, never wider than it. Raises as ``start`` does, and
        ``loop.ended`` where the parent is over.
        """
        now = self._clock()
        loop = self._terms.child(parent.loop, request, now=now, entropy=self._entropy)
        try:
            loop = self._terms.check_child(loop, parent.loop, request, now=now)
            return await self._begin(loop, (), lambda _: ())
        except CustodyError as error:
            await self._refuse(error, loop, client)
            raise

    async def _begin(
        self,
        loop: Loop,
        said: Sequence[Body],
        also: Callable[[Ticket], Sequence[Body]],
        token: PresentedToken | None = None,
    ) -> StartedLoop:
        """Reserve, record, open: in this order."""
        self._starting[loop.id] = ""
        begun = False
        try:
            await self._in_state_thread(
                lambda: self._state.loops.reserve(
                    loop, loop.started, lambda running: self._terms.check_room(loop, running), token
                )
            )
            secret, ticket = mint_ticket(loop, now=loop.started, entropy=self._entropy)
            recorded = False
            try:
                for body in said:
                    await self._record(body, loop.id)
                begun = True
                await self._record(LoopStart(loop, ticket.id), loop.id)
                recorded = True
                for body in also(ticket):
                    await self._record(body, loop.id)
                if not self._starting[loop.id]:
                    self._accounts.open_account(loop, self._terms.limits(loop))
                await self._in_state_thread(lambda: self._state.add_ticket(ticket))
            except CustodyError:
                await self._give_up(loop, recorded=recorded)
                raise
        except asyncio.CancelledError:
            self._abandoned[loop.id] = begun
            raise
        finally:
            ended = self._starting.pop(loop.id, "")
        if ended:
            self._accounts.close_account(loop.id)
            await self.record_ends()
            raise CustodyError("loop.ended", f"The loop was ended as it began: {ended}.")
        return StartedLoop(secret, ticket, self._terms.reachable(loop, loop.started))

    async def _give_up(self, loop: Loop, *, recorded: bool) -> None:
        """It has no ticket to go on with; where its start is on the record, its end will be."""
        self._accounts.close_account(loop.id)
        try:
            if recorded:
                self._starting.pop(loop.id, None)
                await self.end(loop.id, NOT_KEPT, "")
            else:
                await self._in_state_thread(lambda: self._state.loops.drop(loop.id))
        except CustodyError as error:
            _log.error("%s, which has no ticket, was not ended: %s", loop.id, error.code)

    async def _refuse(self, error: CustodyError, loop: Loop, client: str) -> None:
        if error.code.partition(".")[0] not in REFUSALS:
            return  # a fault of ours, which decided nothing
        scope = loop.scope
        await self._refused.record(
            error.code,
            client=client,
            subject=loop.identity.subject,
            target=", ".join(scope.targets or ()) if scope is not None else "",
            protocol="loop",
            loop=loop.parent,
        )

    # Ends.

    async def end(self, loop: LoopId, reason: str, actor: str) -> bool:
        """End a loop and all below it, with their sessions. False where it was over already. With
        an ``actor``, that somebody ended it is a record of its own.

        Raises ``loop.not-recorded`` where it has ended, but the record could not be made yet.
        """
        ended = await self._in_state_thread(
            lambda: self._state.loops.end(loop, self._clock(), reason)
        )
        if not ended:
            return False
        self.notify_ended(ended)
        try:
            if actor:
                await self._record(AdminAct("loop.end", actor, loop, reason), loop)
        except CustodyError as error:
            raise CustodyError(
                "loop.not-recorded",
                f"{loop} has ended, but that could not be recorded: {error.fault}",
                error.cure,
            ) from error
        await self.record_ends()
        return True

    async def end_exhausted(self, loop: LoopId, reason: str) -> None:
        """A budget ends the loop: its sessions first. Raises nothing."""
        try:
            self.notify_ended([EndedLoop(loop, reason)])
            await self.end(loop, reason, "")
        except CustodyError as error:
            _log.error("%s, which has used up its budget, was not ended: %s", loop, error.code)

    def notify_ended(self, ended: Sequence[EndedLoop]) -> None:
        """Call the end listeners, at once."""
        for each in ended:
            if each.loop in self._starting:
                self._starting[each.loop] = each.reason
            for listener in self._end_listeners:
                listener(each.loop, each.reason)

    async def record_ends(self) -> None:
        """Record the ends that are not recorded yet. An end whose record fails is tried again by
        the next call. Raises ``CustodyError`` of the state database only.
        """
        async with self._recording:
            for each in await self._in_state_thread(self._state.loops.unrecorded):
                if each.loop in self._starting:
                    continue  # its start is on its way to the record, and comes first
                try:
                    await self._record(LoopEnd(each.reason), each.loop)
                except CustodyError as error:
                    _log.error("ends of loops were not recorded: %s", error.code)
                    return
                await self._in_state_thread(partial(self._state.loops.mark_recorded, each.loop))

    async def lapse(self) -> int:
        """End every loop whose time is over. How many there were."""
        for loop, begun in list(self._abandoned.items()):
            if begun:
                await self.end(loop, NOT_KEPT, "")
            else:
                await self._in_state_thread(partial(self._state.loops.drop, loop))
            del self._abandoned[loop]
        ended = await self._in_state_thread(lambda: self._state.loops.lapse(self._clock()))
        self.notify_ended(ended)
        await self.record_ends()
        return len(ended)

    async def end_local(self) -> int:
        """``local = false``: what the operator alone vouched for is over."""
        ended = await self._in_state_thread(
            lambda: self._state.loops.end_of_identity(
                "local", None, self._clock(), "login.local-off"
            )
        )
        self.notify_ended(ended)
        await self.record_ends()
        return len(ended)

    # After a start.

    async def resume_accounts(self) -> None:
        """At a start of the gateway: count on where it stopped, and end what a crash left open."""
        await self._in_state_thread(lambda: self._state.loops.end_unstarted(self._clock()))
        tallies = await self._in_state_thread(self._state.budgets.load)
        exhausted = []
        for loop in await self._in_state_thread(self._state.loops.all_open):
            limits, tally = self._terms.limits(loop), tallies.get(loop.id)
            self._accounts.open_account(loop, limits, tally)
            paused = "" if tally is None else tally.paused
            if any(each.quantity == paused and each.then is Exceeded.END for each in limits):
                exhausted.append((loop.id, f"budget.{paused}"))
        for ending, reason in exhausted:  # now that loops below them have their accounts
            await self.end_exhausted(ending, reason)
        await self.record_ends()

    async def limits_of_open(self, terms: LoopTerms) -> Sequence[tuple[LoopId, Sequence[Limit]]]:
        """What every open loop may use, by those terms."""
        loops = await self._in_state_thread(self._state.loops.all_open)
        return [(loop.id, terms.limits(loop)) for loop in loops]

    async def end_for_lost_groups(self, login: LoginId, after: Identity) -> int:
        """What the provider says now: end the login's loops that rest on what is gone, whenever it
        went. A crash may have come between a change and this.
        """
        gone = 0
        for loop in await self._in_state_thread(partial(self._state.loops.of_login, login)):
            # The login is of whom the loop acts for, where it acts for somebody.
            if self._terms.narrows(loop, loop.principal or loop.identity, after):
                gone += await self.end(loop.id, "groups.changed", "")
        return gone

    async def _record(self, body: Body, loop: LoopId) -> None:
        await self._recorder.write(Record(Milliseconds(self._clock()), body, loop))


def _accepted(proof: Proof, client: str) -> LoginAccepted:
    return LoginAccepted(
        "",
        proof.identity,
        proof.method,
        proof.provider,
        client,
        proof.expires,
        proof.facts,
    )
