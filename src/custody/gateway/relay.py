"""The stage of a session in which commands flow.

Law: bytes are forwarded as they were received, in order; a command's bytes stand in line until its
record is durable, a response's final bytes until its record is queued (``strict``: durable).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from custody.gateway.connection import Connection
from custody.gateway.gate import Permit
from custody.gateway.login import Welcome
from custody.gateway.outbox import Entry, Outbox
from custody.gateway.rooms import Rooms
from custody.model.command import Refusal
from custody.model.errors import CustodyError, LogFailureError
from custody.model.event import (
    CommandsReceived,
    Ended,
    Inquiry,
    RecordFirst,
    ResponseReceived,
    Send,
    Stale,
    StreamEnded,
)
from custody.model.event import Relay as RelayEvent
from custody.model.interfaces import Codec
from custody.model.record import Body, Gap, Injected, Receipt, Response, ResponseUnknown
from custody.model.words import SessionId, Side

DRAIN_TIMEOUT_S: Final = 5.0
ANSWERS_QUEUED: Final = 16
"""Answers whose final bytes were released and that are still to be masked and sealed."""

# Where every statement passes, a name of the module is quicker than an enumeration's member.
_replace: Final = msgspec.structs.replace
_CLIENT: Final = Side.CLIENT
_SERVER: Final = Side.SERVER

_log: Final = logging.getLogger("custody.relay")


class Host(Protocol):
    id: SessionId
    client: Connection

    def end(self, reason: str) -> None: ...
    def kill(self, reason: str, refusal: Refusal) -> None: ...


class _Message:
    """A message of commands that was permitted: when it left, and which answers are due."""

    __slots__ = ("left_at", "numbers", "open")

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.numbers = numbers
        self.open = len(numbers)
        self.left_at = 0

    def left(self) -> None:
        self.left_at = time.monotonic_ns()


class _Wait:
    """Releases an entry once its record is durable; ends the session if it never will be."""

    __slots__ = ("_relay", "_settled", "entry")

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._settled = False
        self.entry: Entry | None = None

    def __call__(self, result: Receipt | LogFailureError) -> None:
        if isinstance(result, LogFailureError):
            self._relay.log_failed(result)
            return
        self._settled = True
        if self.entry is not None:
            self.entry.release()
            self._relay.balance()

    def bind(self, entry: Entry) -> None:
        self.entry = entry
        if self._settled:
            entry.release()


class Relay:
    def __init__(
        self, host: Host, rooms: Rooms, codec: Codec, welcome: Welcome, tasks: asyncio.TaskGroup
    ) -> None:
        self._host: Final = host
        self._gate: Final = rooms.gate
        self._strict: Final = rooms.strict_responses
        self._held_bytes: Final = rooms.held_bytes
        self._codec: Final = codec
        self._facts: Final = welcome.facts
        self._advisor: Final = welcome.advisor
        self._tasks: Final = tasks
        self.to_client: Final = Outbox(host.client)
        self.to_server: Final = Outbox(welcome.server)
        self._server: Final = welcome.server
        codec.consult(welcome.advisor.recall)
        self._messages: Final[dict[int, _Message]] = {}
        self._answers: Final[deque[Response]] = deque()
        self._loop: Final = asyncio.get_running_loop()
        self._commands = 0
        self._refused = 0
        self._unrecorded = 0
        self._over = False
        self._holding = False
        self._holding_server = False
        self._leaving = ""
        self._handlers: Final[dict[type, Callable[..., None]]] = {
            CommandsReceived: self._commands_received,
            RelayEvent: self._relay,
            ResponseReceived: self._response,
            StreamEnded: self._stream_ended,
            RecordFirst: self._record_first,
            Inquiry: self._inquiry,
            Stale: self._stale,
            Send: self._send,
            Ended: self._ended,
        }

    def pump(self) -> None:
        """Handle every event that there is. Raises ``WireError`` as the codec does."""
        next_event, handlers = self._codec.next_event, self._handlers
        client, server = _CLIENT, _SERVER
        while not self._over:
            event = next_event(client)
            if event is None:
                event = next_event(server)
                if event is None:
                    break
            handlers[type(event)](event)
        self.balance()

    def balance(self) -> None:
        """Read each side only while what waits of it is within its bound."""
        codec, most = self._codec, self._held_bytes
        if self.to_server.waiting + codec.buffered(_CLIENT) > most:
            self._holding = True
            self._host.client.hold("its commands wait")
        elif self._holding:
            self._holding = False
            self._host.client.free("its commands wait")
        if self.to_client.waiting + codec.buffered(_SERVER) > most:
            self._holding_server = True
            self._server.hold("its answers wait")
        elif self._holding_server:
            self._holding_server = False
            self._server.free("its answers wait")

    def closed(self, side: Side) -> None:
        """Nothing more comes from this side."""
        if side is Side.CLIENT:
            self.to_server.then(self._server.end_writing)
        else:
            self.leave(Side.CLIENT, "server.closed")

    def leave(self, last: Side, reason: str) -> None:
        """End the session once what is in line for that side has left, or after a while."""
        reason = self._leaving or reason
        box = self.to_client if last is Side.CLIENT else self.to_server
        box.then(lambda: self._host.end(reason))
        self._loop.call_later(DRAIN_TIMEOUT_S, self._host.end, reason)

    def finish(self) -> tuple[int, int, int, int]:
        """Close what is open: commands without an answer are recorded as such.

        Gives the counts of commands, of refused ones, and of bytes sent up and down.
        """
        self._over = True
        self.to_server.clear()
        self._record_answers()
        try:
            for message in self._messages.values():
                for number in message.numbers[len(message.numbers) - message.open :]:
                    self._note(ResponseUnknown(number))
            self._note_gap()
        except CustodyError as error:
            _log.error("%s: open commands were not closed: %s", self._host.id, error.code)
        return self._commands, self._refused, self.to_server.sent, self.to_client.sent

    def log_failed(self, error: LogFailureError) -> None:
        _log.error("%s: %s", self._host.id, error.code)
        self.to_server.clear()
        self._host.kill("log", _LOG_FAILED)

    # Client to server.

    def _commands_received(self, event: CommandsReceived) -> None:
        if self._answers:
            self._record_answers()
        wait = _Wait(self)
        ruling = self._gate.judge(self._facts, event, wait)
        self._commands += len(event.commands)
        if isinstance(ruling, Permit):
            self._codec.allow(event)
            if not ruling.numbers:
                self._commands -= len(event.commands)
                self.to_server.put(event.wire)
                return
            if self._unrecorded:
                self._note_gap()
            message = _Message(ruling.numbers)
            self._messages[event.token] = message
            entry = self.to_server.hold(event.wire)
            entry.left = message.left
            wait.bind(entry)
            return
        self._refused += len(event.commands)
        if ruling.numbers:
            self._gate.note_refused(self._facts, ruling)
        else:
            self._unrecorded += len(event.commands)
        answer = b""
        for send in self._codec.refuse(event, ruling.refusal):
            if send.to is Side.CLIENT:
                answer += send.data
                continue
            culprit = ruling.numbers[ruling.culprit] if ruling.numbers else -1
            self._hold(self.to_server, (send.data,), Injected(culprit, send.data.hex()))
        if answer and ruling.numbers:
            wait.bind(self.to_client.hold((answer,)))
        elif answer:
            self.to_client.put((answer,))

    def _hold(self, box: Outbox, wire: "tuple[bytes | memoryview, ...]", body: Body) -> None:
        wait = _Wait(self)
        self._note(body, wait)
        wait.bind(box.hold(wire))

    def _record_first(self, event: RecordFirst) -> None:
        box = self.to_server if event.to is Side.SERVER else self.to_client
        self._hold(box, tuple(event.wire), event.body)

    def _stream_ended(self, event: StreamEnded) -> None:
        stream = msgspec.structs.replace(
            event.stream, command=self._number(event.token, event.index)
        )
        self._note(stream)
        self.to_server.put(event.wire)

    def _relay(self, event: RelayEvent) -> None:
        box = self.to_server if event.to is _SERVER else self.to_client
        box.put(event.wire)

    def _send(self, event: Send) -> None:
        box = self.to_server if event.to is Side.SERVER else self.to_client
        box.put((event.data,))

    def _ended(self, event: Ended) -> None:
        self._leaving = self._leaving or event.reason
        self.to_server.put(event.wire)

    # Server to client.

    def _response(self, event: ResponseReceived) -> None:
        response, token = event.response, event.token
        if token is not None and (message := self._messages.get(token)) is not None:
            message.open -= 1
            if not message.open:
                del self._messages[token]
            response = _replace(
                response,
                command=message.numbers[event.index],
                duration_us=(time.monotonic_ns() - message.left_at) // 1000,
            )
        if self._strict:
            wait = _Wait(self)
            if self._record_answer(response, wait):
                wait.bind(self.to_client.hold(event.wire))
            return
        self._answers.append(response)
        self.to_client.put(event.wire)
        if len(self._answers) == 1:
            # Masking and sealing are done while the client already reads its answer. The event
            # loop sends after one turn of callbacks, so these wait for the one after.
            self._loop.call_soon(self._loop.call_soon, self._record_answers)
        elif len(self._answers) >= ANSWERS_QUEUED:
            self._record_answers()

    def _record_answers(self) -> None:
        """Record the answers that are queued, before anything that comes after them."""
        answers = self._answers
        while answers:
            if not self._record_answer(answers.popleft(), None):
                return

    def _record_answer(self, response: Response, wait: _Wait | None) -> bool:
        try:
            self._gate.note_response(self._facts, response, wait)
        except LogFailureError as error:
            self.log_failed(error)
            return False
        return True

    def _number(self, token: int | None, index: int) -> int | None:
        message = self._messages.get(token) if token is not None else None
        return message.numbers[index] if message is not None else None

    # Inquiries.

    def _inquiry(self, event: Inquiry) -> None:
        answer = self._advisor.recall(event.question)
        if answer is not None:
            self._codec.answer(event.question, answer)
        else:
            self._tasks.create_task(self._find(event))

    def _stale(self, event: Stale) -> None:
        del event
        self._advisor.forget()

    async def _find(self, event: Inquiry) -> None:
        answer = await self._advisor.find(event.question)
        if not self._over:
            self._codec.answer(event.question, answer)
            self.pump()

    # Records.

    def _note(self, body: Body, wait: _Wait | None = None) -> None:
        self._record_answers()
        self._gate.note(self._facts, body, wait)

    def _note_gap(self) -> None:
        if self._unrecorded:
            self._note(Gap("commands refused while nothing could be recorded", self._unrecorded))
            self._unrecorded = 0


_LOG_FAILED: Final = Refusal(
    "58030",
    "custody: the evidence log failed, so this session ends",
    hint="Nothing was forwarded that is not recorded.",
    fatal=True,
)
