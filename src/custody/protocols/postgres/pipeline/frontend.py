"""The client's side of a session: messages in, events out, in the order in which they came.

Law: a message that holds a command is given to the host before anything behind it is read, and
moves only after ``allow``. A message that the server would ignore is counted and not forwarded.
"""

from typing import Final

from custody.model.errors import WireError
from custody.model.event import Event, Forward, RecordFirst, SideEnded
from custody.model.record import Opaque
from custody.model.words import Side
from custody.protocols.postgres.frames import HEADER, SYNC_MESSAGE, MalformedMessageError, malformed
from custody.protocols.postgres.options import SHARED_FROM, PostgresOptions
from custody.protocols.postgres.pipeline.commands import CommandReader
from custody.protocols.postgres.pipeline.copy_in import CopyIn
from custody.protocols.postgres.pipeline.names import Definition, NamedObject, Portal, Uncertain
from custody.protocols.postgres.pipeline.offer import Offer
from custody.protocols.postgres.pipeline.pending_queue import (
    BIND,
    CLOSE,
    DESCRIBE,
    SYNC,
    PendingMessage,
    PendingQueue,
)
from custody.protocols.postgres.pipeline.progress import AGAIN, Again
from custody.protocols.postgres.values.bind import bind_names, name_at
from custody.wire.buffer import Buffer

SMALL_AT_MOST: Final = 10_000  # PQ_SMALL_MESSAGE_LIMIT of the server
LARGE_AT_MOST: Final = 0x3FFF_FFFE  # PQ_LARGE_MESSAGE_LIMIT
_LARGE: Final = frozenset(b"QPBFdf")
_Q, _P, _B, _E, _D, _C, _H, _S, _F, _X, _DATA, _DONE, _FAIL = b"QPBEDCHSFXdcf"
_COPY: Final = frozenset(b"dcf")
_EXTENDED: Final = frozenset(b"PBEDCH")

_SERVER: Final = Side.SERVER
"""Every message passes: a name of the module is quicker than an enumeration's member."""


