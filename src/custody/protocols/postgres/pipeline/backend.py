"""The server's side of a session: answers in, events out, each belonging to its command.

Law: bytes reach the client as they came, in order; of rows only the first are looked at, and the
final frame of an answer is given together with its record. The one thing that is replaced is the
server's error for the gateway's own failing message.
"""

from collections import deque
from collections.abc import Hashable
from typing import Final

from custody.model.errors import WireError
from custody.model.event import CatalogueStale, Event, Forward, Inquiry, ResponseReceived, SideEnded
from custody.model.words import Side
from custody.protocols.postgres.frames import HEADER
from custody.protocols.postgres.pipeline.column_origins import ColumnOrigins
from custody.protocols.postgres.pipeline.finished_answer import FinishedAnswer
from custody.protocols.postgres.pipeline.pending_queue import PendingQueue
from custody.protocols.postgres.pipeline.progress import AGAIN, Again
from custody.protocols.postgres.pipeline.settle import Settlement
from custody.protocols.postgres.types.type_fact import TypeQuestion
from custody.protocols.postgres.types.value_types import Types
from custody.wire.buffer import Buffer

WHOLE_AT_MOST: Final = 1_048_576
"""Control messages are held whole up to here; a longer one is broken."""
HELD_AT_MOST: Final = 65_536
"""Of an error or a notice; the rest of a longer one passes."""
_ROW: Final = ord("D")
_COPY_DATA: Final = ord("d")
_FUNCTION_RESULT: Final = ord("V")
_READY: Final = ord("Z")
_LONG: Final = frozenset(b"ENV")


_CLIENT: Final = Side.CLIENT
"""Every message passes: a name of the module is quicker than an enumeration's member."""


