"""Masking of long records beside the event loop, so that other sessions go on meanwhile.

Law: one thread masks what is long, in the order in which it came; while it masks for a session,
that session's events wait, so that its records keep their order. The thread only prepares: who
records asks the masker again, which then has the answer at hand, or fails there.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from custody.model.command import Command
from custody.model.identity import Session
from custody.model.interfaces import Masker
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    Milliseconds,
    Record,
    Response,
    Stream,
)
from custody.model.words import Decision

LEFT: Final = "a long command that its session left before it was judged"
"""What an ``opaque`` record says of it."""
_NOTHING: Final = Command("", frozenset(), (), bounded=True, text="")
_READY_AT_MOST: Final = 64
LONG: Final = 32_768
"""Bytes of text or values from which on the event loop does not mask a record itself."""


class LongMasking:
    """A masker, with a thread for what is long; shared by all sessions."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self.mask: Callable[[Record], Record] = masker.mask
        """As every masker. While something was prepared, that is at hand, once."""
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="masking")
        self.waiting = 0
        """Records that the thread has before it."""
        self._ready: Final[dict[int, tuple[object, Record]]] = {}
        """Masked ahead: by the identity of the command, response or stream, which is kept."""

    @property
    def digest(self) -> bytes:
        return self._masker.digest

    def replace_masker(self, masker: Masker) -> None:
        """From the next record on. What another masker prepared is not used."""
        self._masker = masker
        self._ready.clear()
        self.mask = masker.mask

    def _mask_prepared(self, record: Record) -> Record:
        ready = self._ready
        body = record.body
        what = body.command if isinstance(body, CommandSeen) else body
        known = ready.pop(id(what), None)
        if not ready:
            self.mask = self._masker.mask
        if known is None or known[0] is not what:
            return self._masker.mask(record)
        ahead = known[1].body
        if not isinstance(body, CommandSeen) or not isinstance(ahead, CommandSeen):
            return replace(known[1], time=record.time)
        rest = self._masker.mask(replace(record, body=replace(body, command=_NOTHING)))
        return replace(rest, body=replace(rest.body, command=ahead.command))

    async def prepare(self, session: Session, bodies: Sequence[Body]) -> None:
        """Mask them ahead. Raises nothing: a fault will come again where the record is made."""
        records = [Record(Milliseconds(0), body, session.loop.id, session.id) for body in bodies]
        loop, masker = asyncio.get_running_loop(), self._masker
        self.waiting += len(records)
        try:
            prepared = await loop.run_in_executor(self._thread, _masked, masker, records)
        finally:
            self.waiting -= len(records)
        if self._masker is not masker:
            return
        for record, masked in prepared:
            body = record.body
            what = body.command if isinstance(body, CommandSeen) else body
            while len(self._ready) >= _READY_AT_MOST:  # of sessions that ended meanwhile
                del self._ready[next(iter(self._ready))]
            self._ready[id(what)] = what, masked
            self.mask = self._mask_prepared


def _masked(masker: Masker, records: Sequence[Record]) -> list[tuple[Record, Record]]:
    masked = []
    for record in records:
        with suppress(Exception):
            masked.append((record, masker.mask(record)))
    return masked


def long_commands(commands: Sequence[Command]) -> Sequence[Body]:
    """Those of a message's commands that are long, as what masking is given."""
    found: Sequence[Body] = ()
    for command in commands:  # every statement passes here
        left = LONG - len(command.text)
        if command.arguments:
            for argument in command.arguments:
                left -= len(argument.value or "")
        if left < 0:
            found = (*found, CommandSeen(command, Decision.ALLOW, "", "", "", ""))
    return found


def is_long(body: Response | Stream) -> bool:
    """Whether an answer, or what was streamed, is too long for the event loop."""
    if body.bytes > LONG:
        return bool(body.captured)
    if isinstance(body, Stream) or (body.error is None and not body.notices):
        return False
    faults = body.notices if body.error is None else (*body.notices, body.error)
    return sum(map(_length, faults)) > LONG


def _length(fault: ErrorReport) -> int:
    return len(fault.message) + len(fault.detail) + len(fault.hint) + len(fault.context)


class MaskingPause:
    """One session's events, while something of it is masked elsewhere."""

    def __init__(
        self,
        masking: LongMasking,
        session: Session,
        tasks: asyncio.TaskGroup,
        go_on: Callable[[], None],
        failed: Callable[[Exception], None],
        *,
        left: Callable[[], bool],
    ) -> None:
        """``go_on``: handle the events that came meanwhile. ``left``: the session is being ended;
        nothing of it moves any more.
        """
        self._left: Final = left
        self._failed: Final = failed
        self._masking: Final = masking
        self._session: Final = session
        self._tasks: Final = tasks
        self._go_on: Final = go_on
        self._waiting: list[Callable[[], object]] = []
        self._lost: Callable[[], object] | None = None
        self.open = False
        """Events wait."""

    def begin(
        self, bodies: Sequence[Body], act: Callable[[], object], lost: Callable[[], object]
    ) -> None:
        """Mask the bodies, then ``act``; ``lost`` where the session ends before that."""
        self.open = True
        self._waiting = [act]
        self._lost = lost
        self._tasks.create_task(self._mask(bodies))

    def defer(self, act: Callable[[], None]) -> bool:
        """Whether ``act`` waits its turn now."""
        if self.open:
            self._waiting.append(act)
        return self.open

    def in_turn(self, act: Callable[[], None]) -> None:
        """``act`` now, or when its turn comes."""
        if not self.defer(act):
            act()

    def abandon(self) -> None:
        """The session is over: what waits never happens."""
        lost, self._lost = self._lost, None
        self._waiting = []
        if lost is not None:
            lost()

    async def _mask(self, bodies: Sequence[Body]) -> None:
        await self._masking.prepare(self._session, bodies)
        if self._left():  # its end abandons what waits
            return
        waiting, self._waiting, self._lost = self._waiting, [], None
        self.open = False
        try:
            while waiting:
                waiting.pop(0)()
                if self.open:  # it led to the next pause
                    self._waiting += waiting
                    return
            self._go_on()
        except Exception as error:  # noqa: BLE001 - fail closed: this session ends
            self._failed(error)