class Frontend:
    def __init__(
        self,
        pending: PendingQueue,
        buffer: Buffer,
        offering: Offer,
        asking: CommandReader,
        options: PostgresOptions,
    ) -> None:
        self.buffer: Final = buffer
        self._pending: Final = pending
        self._offering: Final = offering
        self._asking: Final = asking
        self._incoming: Final = CopyIn(pending)
        self._options: Final = options
        self._rest = 0
        """Bytes of the message that is passing, still to come."""
        self._discarding = False
        self._over = False
        self._dropped = 0
        self._dropped_bytes = 0
        offering.take_sync = self._take_sync
        self._short: Final = min(SMALL_AT_MOST, options.command_bytes)
        self._commands: Final = {_Q: asking.query, _P: asking.parse, _E: asking.execute}
        self._whole_commands: Final = {**self._commands, _F: asking.function}
        self._along: Final = {
            _B: self._bind,
            _D: self._describe,
            _C: self._close,
            _H: self._flush,
            _S: self._sync,
            _DATA: self._incoming.data,
        }

    def next_event(self) -> Event | None:
        offering = self._offering
        while True:
            if offering.busy:
                event = offering.next_event()
                if event is not None or offering.busy:
                    return event
            elif self.buffer.dry:
                return None
            if offering.rest:
                # A refused or a permitted long message: what is left of it follows.
                self._rest, offering.rest = offering.rest, 0
                self._discarding = offering.discarding
                if self._discarding:
                    self._asking.passing = None
            if self._over:
                return None
            step = self._pass() if self._rest else self._read()
            if step is not AGAIN:
                return step

    def _read(self) -> Event | Again | None:  # noqa: C901, PLR0911  # the hot loop, in one piece
        """Move along what holds no command; stop at what does."""
        buffer, pending = self.buffer, self._pending
        data = buffer.data
        start = position = buffer.position
        end = len(data)
        along, held, short = self._along, self._options.bind_bytes, self._short
        stalled = len(pending.due) >= self._options.pending
        kind, stop = 0, start
        try:
            while end - position >= 5 and not (stalled or pending.dropping or pending.refused):
                kind, length = HEADER.unpack_from(data, position)
                stop = position + length + 1
                move = along.get(kind)
                if move is None and position == start and stop <= end and 4 <= length <= short:
                    begin = self._commands.get(kind)
                    if begin is not None and pending.tap is None:
                        # The common case: a short message with a command, and nothing before it.
                        buffer.position = stop
                        if not begin(data, position, stop):
                            buffer.position = position
                            return None
                        buffer.advance(buffer.position)
                        return self._offering.next_event() or AGAIN
                if move is None or stop > end or length < 4:
                    break
                if length > SMALL_AT_MOST and kind != _DATA and not (kind == _B and length <= held):
                    break
                if not move(data, position + 5, stop):
                    stalled = True
                    break
                position = stop
        except MalformedMessageError as error:
            if position == start:
                return self._malformed(error, kind, start, stop)
            # What stands before it moves first.
        if position > start:
            buffer.advance(position)
            return Forward(_SERVER, (memoryview(data)[start:position],))
        if stalled:
            return None
        if not buffer.ensure(5):
            return self._ended()
        kind, length = HEADER.unpack_from(buffer.data, buffer.position)
        return self._message(kind, length)

    def _message(  # noqa: PLR0911  # one for each fate
        self, kind: int, length: int
    ) -> Event | Again | None:
        """The message at the buffer's position, of which only the header is certainly there."""
        limit = LARGE_AT_MOST if kind in _LARGE else SMALL_AT_MOST
        if not 4 <= length <= limit:
            raise WireError("postgres.length", "A message has an invalid length.")
        if (straggler := self._incoming.stragglers(kind in _COPY)) is not None:
            return straggler
        if self._pending.refused:
            return self._behind_refusal(kind, length + 1)
        if self._pending.dropping and kind not in {_S, _X}:
            return self._drop(kind, length + 1)
        if kind == _DATA:
            self._incoming.begin()
            self._rest = length + 1
            self._discarding = False
            return AGAIN
        if kind in {_Q, _P} and not self._may_hold(kind, length):
            return AGAIN if self._offering.busy else None
        if kind in {_B, _F} and length > self._options.bind_bytes:
            if not self.buffer.ensure(self._options.bind_bytes):
                return self._ended()
            return self._long(kind, length)
        if not self.buffer.ensure(length + 1):
            return self._ended()
        return self._whole(kind, length)

    def _may_hold(self, kind: int, length: int) -> bool:
        """Of a message with a text: if not, it waits, or was refused."""
        beside = 5 if kind == _Q else SMALL_AT_MOST  # the exact bound is looked at later
        if length > self._options.command_bytes + beside:
            self._offering.refuse_too_long(simple=kind == _Q, size=length + 1, rest=length + 1)
            return False
        return length <= SHARED_FROM or self._offering.has_room(length, simple=kind == _Q)

    def _whole(  # noqa: PLR0911  # one for each fate
        self, kind: int, length: int
    ) -> Event | Again | None:
        buffer = self.buffer
        if kind in self._along and not self._pending.dropping:
            return AGAIN
        start = buffer.position
        stop = start + length + 1
        data = buffer.data
        buffer.position = stop
        begin = self._whole_commands.get(kind)
        if begin is not None:
            try:
                read = begin(data, start, stop)
            except MalformedMessageError as error:
                return self._malformed(error, kind, start, stop)
        elif kind in {_DONE, _FAIL}:
            return self._incoming.end(memoryview(data)[start:stop])
        elif kind == _S:
            return self._sync_after_drop(memoryview(data)[start:stop])
        elif kind == _X:
            self._over = True
            wire = (memoryview(data)[start:stop],)
            buffer.drop()
            return SideEnded("client.terminated", wire)
        else:
            raise WireError("postgres.message", "A message of an unknown type came.")
        if not read:
            buffer.position = start
            return None  # what it refers to depends on answers that are not here yet
        return AGAIN

    def _long(self, kind: int, length: int) -> Event | Again | None:
        buffer = self.buffer
        start = buffer.position
        stop = start + self._options.bind_bytes
        begin = self._asking.long_bind if kind == _B else self._asking.long_function
        try:
            begun = begin(buffer.data, start, stop, length + 1)
        except MalformedMessageError as error:
            return self._malformed(error, kind, start, stop, rest=length + 1 - (stop - start))
        if not begun:
            return None
        buffer.position = stop
        return AGAIN

    def _malformed(
        self, error: MalformedMessageError, kind: int, start: int, stop: int, *, rest: int = 0
    ) -> Again:
        """The server would answer it with an error too, and read on behind it."""
        self.buffer.advance(stop)
        size, simple = stop - start + rest, kind not in _EXTENDED
        self._offering.refuse_malformed(error, simple=simple, size=size, rest=rest)
        return AGAIN

    def _pass(self) -> Event | Again | None:
        """More of a message that is forwarded, or thrown away, as it comes."""
        buffer = self.buffer
        if not buffer.gather():
            return self._ended()
        taken = min(self._rest, len(buffer.data) - buffer.position)
        piece = buffer.take(taken)
        self._rest -= taken
        if self._discarding:
            return AGAIN
        last = not self._rest
        long = self._asking.passing
        if long is None:
            return self._incoming.piece(piece, last=last)
        if last:
            self._asking.passing = None
        return long.piece(piece, last=last, encoding=self._pending.encoding)

    def _ended(self) -> Event | None:
        if not self.buffer.ended:
            return None
        self._over = True
        return SideEnded("client.closed")

    # Messages that hold no command. Each says whether it may move along.

    def _bind(self, data: bytes, position: int, stop: int) -> bool:
        pending, options = self._pending, self._options
        name, source, values = bind_names(data, position, stop)
        definition = self._find_statement(source)
        if isinstance(definition, Uncertain):
            return False
        if not name.isascii():
            pending.check_name(name)
        portal = Portal(name, pending.domain, definition)
        portal.settings = pending.judged_in().settings
        portal.body = data[values:stop]
        portal.cost = stop - position
        full = len(pending.portals.things) >= options.statements
        if full or pending.portals.cost + portal.cost > options.statement_bytes:
            raise WireError("postgres.portals", "The session holds too many open portals.")
        self._offering.keep(pending.statements.cost + pending.portals.cost + portal.cost)
        pending.forward(PendingMessage(BIND, pending.domain, thing=portal))
        pending.batch_open = True
        return True

    def _find_statement(self, name: bytes) -> Definition | Uncertain | None:
        pending = self._pending
        if not name.isascii():
            pending.check_name(name)
        definition = pending.statements.find(name, pending.domain)
        if name and pending.naming_is_open():
            return Uncertain.UNCERTAIN
        return definition

    def _describe(self, data: bytes, position: int, stop: int) -> bool:
        pending = self._pending
        thing = self._named(data, position, stop, "Describe")
        if isinstance(thing, Uncertain):
            return False
        due = PendingMessage(DESCRIBE, pending.domain)
        due.about = thing
        pending.forward(due)
        pending.batch_open = True
        return True

    def _close(self, data: bytes, position: int, stop: int) -> bool:
        pending = self._pending
        thing = self._named(data, position, stop, "Close")
        if isinstance(thing, Uncertain):
            return False
        name, _ = name_at(data, position + 1, stop, "Close")
        end: NamedObject
        if data[position] == 83:
            ending = Definition(name, pending.domain, "")
            ending.gone = True
            end = ending
        else:
            closing = Portal(name, pending.domain, None)
            closing.gone = True
            end = closing
        pending.forward(PendingMessage(CLOSE, pending.domain, thing=end))
        pending.batch_open = True
        return True

    def _named(
        self, data: bytes, position: int, stop: int, what: str
    ) -> NamedObject | Uncertain | None:
        """What a Describe or a Close is about: ``S`` a statement, ``P`` a portal."""
        name, end = name_at(data, position + 1, stop, what)
        if end != stop or data[position] not in b"SP":
            raise malformed(what)
        if data[position] == 83:
            return self._find_statement(name)
        pending = self._pending
        if name and pending.naming_is_open():
            return Uncertain.UNCERTAIN
        if not name.isascii():
            pending.check_name(name)
        return pending.portals.find(name, pending.domain)

    def _flush(self, data: bytes, position: int, stop: int) -> bool:
        del data
        if position != stop:
            raise malformed("Flush")
        return True

    def _sync(self, data: bytes, position: int, stop: int) -> bool:
        del data
        if position != stop:
            raise malformed("Sync")
        pending = self._pending
        tap = pending.tap
        if tap is not None and tap.token is not None:
            # If the data has failed by now the server answers it, else it does not: whoever cannot
            # tell would take one command's answer for another's.
            raise WireError("postgres.sync-in-copy", "A Sync came in the middle of COPY data.")
        if pending.copying is not None and not pending.copy_ended:
            return True  # the server reads it before any data, and ignores it: "COPY Operations"
        pending.forward(PendingMessage(SYNC, pending.domain))
        pending.end_domain()
        return True

    def _take_sync(self) -> None:
        """The Sync that stands next in the buffer was forwarded with the message before it."""
        buffer = self.buffer
        position = buffer.position + len(SYNC_MESSAGE)
        self._pending.dropping = False  # an error that came meanwhile ends with it
        self._sync(buffer.data, position, position)
        buffer.advance(position)

    # What the server would ignore.

    def _behind_refusal(self, kind: int, size: int) -> Event | Again:
        """Data of a refused COPY, which may have been sent ahead, goes nowhere."""
        if kind in _COPY:
            self._dropped_bytes += size
            self._rest = size
            self._discarding = True
            return AGAIN
        self._pending.refused = False
        dropped, self._dropped_bytes = self._dropped_bytes, 0
        if not dropped:
            return AGAIN
        return RecordFirst(Side.SERVER, Opaque("data of a refused COPY, thrown away", dropped), ())

    def _drop(self, kind: int, size: int) -> Again:
        if kind not in {_H, *_COPY}:
            self._dropped += 1
            self._dropped_bytes += size
        self._rest = size
        self._discarding = True
        return AGAIN

    def _sync_after_drop(self, wire: memoryview) -> Event:
        pending = self._pending
        dropped, self._dropped = self._dropped, 0
        size, self._dropped_bytes = self._dropped_bytes, 0
        pending.dropping = False
        pending.forward(PendingMessage(SYNC, pending.domain))
        pending.end_domain()
        if not dropped:
            return Forward(Side.SERVER, (wire,))
        body = Opaque(
            f"{dropped} messages behind a failed or refused one, ignored by the protocol", size
        )
        return RecordFirst(Side.SERVER, body, (wire,))