class Backend:
    def __init__(self, pending: PendingQueue, buffer: Buffer, *, resolve_origins: bool) -> None:
        self.buffer: Final = buffer
        self.origins: Final = ColumnOrigins(resolve=resolve_origins)
        self._pending: Final = pending
        self._settling: Final = Settlement(pending)
        self._events: Final[deque[Event]] = deque()
        self._need = 5
        """How much must be there before it is worth looking."""
        self._rest = 0
        """Bytes of the message that is passing, still to come."""
        self._rest_kind = 0
        self._discarding = False
        self._part = bytearray()
        """The beginning of a row that is passing."""
        self._held: tuple[list[FinishedAnswer], tuple[memoryview, ...]] | None = None
        self._questions: list[Hashable] = []
        self._asked: Hashable = None
        self._types: Types | None = None
        """What is known of the types of values that wait for it."""
        self._over = False

    def next_event(self) -> Event | None:
        while True:
            if self._events:
                return self._events.popleft()
            if self._held is not None:
                return self._next_question()
            if self._pending.catalogue_stale is not None:
                stale, self._pending.catalogue_stale = self._pending.catalogue_stale, None
                return stale
            if self._pending.skipped:
                self._events.extend(self._give(self._settling.skipped(), ()))
                continue
            if self._pending.transactions.ended:
                return self._pending.transactions.ended.popleft()
            if self._over or self.buffer.dry:
                return None
            step = self._read()
            if self._pending.notified:
                step = self._behind_notified(step)
            if step is not AGAIN:
                return step

    def answer(self, question: Hashable, answer: object) -> None:
        if self._held is None:
            return
        if isinstance(question, TypeQuestion):
            if self._types is not None:
                self._types.answer(question, answer)
        else:
            self.origins.answer(question, answer)
        if question in self._questions:
            self._questions.remove(question)
        if not self._questions:
            held, wire = self._held
            if self._asks_more(held):
                return
            self._types = None
            self._held = None
            self._events.extend(self._give(held, wire))

    def _asks_more(self, held: list[FinishedAnswer]) -> bool:
        """What was said of one type may lead to another."""
        if self._types is None:
            return False
        for one in held:
            if one.answer.capture is not None:
                one.answer.capture.read_waiting(self._types)
        self._questions += self._types.questions()
        return bool(self._questions)

    def _next_question(self) -> Inquiry | None:
        """One at a time; the list keeps it until its answer came."""
        if self._asked == self._questions[0]:
            return None
        self._asked = self._questions[0]
        return Inquiry(self._asked)

    def _behind_notified(self, step: Event | Again | None) -> Event | Again | None:
        """What came of the server's own accord is given before what came behind it."""
        notified = self._pending.notified
        first = notified.popleft()
        following = [*notified, *([step] if isinstance(step, Event) else [])]
        notified.clear()
        self._events.extendleft(reversed(following))
        return first

    def _read(  # noqa: C901, PLR0912  # the hot loop, in one piece
        self,
    ) -> Event | Again | None:
        buffer = self.buffer
        if not buffer.ensure(1 if self._rest else self._need):
            if not buffer.ended:
                return None
            self._over = True
            return SideEnded("server.closed")
        data = buffer.data
        start = position = buffer.position
        end = len(data)
        self._need = 5
        if self._rest:
            position = self._pass(data, position, end)
            if self._discarding:
                start = position
                self._discarding = self._rest > 0
        settling = self._settling
        unpack = HEADER.unpack_from
        while end - position >= 5:
            kind, length = unpack(data, position)
            if kind == _ROW:
                position = self._rows(data, position, end)
                continue
            stop = position + length + 1
            if length < 4:
                raise _broken("A message has an invalid length.")
            if kind == _COPY_DATA:
                settling.copy_data(memoryview(data)[position + 5 : stop])
                position = self._along(kind, stop, end)
                continue
            if stop > end or length > HELD_AT_MOST:
                whole = self._long(kind, length, position, end)
                if whole == 0:
                    break
                stop = position + whole
            handler = settling.handlers.get(kind)
            if handler is None:
                raise _broken("A message of an unknown type came.")
            keep = handler(data, position + 5, stop)
            if not keep:
                return self._replaced(start, position, stop)
            position = stop
            if settling.finished:
                if end - stop >= 6 and data[stop] == _READY and not self._rest:
                    settling.handlers[_READY](data, stop + 5, stop + 6)
                    position = stop + 6
                buffer.advance(position)
                return self._finish((memoryview(data)[start:position],))
            if self._rest or (kind == _READY and self._pending.transactions.ended):
                break  # the end of a transaction is given before what stands behind it
        return self._relay(start, position)

    def _relay(self, start: int, position: int) -> Forward | Again:
        buffer = self.buffer
        buffer.advance(position)
        if position > start:
            return Forward(_CLIENT, (memoryview(buffer.data)[start:position],))
        return AGAIN

    def _replaced(self, start: int, position: int, stop: int) -> Again:
        """The message at ``position`` stays here; what the settling says goes in its place."""
        if position > start:
            wire = (memoryview(self.buffer.data)[start:position],)
            self._events.append(Forward(Side.CLIENT, wire))
        self._events.extend(self._settling.take_sends())
        self._discarding = self._rest > 0
        self.buffer.position = stop
        return AGAIN

    def _pass(self, data: bytes, position: int, end: int) -> int:
        """More of a message whose beginning has been given already."""
        stop = min(position + self._rest, end)
        self._rest -= stop - position
        if self._rest_kind == _COPY_DATA:
            self._settling.copy_data(memoryview(data)[position:stop])
        elif self._rest_kind == _ROW:
            capture = self._settling.answer.capture
            if capture is not None and capture.open:
                room = capture.wanted - len(self._part)
                self._part += data[position : min(stop, position + max(room, 0))]
                if not self._rest:
                    capture.row(bytes(self._part), 0, len(self._part))
                    self._part.clear()
        return stop

    def _rows(self, data: bytes, position: int, end: int) -> int:
        """A run of DataRows; the last one may go on behind what has come."""
        answer = self._settling.answer
        capture = answer.capture
        if capture is None:
            capture = answer.begin_rows(self._settling.rows_of(), self._pending)
        begin = position
        rows = 0
        last = end - 5
        unpack = HEADER.unpack_from
        while capture.open and position <= last:
            kind, length = unpack(data, position)
            if kind != _ROW:
                break
            stop = position + length + 1
            if length < 6:
                raise _broken("A DataRow has an invalid length.")
            if stop <= end:
                capture.row(data, position + 5, stop)
            else:
                self._part += data[position + 5 : min(end, position + 5 + capture.wanted)]
            position = stop
            rows += 1
        if not capture.open:
            while position <= last:
                kind, length = unpack(data, position)
                if kind != _ROW:
                    break
                position += length + 1
                rows += 1
        answer.rows += rows
        answer.bytes += position - begin
        if position <= end:
            return position
        self._rest = position - end
        self._rest_kind = _ROW
        return end

    def _along(self, kind: int, stop: int, end: int) -> int:
        if stop <= end:
            return stop
        self._rest = stop - end
        self._rest_kind = kind
        return end

    def _long(self, kind: int, length: int, position: int, end: int) -> int:
        """How much of a control message is looked at; 0 if that much has not come yet."""
        wanted = length + 1
        if length > HELD_AT_MOST and kind in _LONG:
            wanted = HELD_AT_MOST
        elif length > WHOLE_AT_MOST:
            raise _broken("A message is longer than any of its kind.")
        if end - position < wanted:
            self._need = wanted
            return 0
        self._rest = length + 1 - wanted
        self._rest_kind = kind
        return wanted

    def _finish(self, wire: tuple[memoryview, ...]) -> Event | Again:
        finished = self._settling.take_finished()
        for one in finished:
            description = one.answer.description
            if description is not None:
                one.columns = self.origins.known(description)
                if one.columns is None:
                    self._questions += self.origins.missing(description)
            capture = one.answer.capture
            if capture is not None and capture.waiting and self.origins.asks:
                self._types = self._types or Types(self.origins.recall, asks=True)
                capture.read_waiting(self._types)
        if self._types is not None:
            self._questions += self._types.questions()
        if self._questions:
            for one in finished:
                one.columns = None  # what is known now may not be when the answers have come
            self._held = (finished, wire)
            self._asked = None
            return AGAIN
        events = self._give(finished, wire)
        if len(events) > 1:
            self._events.extend(events[1:])
        return events[0]

    def _give(self, finished: list[FinishedAnswer], wire: tuple[memoryview, ...]) -> list[Event]:
        events: list[Event] = []
        pending = self._pending
        closed = pending.closed_stream
        if closed is not None:
            pending.closed_stream = None
            events.append(closed)
        for one in finished:
            answer, due, interpretation = one.answer, one.due, one.interpretation
            columns = one.columns
            if columns is None:
                columns = self.origins.columns(answer.description)
            response = answer.response(
                one.outcome, columns, interpretation, pending, one.error, open_ended=one.open
            )
            token = due.token if due is not None else None
            events.append(ResponseReceived(response, wire, token, one.index))
            wire = ()
            if interpretation is not None and (
                interpretation.stales or (pending.unsettled >= 0 and answer.tag == "COMMIT")
            ):
                events.append(CatalogueStale())
        return events

    @property
    def between_messages(self) -> bool:
        """What was given to the client so far ends with a whole message."""
        return self._rest == 0 or self._discarding


def _broken(fault: str) -> WireError:
    return WireError("postgres.server-message", fault, blame="server")
