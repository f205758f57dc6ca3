"""Making, listing and withdrawing tickets, on the record.

Law: a ticket that opens something has its ``loop.start`` in the evidence before it works; a
withdrawal works first and is recorded then, since a broken log must not keep a door open. The
secret is given back once and kept nowhere.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Protocol

import msgspec

from custody.access.loops import InStateThread, LoopService
from custody.access.requests import LoopRequest
from custody.identity import local_identity
from custody.model.durations import duration_words, moment
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.identity import Identity, Proof, Ticket
from custody.model.record import Milliseconds, Record
from custody.model.words import IdentityKind, LoopId, Method, TicketId
from custody.recording.recorder import RecordWriter
from custody.state import EndedLoop

LONGEST_TTL_MS: Final = 366 * 86_400_000
MOST_LISTED: Final = 1000
KEPT_AFTER_END_MS: Final = 30 * 86_400_000
"""How long ``ticket list`` still knows a ticket after its loop ended."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Sentence = Annotated[str, msgspec.Meta(max_length=1024)]

LongestLoop = Callable[[Identity], int | None]
"""How old a loop of this identity may grow at most, ms; ``None``: no limit, 0: it has no grant."""


class TicketCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket for a new loop of a local identity."""

    subject: Name
    groups: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)]
    ttl_ms: Annotated[int, msgspec.Meta(ge=1000, le=LONGEST_TTL_MS)]
    actor: Name
    """Who asks for it: the operator's account."""
    purpose: Sentence = ""
    on_behalf_of: Sentence = ""
    kind: IdentityKind = IdentityKind.AGENT


class TicketList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LISTED)] = 100


class TicketRevoke(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Name
    actor: Name


class TicketStore(Protocol):
    """What is asked of the state database."""

    def revoke(self, ticket: TicketId, now: int) -> Ticket: ...

    def end_loop(self, loop: LoopId, now: int, reason: str) -> Sequence[EndedLoop]: ...

    def tickets(self, *, loop: LoopId | None = None, limit: int = 1000) -> Sequence[Ticket]: ...

    def forget(self, before: int) -> int: ...


class TicketService:
    """``clock`` gives milliseconds since the Unix epoch. Loops begin and end at ``loops``."""

    def __init__(
        self,
        state: TicketStore,
        in_state_thread: InStateThread,
        recorder: RecordWriter,
        loops: LoopService,
        *,
        clock: Callable[[], int],
        longest_loop: LongestLoop,
    ) -> None:
        self._state: Final = state
        self._in_state_thread: Final = in_state_thread
        self._recorder: Final = recorder
        self._loops: Final = loops
        self._clock: Final = clock
        self._longest_loop: Final = longest_loop

    async def create(self, asked: TicketCreate) -> dict[str, Any]:
        """The ticket as ``list`` shows it, with its ``secret``, which is shown this once.

        Raises ``ticket.too-long`` where no grant of the identity lets a loop grow so old, and
        ``login.local-off``, ``loop.concurrency``, ``identity.revoked``.
        """
        now = self._clock()
        identity = local_identity(asked.subject, asked.groups, asked.kind)
        self._check_length(asked.ttl_ms, self._longest_loop(identity))
        started = await self._loops.vouch(
            Proof(identity, Method.LOCAL, "local", now, now + asked.ttl_ms),
            LoopRequest(
                purpose=asked.purpose, ttl_ms=asked.ttl_ms, on_behalf_of=asked.on_behalf_of
            ),
            lambda ticket: AdminAct("ticket.create", asked.actor, ticket.id),
        )
        return {**_item(started.ticket, now), "secret": started.secret.reveal()}

    @staticmethod
    def _check_length(asked: int, longest: int | None) -> None:
        if longest and asked > longest:
            allowed = duration_words(longest)
            raise CustodyError(
                "ticket.too-long",
                f"The ticket would hold for {duration_words(asked)}, but no grant of this identity "
                f"lets a loop grow older than {allowed}.",
                f"Ask for --ttl {allowed} or less, or raise `max_loop` of the grant.",
            )

    async def list(self, asked: TicketList) -> list[dict[str, Any]]:
        """The newest first."""
        now = self._clock()
        found = await self._in_state_thread(lambda: self._state.tickets(limit=asked.limit))
        return [_item(ticket, now) for ticket in found]

    async def revoke(self, asked: TicketRevoke) -> dict[str, Any]:
        """Withdraw a ticket, and end its loop if no other ticket of it holds.

        Raises ``ticket.not-found``; ``ticket.not-recorded`` where the ticket was withdrawn but the
        record of it could not be made.
        """
        now = self._clock()
        ticket, ended = await self._in_state_thread(lambda: self._withdraw(TicketId(asked.id), now))
        self._loops.notify_ended(ended)
        try:
            act = AdminAct("ticket.revoke", asked.actor, ticket.id)
            await self._recorder.write(Record(Milliseconds(now), act, ticket.loop.id))
        except CustodyError as error:
            raise CustodyError(
                "ticket.not-recorded",
                f"Ticket {ticket.id} is withdrawn, but that could not be recorded: {error.fault}",
                error.cure,
            ) from error
        await self._loops.record_ends()
        return _item(ticket, now)

    def _withdraw(self, wanted: TicketId, now: int) -> tuple[Ticket, Sequence[EndedLoop]]:
        """The ticket, and the loops that ended with it."""
        ticket = self._state.revoke(wanted, now)
        others = self._state.tickets(loop=ticket.loop.id)
        last = not any(_state(other, now) == "valid" for other in others)
        return ticket, self._state.end_loop(ticket.loop.id, now, "ticket.revoked") if last else ()

    async def forget(self) -> int:
        """Delete what ended long ago from the state database. How many tickets went.

        Nothing is recorded: the evidence has their loops' starts and ends, and keeps them.
        """
        before = self._clock() - KEPT_AFTER_END_MS
        return await self._in_state_thread(lambda: self._state.forget(before))


def _state(ticket: Ticket, now: int) -> str:
    ends = min(ticket.expires, ticket.loop.expires)
    if ticket.revoked is not None:
        return "revoked"
    if ticket.ended is not None and ticket.ended < ends:
        return "ended"  # with its loop, as after each `custody run`
    return "expired" if now >= ends else "valid"


def _item(ticket: Ticket, now: int) -> dict[str, Any]:
    identity = ticket.loop.identity
    return {
        "id": ticket.id,
        "time": moment(ticket.created),
        "loop": ticket.loop.id,
        "identity": identity.subject,
        "issuer": identity.issuer,
        "groups": list(identity.groups),
        "kind": identity.kind.value,
        "purpose": ticket.loop.purpose,
        "expires": moment(ticket.expires),
        "revoked": None if ticket.revoked is None else moment(ticket.revoked),
        "ended": None if ticket.ended is None else moment(ticket.ended),
        "state": _state(ticket, now),
    }
