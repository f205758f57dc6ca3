"""One message at a time: read, offered to the host, then forwarded or refused in place.

Law: no later message is read until this one was allowed or refused. A refused message has the
effect of a failed one: if the server may be inside a transaction or a pipeline, one fixed failing
message takes its place there.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Final

from custody.model.codec import MemoryShare, Room
from custody.model.command import Command
from custody.model.event import CommandsReceived, Event, Forward, Inquiry, RecordFirst, Send
from custody.model.record import Opaque
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.frames import MalformedMessageError
from custody.protocols.postgres.options import (
    KEPT_UNSHARED,
    MEMORY_OF_A_COMMAND,
    PostgresOptions,
)
from custody.protocols.postgres.pipeline.pending_queue import (
    EXECUTE,
    FUNCTION,
    QUERY,
    REFUSED_PIPELINE,
    REFUSED_QUERY,
    PendingMessage,
    PendingQueue,
)
from custody.protocols.postgres.refusals import INSUFFICIENT_RESOURCES, LIMIT_EXCEEDED
from custody.protocols.postgres.statements.interpretation import may_recode
from custody.protocols.postgres.statements.reader import CommandReading, MessageReading

_SIMPLE: Final = frozenset({QUERY, FUNCTION})
_RUNNING: Final = frozenset({QUERY, EXECUTE, FUNCTION})

Done = Callable[[MessageReading], None]


class NoRoomError(MalformedMessageError):
    """There is nothing wrong with the message; it is refused in its place all the same."""


class Offer:
    def __init__(self, pending: PendingQueue, options: PostgresOptions) -> None:
        self._pending: Final = pending
        self._options: Final = options
        self.busy = False
        """A message is being asked about, or there is an event to give."""
        self._reading: CommandReading | None = None
        self._question: Hashable | None = None
        self._asked = False
        self._done: Done | None = None
        self._event: Event | None = None
        self._offered: tuple[CommandsReceived, PendingMessage] | None = None
        self.take_sync: Callable[[], None] = _nothing
        """Called once a message was forwarded together with the Sync behind it."""
        self.rest = 0
        """Bytes of the message that are still to come."""
        self.discarding = False
        """They are thrown away."""
        self.share: MemoryShare | None = None
        self._drawn = 0
        """Of the share, for the message that is being read."""
        self._keeps = False
        """Something is kept that was asked for."""

    def next_event(self) -> Event | None:
        event = self._event
        if event is not None:
            self._event = None
            self.busy = self._offered is not None
            return event
        if self._reading is not None and not self._asked and self._question is not None:
            self._asked = True
            return Inquiry(self._question)
        return None

    # Memory.

    def has_room(self, length: int, *, simple: bool) -> bool:
        """For a long message, before it is held: if not, it waits, or was refused (``busy``)."""
        if self._drawn or self.share is None:
            return True
        room = self.share.take(MEMORY_OF_A_COMMAND * length)
        if room is Room.TAKEN:
            self._drawn = MEMORY_OF_A_COMMAND * length
        elif room is Room.NEVER:
            self.refuse_for_memory(simple=simple, size=length + 1, rest=length + 1)
        return room is Room.TAKEN

    def keep(self, size: int) -> None:
        """So many bytes are prepared, or stand in portals, from now on. Raises ``NoRoomError``."""
        if (size > KEPT_UNSHARED or self._keeps) and self.share is not None:
            self._keeps = size > KEPT_UNSHARED
            if not self.share.keep(max(0, size - KEPT_UNSHARED)):
                raise NoRoomError("postgres.memory", "The loop's share of memory is in use.")

    # Readings.

    def begin(self, reading: CommandReading, done: Done) -> None:
        """``done`` is called with what the reading came to, and offers it."""
        self._reading = reading
        self._done = done
        self.busy = True
        self._step(None, first=True)

    def answer(self, question: Hashable, answer: object) -> None:
        if self._reading is not None and question == self._question:
            self._step(answer)

    def _step(self, answer: object, *, first: bool = False) -> None:
        reading, done = self._reading, self._done
        if reading is None or done is None:
            return
        try:
            self._question = next(reading) if first else reading.send(answer)
        except StopIteration as stop:
            self._reading = self._done = self._question = None
            self.busy = False
            read: MessageReading = stop.value
            done(read)
        else:
            self._asked = False

    # Offers.

    def offer(
        self, read: MessageReading, due: PendingMessage, wire: memoryview, stage: str
    ) -> None:
        pending = self._pending
        self.busy = True
        taken, self._drawn = self._drawn, 0
        if pending.dropping:
            self._give(taken)
            # An error came while the message was being read: the server would ignore it.
            ignored = Opaque("a message behind a failed one, ignored by the protocol", len(wire))
            self._event = RecordFirst(Side.SERVER, ignored, ())
            self.discarding = True
            return
        if not read.commands:
            self._give(taken)
            self._commit(due)
            self._event = Forward(Side.SERVER, (wire,))
            return
        token = pending.next_token
        pending.next_token = token + 1
        if stage != "parse":
            due.token = token
        unsettles = stage != "parse" and any(each.stales for each in due.interpretations)
        event = CommandsReceived(
            read.commands, (wire,), stage, token, unsettles, read.unreadable, taken
        )
        self._offered = (event, due)
        self._event = event

    def _taken(self, message: CommandsReceived) -> PendingMessage:
        if self._offered is None or self._offered[0] is not message:
            raise ValueError("Only the message that was offered last can be allowed or refused.")
        due = self._offered[1]
        self._offered = self._event = None
        self.busy = False
        return due

    def allow(self, message: CommandsReceived) -> None:
        due = self._taken(message)
        self.discarding = False
        if message.stage != "parse":
            self._doubt(message.commands, due)
        if message.unsettles:
            self._pending.unsettled = due.domain
        self._commit(due)

    def _doubt(self, commands: Sequence[Command], due: PendingMessage) -> None:
        """Texts behind this message may be in another encoding than those before it."""
        pending = self._pending
        if not pending.encoding_moved:
            for interpretation in due.interpretations:
                if interpretation.recodes:
                    pending.encoding_moved = True
            if not due.interpretations:  # opening a cursor again
                pending.encoding_moved = any(map(may_recode, commands))
        if pending.encoding_moved:
            pending.doubt = due.domain

    def _commit(self, due: PendingMessage) -> None:
        pending = self._pending
        kind = due.kind
        if kind in _RUNNING:
            for interpretation in due.interpretations:
                if interpretation.changes:
                    due.changing = True
        pending.forward(due)
        if kind not in _SIMPLE:
            pending.batch_open = True
            if due.syncs:
                self.take_sync()
            return
        pending.end_domain()
        if kind == QUERY:
            # "a simple Query message also destroys the unnamed statement" and portal
            pending.statements.remove(b"", pending.sent)
            pending.portals.remove(b"", pending.sent)

    # Refusals.

    def refuse(self, message: CommandsReceived, refusal: Refusal) -> list[Send]:
        due = self._taken(message)
        self.discarding = True
        return self._in_place(refusal, simple=due.kind in _SIMPLE)

    def _in_place(self, refusal: Refusal, *, simple: bool) -> list[Send]:
        """The refusal, where the refused message would have stood."""
        pending = self._pending
        if pending.dropping:
            return []
        pending.refused = simple
        error = frames.error(refusal)
        if pending.quiet and pending.status != "T":
            if simple:
                return [Send(Side.CLIENT, error + frames.ready(pending.status))]
            pending.dropping = True
            return [Send(Side.CLIENT, error)]
        due = PendingMessage(REFUSED_QUERY if simple else REFUSED_PIPELINE, pending.domain)
        due.error = error
        pending.forward(due)
        if simple:
            pending.end_domain()
            return [Send(Side.SERVER, frames.FAILING_QUERY)]
        pending.batch_open = True
        pending.dropping = True
        return [Send(Side.SERVER, frames.FAILING_DESCRIBE)]

    def refuse_too_long(self, *, simple: bool, size: int, rest: int = 0) -> None:
        """As ``_refuse_itself``, for a bound of the gateway's own."""
        refusal = Refusal(
            RefusalCode.OVERLOADED,
            f"custody: the command is longer than {self._options.command_bytes} bytes, or the "
            "session holds too many prepared statements",
            hint="Send long values as parameters, or load them with COPY.",
            native=LIMIT_EXCEEDED,
        )
        record = Opaque("a command over its bound, refused with 54000", size)
        self._refuse_itself(refusal, record, simple=simple, rest=rest)

    def refuse_malformed(
        self, error: MalformedMessageError, *, simple: bool, size: int, rest: int = 0
    ) -> None:
        """As ``_refuse_itself``, for a message that the server would not understand either."""
        if isinstance(error, NoRoomError):
            self.refuse_for_memory(simple=simple, size=size, rest=rest)
            return
        refusal = Refusal(RefusalCode.PROTOCOL, f"custody: {error.fault}")
        record = Opaque("a malformed message, refused with 08P01", size)
        self._refuse_itself(refusal, record, simple=simple, rest=rest)

    def refuse_for_memory(self, *, simple: bool, size: int, rest: int = 0) -> None:
        """As ``_refuse_itself``, where the loop's share of memory is in use."""
        refusal = Refusal(
            RefusalCode.OVERLOADED,
            "custody: the memory that this loop's statements may take is in use",
            hint="Try again. Long values take none as parameters or in COPY.",
            native=INSUFFICIENT_RESOURCES,
        )
        record = Opaque("a command beyond its loop's share of memory, refused with 53000", size)
        self._refuse_itself(refusal, record, simple=simple, rest=rest)

    def _give(self, taken: int) -> None:
        if self.share is not None:
            self.share.give(taken)

    def _refuse_itself(self, refusal: Refusal, record: Opaque, *, simple: bool, rest: int) -> None:
        """A refusal that no policy made: recorded before it is answered. ``rest`` bytes of the
        message are thrown away as they come.
        """
        taken, self._drawn = self._drawn, 0
        self._give(taken)
        self.rest = rest
        self.discarding = True
        for send in self._in_place(refusal, simple=simple):
            self._event = RecordFirst(send.to, record, (send.data,))
            self.busy = True


def _nothing() -> None: ...
