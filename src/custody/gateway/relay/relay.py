"""The stage of a session in which commands flow.

Law: bytes are forwarded as they were received, in order; a command's bytes stand in line until its
record is durable, a response's final bytes until its record is queued (``strict``: durable).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from custody.gateway.connections.outbox import Outbox
from custody.gateway.gate import UNRECORDED_COMMANDS, Denial, Permit
from custody.gateway.login import LoginResult
from custody.gateway.long_records import LEFT, MaskingPause, is_long, long_commands
from custody.gateway.relay.answer_queue import AnswerQueue
from custody.gateway.relay.back_pressure import BackPressure
from custody.gateway.relay.held_message import HeldMessage
from custody.gateway.relay.notification_batch import NotificationBatch
from custody.gateway.relay.open_transaction import OpenTransaction
from custody.gateway.relay.recorded_entry import RecordedEntry
from custody.gateway.relay.relay_host import RelayHost
from custody.gateway.services import SessionServices
from custody.gateway.session_refusals import unrecorded_end
from custody.model.approval import Question
from custody.model.codec import CodecFaces
from custody.model.command import Wire
from custody.model.errors import CustodyError, LogFailureError
from custody.model.event import (
    CatalogueStale,
    CommandsReceived,
    Inquiry,
    Notified,
    RecordFirst,
    ResponseReceived,
    Send,
    SideEnded,
    StreamEnded,
    TransactionOver,
)
from custody.model.event import Forward as RelayEvent
from custody.model.record import Body, Gap, Injected, Opaque
from custody.model.refusal import NativeCodes
from custody.model.words import Side

DRAIN_TIMEOUT_S: Final = 5.0

# Where every statement passes, a name of the module is quicker than an enumeration's member.
_replace: Final = msgspec.structs.replace
_CLIENT: Final = Side.CLIENT
_SERVER: Final = Side.SERVER
_now: Final = time.monotonic_ns

_log: Final = logging.getLogger("custody.relay")


class Relay:
    def __init__(
        self,
        host: RelayHost,
        services: SessionServices,
        faces: CodecFaces,
        *,
        login: LoginResult,
        codes: NativeCodes,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._host: Final = host
        self._gate: Final = services.gate
        self._codes: Final = codes
        self._codec: Final = faces.codec
        self._consultant: Final = faces.consultant
        self._session: Final = login.admitted.session
        self._advisor: Final = login.advisor
        self._tasks: Final = tasks
        self.to_client: Final = Outbox(host.client)
        self.to_server: Final = Outbox(login.server)
        self._server: Final = login.server
        self._memory: Final = services.memory.account(self._session.loop.id, self._woken)
        if faces.memory is not None:
            faces.memory.draw_on(self._memory)
        self.pressure: Final = BackPressure(
            faces.codec,
            ((host.client, self.to_client), (login.server, self.to_server)),
            self._memory,
            services.held_bytes,
        )
        if faces.consultant is not None:
            faces.consultant.consult(login.advisor.recall)
        self._messages: Final[dict[int, RecordedEntry]] = {}
        self._transaction: Final = OpenTransaction()
        self._unasked: Final = NotificationBatch()
        self._event_loop: Final = asyncio.get_running_loop()
        self._commands = 0
        self._refused = 0
        self._unrecorded = 0
        self._over = False
        self._leaving = ""
        self._asked: tuple[HeldMessage, CommandsReceived, RecordedEntry] | None = None
        """What a human is asked about. The codec gives no message behind it."""
        self._pause: Final = MaskingPause(
            services.masking, self._session, tasks, self.pump, host.failed, left=lambda: host.left
        )
        self._answers: Final = AnswerQueue(
            self, self._session, self._gate, self._pause, strict=services.strict_responses
        )
        self._handlers: Final[dict[type, Callable[..., None]]] = {
            CommandsReceived: self._commands_received,
            RelayEvent: self._relay,
            ResponseReceived: self._response,
            TransactionOver: self._transaction_over,
            Notified: lambda event: self._unasked.add(event.notification),
            StreamEnded: self._stream_ended,
            RecordFirst: self._record_first,
            Inquiry: self._inquiry,
            CatalogueStale: lambda event: self._advisor.forget(settled=event.settled),
            Send: self._send,
            SideEnded: self._ended,
        }

    def pump(self) -> None:
        """Handle every event that there is. Raises ``WireError`` as the codec does."""
        next_event, handlers = self._codec.next_event, self._handlers
        client, server = _CLIENT, _SERVER
        pause = self._pause
        while not (self._over or pause.open):
            event = next_event(client)
            if event is None:
                event = next_event(server)
                if event is None:
                    break
            handlers[type(event)](event)
        if unasked := self._unasked.take():
            self._note(unasked)
        if self.to_server.gathered:
            self.to_server.flush()
        self.pressure.check()

    def _woken(self) -> None:
        """What a message of this session waited for may be there."""
        try:
            self.pump()
        except Exception as error:  # noqa: BLE001 - fail closed: this session ends
            self._host.failed(error)

    def after_release(self) -> None:
        self.pressure.released()

    def after_sent(self, taken: int) -> None:
        self.pressure.sent(taken)

    def closed(self, side: Side) -> None:
        """Nothing more comes from this side."""
        self._pause.in_turn(lambda: self._closed(side))

    def _closed(self, side: Side) -> None:
        if side is Side.CLIENT:
            self._leaving = self._leaving or "client.closed"
            self._abandon(self._leaving)
            self.to_server.call_after(self._server.end_writing)
        else:
            self.end_when_drained(Side.CLIENT, "server.closed")

    def end_when_drained(self, last: Side, reason: str) -> None:
        """End the session once what is in line for that side has left, or after a while."""
        if self._pause.defer(lambda: self.end_when_drained(last, reason)):
            return
        reason = self._leaving or reason
        self._box(last).call_after(lambda: self._host.end(reason))
        self._event_loop.call_later(DRAIN_TIMEOUT_S, self._host.end, reason)

    def finish(self) -> tuple[int, int, int, int]:
        """Record commands without an answer as such. Gives the counts of commands, of refused ones,
        and of bytes sent up and down.
        """
        self._over = True
        self._memory.close()
        self._advisor.forget(settled=True)  # what the target did of what it was sent, nobody knows
        self.to_server.clear()
        try:
            self._answers.record()
            self._pause.abandon()
            self._abandon("session.ended")
            for body in self._transaction.lost(self._messages.values()):
                self._note(body)
            self._note_gap()
        except CustodyError as error:
            _log.error("%s: open commands were not closed: %s", self._host.id, error.code)
        return self._commands, self._refused, self.to_server.sent, self.to_client.sent

    def log_failed(self, error: LogFailureError) -> None:
        _log.error("%s: %s", self._host.id, error.code)
        self.to_server.clear()
        self._host.kill("log", unrecorded_end(error))

    # Client to server.

    def _commands_received(self, event: CommandsReceived, *, prepared: bool = False) -> None:
        if self._answers.waiting:
            self._answers.record()
        long = () if prepared else long_commands(event.commands)
        if long and self._gate.records(self._session, event):
            act = partial(self._commands_received, event, prepared=True)
            self._pause.begin(long, act, partial(self._left, event))
            return
        held = RecordedEntry(self, event.wire)
        ruling = self._gate.judge(self._session, event, held)
        if isinstance(ruling, Permit):
            if not ruling.numbers:
                self._codec.allow(event)
                self.to_server.gather(event.wire)
                if event.taken:
                    self.pressure.sent(event.taken)
                return
            self._permit(event, held, ruling.numbers)
        elif isinstance(ruling, Denial):
            self._deny(event, held, ruling)
        else:
            self._hold_for_answer(event, held, ruling)

    def _left(self, event: CommandsReceived) -> None:
        """The session ended before a long message was judged; nothing of it moved."""
        self._note(Opaque(LEFT, sum(map(len, event.wire))))

    def _permit(
        self, event: CommandsReceived, held: RecordedEntry, numbers: tuple[int, ...]
    ) -> None:
        self._codec.allow(event)
        if event.unsettles:
            self._advisor.unsettle()
        if self._unrecorded:
            self._note_gap()
        held.numbers = numbers
        held.open = len(numbers)
        held.taken = event.taken
        self._commands += held.open
        self._messages[event.token] = held
        self.to_server.hold(held)

    def _deny(self, event: CommandsReceived, held: RecordedEntry, ruling: Denial) -> None:
        self._memory.give(event.taken)
        self._commands += len(event.commands)
        self._refused += len(event.commands)
        if ruling.numbers:
            self._gate.note_refused(self._session, ruling, self._codes)
        else:
            self._unrecorded += len(event.commands)
        answer = b""
        for send in self._codec.refuse(event, ruling.refusal):
            if send.to is Side.CLIENT:
                answer += send.data
                continue
            culprit = ruling.numbers[ruling.culprit] if ruling.numbers else None
            self._hold(self.to_server, (send.data,), Injected(culprit, send.data.hex()))
        if answer and ruling.numbers:
            held.wire = (answer,)
            self.to_client.hold(held)
        elif answer:
            self.to_client.put((answer,))

    # A message that waits for a human.

    def _hold_for_answer(
        self, event: CommandsReceived, held: RecordedEntry, question: Question
    ) -> None:
        def settle(ruling: Permit | Denial) -> None:
            if not self._host.left:  # else ``finish`` withdraws it: nothing moves any more
                self._asked = None
                self._go_on(event, held, ruling)

        def tell(text: str) -> None:
            for send in self._codec.notify(text):
                self._send(send)

        waits = HeldMessage(self._gate, question, settle, tell, self._pause.defer)
        self._asked = waits, event, held
        waits.ask()

    @property
    def waits(self) -> bool:
        """Whether a human is asked about a message."""
        return self._asked is not None

    def withdraw(self) -> bool:
        """The client cancels what a human is asked about; false where nothing is."""
        asked = self.waits
        self._pause.in_turn(self._cancel)
        return asked

    def _cancel(self) -> None:
        if self._asked is not None:
            (waits, event, held), self._asked = self._asked, None
            self._go_on(event, held, waits.withdraw("cancelled"))

    def _go_on(self, event: CommandsReceived, held: RecordedEntry, ruling: Permit | Denial) -> None:
        try:
            if isinstance(ruling, Permit):
                self._permit(event, held, ruling.numbers)
            else:
                self._deny(event, held, ruling)
            self.pump()
        except Exception as error:  # noqa: BLE001 - fail closed, and whoever answers is not to blame
            self._host.failed(error)

    def _abandon(self, reason: str) -> None:
        """The session ends while a human is asked: the target never sees the message."""
        if self._asked is not None:
            (waits, event, _), self._asked = self._asked, None
            self._commands += len(event.commands)
            self._refused += len(event.commands)
            self._gate.note_refused(self._session, waits.withdraw(reason), self._codes)

    def _hold(self, box: Outbox, wire: Wire, body: Body) -> None:
        held = RecordedEntry(self, wire)
        self._note(body, held)
        box.hold(held)

    def _record_first(self, event: RecordFirst) -> None:
        self._hold(self._box(event.to), event.wire, event.body)

    def _stream_ended(self, event: StreamEnded) -> None:
        message = self._messages.get(event.token) if event.token is not None else None
        number = message.numbers[event.index] if message is not None else None
        stream = _replace(event.stream, command=number)

        def record() -> None:
            self._note(stream)
            self.to_server.put(event.wire)

        if is_long(stream):
            self._pause.begin([stream], record, lambda: self._note(stream))
        else:
            record()

    def _relay(self, event: RelayEvent) -> None:
        if event.to is _SERVER:
            self.to_server.gather(event.wire)
        else:
            self.to_client.put(event.wire)

    def _send(self, event: Send) -> None:
        self._box(event.to).put((event.data,))

    def _box(self, to: Side) -> Outbox:
        return self.to_server if to is Side.SERVER else self.to_client

    def _ended(self, event: SideEnded) -> None:
        self._leaving = self._leaving or event.reason
        self.to_server.put(event.wire)

    # Server to client.

    def _response(self, event: ResponseReceived) -> None:
        response, token = event.response, event.token
        message = self._messages.get(token) if token is not None else None
        took = 0
        if message is not None and token is not None:
            took = (_now() - message.sent_at) // 1000
            message.open -= 1
            if not message.open:
                del self._messages[token]
        if message is not None:
            number = message.numbers[event.index]
            response = _replace(response, command=number, duration_us=took)
            self._transaction.answered(number, open_ended=response.open)
        self._answers.put(response, event.wire)

    def _transaction_over(self, event: TransactionOver) -> None:
        if ended := self._transaction.over(event):
            self._note(ended)

    def _inquiry(self, event: Inquiry) -> None:
        answer = self._advisor.recall(event.question)
        if answer is not None and self._consultant is not None:
            self._consultant.answer(event.question, answer)
        else:
            self._tasks.create_task(self._find(event))

    async def _find(self, event: Inquiry) -> None:
        answer = await self._advisor.find(event.question)
        if not self._over and self._consultant is not None:
            self._consultant.answer(event.question, answer)
            self.pump()

    def _note(self, body: Body, held: RecordedEntry | None = None) -> None:
        self._answers.record()
        self._gate.note(self._session, body, held)

    def _note_gap(self) -> None:
        if self._unrecorded:
            self._note(Gap(UNRECORDED_COMMANDS, self._unrecorded))
            self._unrecorded = 0
