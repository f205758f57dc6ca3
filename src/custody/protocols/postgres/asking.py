"""Messages that hold commands: read, offered to the host, then forwarded or refused in place.

Law: one message is asked about at a time, and nothing behind it is read until it was allowed or
refused. A refused message costs what a failed one would: if the server may be inside a transaction
or a pipeline, one fixed failing message takes its place there.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from custody.model.command import Argument, Command, Refusal
from custody.model.event import (
    CommandsReceived,
    Event,
    Inquiry,
    RecordFirst,
    Relay,
    Send,
    StreamEnded,
)
from custody.model.record import Opaque
from custody.model.words import Effect, Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.binding import (
    Head,
    LongValues,
    arguments,
    bind_head,
    format_codes,
    function_head,
    name_at,
    parse_fields,
    values,
)
from custody.protocols.postgres.ledger import (
    BIND,
    EXECUTE,
    FUNCTION,
    PARSE,
    QUERY,
    REFUSED_PIPELINE,
    REFUSED_QUERY,
    Due,
    Ledger,
    Meant,
)
from custody.protocols.postgres.names import Definition, Portal, Uncertain
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.reading import (
    Meaning,
    Read,
    Reading,
    Recall,
    at_once,
    read_parse,
    read_statement,
    read_text,
    unknown,
)

_CACHED: Final = 256
_CACHED_TEXT: Final = 4096
_SIMPLE: Final = frozenset({QUERY, FUNCTION})
_ENCODING_ACTIONS: Final = frozenset({"SET", "RESET", "DISCARD", "SET CONFIG"})

Done = Callable[[Read], Event | None]


class Asking:
    def __init__(self, ledger: Ledger, meaning: Meaning, options: PostgresOptions) -> None:
        self._ledger: Final = ledger
        self._meaning: Final = meaning
        self._options: Final = options
        self.recall: Recall | None = None
        """Answers that need no waiting; without it every question becomes an ``Inquiry``."""
        self._reading: Reading | None = None
        self._question: Hashable | None = None
        self._asked = False
        self._done: Done | None = None
        self._event: Event | None = None
        self._offered: tuple[CommandsReceived, Due] | None = None
        self.rest = 0
        self._discard_rest = False
        self.passing: LongValues | None = None
        self._size = 0
        self._cache: Final[OrderedDict[bytes, tuple[object, Read]]] = OrderedDict()

    @property
    def busy(self) -> bool:
        """A message is being asked about."""
        return self._event is not None or self._offered is not None or self._reading is not None

    def next_event(self) -> Event | None:
        event = self._event
        if event is not None:
            self._event = None
            return event
        if self._reading is not None and not self._asked and self._question is not None:
            self._asked = True
            return Inquiry(self._question)
        return None

    def take_rest(self) -> tuple[int, bool]:
        """How much of the message is still to come, and whether it is thrown away."""
        rest, self.rest = self.rest, 0
        return rest, self._discard_rest

    # The messages. Each says whether it could be begun; if not, answers must come first.

    def query(self, data: bytes, start: int, stop: int) -> bool:
        raw = data[start + 5 : stop - 1]
        if data[stop - 1] or b"\0" in raw:
            raise frames.malformed("Query")
        if len(raw) > self._options.command_bytes:
            self._event = self._refuse_itself(simple=True, size=stop - start)
            return True
        ledger = self._ledger
        view = ledger.judged_in()
        wire = memoryview(data)[start:stop]
        cached = self._cache.get(raw)
        if cached is not None and cached[0] is view and self._holds(cached[1]):
            self._queried(cached[1], wire)
            return True
        text = self._text(raw)
        if isinstance(text, Uncertain):
            return False

        def done(read: Read) -> Event | None:
            if len(raw) <= _CACHED_TEXT and read.facts and self.recall is not None:
                self._cache[raw] = (view, read)
                if len(self._cache) > _CACHED:
                    self._cache.popitem(last=False)
            self._queried(read, wire)
            return None

        if text is None:
            self._begin(_undecodable(self._meaning, raw), done)
        else:
            self._begin(read_text(self._meaning, text, view, self.recall), done)
        return True

    def parse(self, data: bytes, start: int, stop: int) -> bool:
        name, raw, types = parse_fields(data, start + 5, stop)
        ledger, options = self._ledger, self._options
        held = ledger.statements
        full = len(held) >= options.statements or held.cost + len(raw) > options.statement_bytes
        if len(raw) > options.command_bytes or full:
            self._event = self._refuse_itself(simple=False, size=stop - start)
            return True
        text = self._text(raw)
        if isinstance(text, Uncertain):
            return False
        wire = memoryview(data)[start:stop]
        definition = Definition(name, ledger.domain, text or "")
        definition.types = types
        definition.cost = len(raw)

        def done(read: Read) -> Event | None:
            if len(read.statements) == 1:
                definition.statement = read.statements[0]
            elif read.commands:
                definition.problem = "syntax"
            due = Due(PARSE, definition.domain, thing=definition)
            due.changing = bool(name) and definition.statement is not None
            self._offer(read, due, wire, "parse")
            return None

        view = ledger.judged_in()
        if text is None:
            definition.problem = "encoding"
            self._begin(_undecodable(self._meaning, raw), done)
        else:
            self._begin(read_parse(self._meaning, text, view, self.recall), done)
        return True

    def execute(self, data: bytes, start: int, stop: int) -> bool:
        name, end = name_at(data, start + 5, stop, "Execute")
        if end + 4 != stop:
            raise frames.malformed("Execute")
        ledger = self._ledger
        portal = ledger.portals.find(name, ledger.domain)
        if isinstance(portal, Uncertain) or (portal is None and ledger.naming_is_open()):
            return False
        wire = memoryview(data)[start:stop]

        def done(read: Read) -> Event | None:
            due = Due(EXECUTE, ledger.domain, meant=read.meant, thing=None)
            due.about = portal
            if portal is not None and portal.cursor:
                due.meant = ()
            self._offer(read, due, wire, "execute")
            return None

        self._begin(self._executed(portal), done)
        return True

    def _executed(self, portal: Portal | None) -> Reading:
        definition = portal.definition if portal is not None else None
        if portal is None or definition is None:
            return at_once(unknown(self._meaning, "", "portal"))
        long = portal.long
        if long is not None and self.passing is None:
            formats, types = long.head.formats, definition.types
            portal.arguments = arguments(long.so_far(), formats, types, self._ledger.encoding)
            portal.formats = long.result_formats()
        elif portal.arguments is None:
            portal.arguments = self._arguments(portal, definition)
        return read_statement(
            self._meaning,
            definition.text,
            definition.statement,
            definition.problem,
            self._ledger.judged_in(),
            self.recall,
            portal.arguments,
        )

    def _arguments(self, portal: Portal, definition: Definition) -> tuple[Argument, ...]:
        body = portal.body
        if not body:
            return ()
        head = bind_head(body, 0, len(body))
        found, position = values(body, head, len(body), "Bind")
        portal.formats, end = format_codes(body, position, len(body), "Bind")
        if end != len(body):
            raise frames.malformed("Bind")
        portal.body = b""
        return arguments(found, head.formats, definition.types, self._ledger.encoding)

    def function(self, data: bytes, start: int, stop: int) -> bool:
        oid, head = function_head(data, start + 5, stop)
        found, end = values(data, head, stop, "FunctionCall")
        if end + 2 != stop:
            raise frames.malformed("FunctionCall")
        given = arguments(found, head.formats, (), self._ledger.encoding)
        self._call(oid, given, memoryview(data)[start:stop])
        return True

    def _call(self, oid: int, given: tuple[Argument, ...], wire: memoryview) -> None:
        command = Command(
            action="FUNCTION CALL",
            effects=frozenset({Effect.EXECUTE}),
            objects=(),
            bounded=True,
            text=f"function {oid}",
            arguments=given,
            form="function",
            resolved=False,
        )
        read = Read()
        read.commands = (command,)
        read.meant = (Meant(command, stales=True),)
        self._offer(read, Due(FUNCTION, self._ledger.domain, meant=read.meant), wire, "execute")

    # Long values: announced and recorded before the first byte moves.

    def long_bind(self, data: bytes, start: int, stop: int, size: int) -> bool:
        """``stop`` is how far the message has come, ``size`` all that it will be."""
        ledger = self._ledger
        head = bind_head(data, start + 5, stop)
        definition = ledger.statements.find(head.statement, ledger.domain)
        if isinstance(definition, Uncertain) or (definition is None and ledger.naming_is_open()):
            return False
        long = self._long(head, data, start, stop, size)
        portal = Portal(head.portal, ledger.domain, definition)
        portal.long = long
        portal.cost = self._options.bind_bytes
        wire = memoryview(data)[start:stop]
        types = definition.types if definition is not None else ()
        portal.arguments = arguments(long.so_far(), head.formats, types, ledger.encoding)

        def done(read: Read) -> Event | None:
            due = Due(BIND, ledger.domain, thing=portal)
            self.rest = size - (stop - start)
            self._offer(read, due, wire, "bind")
            return None

        self._begin(self._executed(portal), done)
        return True

    def long_function(self, data: bytes, start: int, stop: int, size: int) -> bool:
        oid, head = function_head(data, start + 5, stop)
        long = self._long(head, data, start, stop, size)
        given = arguments(long.so_far(), head.formats, (), self._ledger.encoding)
        self.rest = size - (stop - start)
        self._call(oid, given, memoryview(data)[start:stop])
        return True

    def _long(self, head: Head, data: bytes, start: int, stop: int, size: int) -> LongValues:
        options = self._options
        long = LongValues(head, options.bind_bytes, options.capture_bytes, self._ledger.next_token)
        long.pass_by(memoryview(data)[start + 5 : stop], from_head=head.position - start - 5)
        self.passing = long
        self._size = size
        return long

    def long_ended(self, piece: memoryview) -> StreamEnded:
        long = self.passing
        if long is None:
            raise frames.malformed("Bind")
        self.passing = None
        stream = long.tap.stream("bind", self._ledger.encoding, self._size - 5)
        return StreamEnded(stream, (piece,), long.token)

    # Readings.

    def _begin(self, reading: Reading, done: Done) -> None:
        self._reading = reading
        self._done = done
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
            read: Read = stop.value
            done(read)
        else:
            self._asked = False

    def _holds(self, read: Read) -> bool:
        """Whether every answer that a reading rests on is still the answer."""
        recall = self.recall
        if recall is None:
            return False
        return all(recall(question) is answer for question, answer in read.facts)

    def _text(self, raw: bytes) -> str | Uncertain | None:
        """The text, ``None`` where it cannot be known, or that it must wait."""
        ledger = self._ledger
        if raw.isascii():
            return raw.decode("ascii")
        if ledger.doubt > ledger.answered_domain:
            # An earlier command may have changed client_encoding.
            return None if ledger.doubt == ledger.domain else Uncertain.UNCERTAIN
        try:
            return raw.decode(ledger.encoding)
        except UnicodeDecodeError:
            return None

    # Offers.

    def _queried(self, read: Read, wire: memoryview) -> None:
        due = Due(QUERY, self._ledger.domain, meant=read.meant)
        due.merged = read.merged
        self._offer(read, due, wire, "execute")

    def _offer(self, read: Read, due: Due, wire: memoryview, stage: str) -> None:
        ledger = self._ledger
        if ledger.dropping:
            # An error came while the message was being read: the server will ignore it.
            self._event = RecordFirst(
                Side.SERVER, Opaque("a message behind a failed one, ignored", len(wire)), ()
            )
            self._leave_rest()
            return
        if due.kind in {QUERY, EXECUTE}:
            due.changing = any(meant.changes for meant in due.meant)
        if not read.commands:
            self._commit(due)
            self._event = Relay(Side.SERVER, (wire,))
            return
        token = ledger.next_token
        ledger.next_token = token + 1
        if stage != "parse":
            due.token = token
        event = CommandsReceived(read.commands, (wire,), stage, token)
        self._offered = (event, due)
        self._event = event

    def allow(self, message: CommandsReceived) -> None:
        if self._offered is None or self._offered[0] is not message:
            raise ValueError("Only the message that was offered last can be allowed.")
        due = self._offered[1]
        self._offered = None
        self._discard_rest = False
        for command in message.commands:
            if not command.effects <= _HARMLESS or command.action in _ENCODING_ACTIONS:
                self._ledger.doubt = due.domain
        self._commit(due)

    def _commit(self, due: Due) -> None:
        ledger = self._ledger
        thing = due.thing
        if isinstance(thing, Definition):
            ledger.statements.put(thing)
        elif isinstance(thing, Portal):
            ledger.portals.put(thing)
        ledger.forward(due)
        if due.kind in _SIMPLE:
            ledger.end_domain()
            if due.kind == QUERY:
                # "a simple Query message also destroys the unnamed statement" and portal
                ledger.statements.remove(b"")
                ledger.portals.remove(b"")
        else:
            ledger.batch_open = True

    def refuse(self, message: CommandsReceived, refusal: Refusal) -> list[Send]:
        if self._offered is None or self._offered[0] is not message:
            raise ValueError("Only the message that was offered last can be refused.")
        due = self._offered[1]
        self._offered = None
        self._event = None
        self._leave_rest()
        return self._in_place(refusal, simple=due.kind in _SIMPLE)

    def _leave_rest(self) -> None:
        self._discard_rest = True
        self.passing = None

    def _in_place(self, refusal: Refusal, *, simple: bool) -> list[Send]:
        """The refusal, where the refused message would have stood."""
        ledger = self._ledger
        if ledger.dropping:
            return []
        ledger.refused = simple
        error = frames.error(refusal)
        if ledger.quiet and ledger.status != "T":
            if simple:
                return [Send(Side.CLIENT, error + frames.ready(ledger.status))]
            ledger.dropping = True
            return [Send(Side.CLIENT, error)]
        due = Due(REFUSED_QUERY if simple else REFUSED_PIPELINE, ledger.domain)
        due.error = error
        ledger.forward(due)
        if simple:
            ledger.end_domain()
            return [Send(Side.SERVER, frames.FAILING_QUERY)]
        ledger.batch_open = True
        ledger.dropping = True
        return [Send(Side.SERVER, frames.FAILING_EXECUTE)]

    def too_long(self, *, simple: bool, size: int) -> None:
        """A text over the bound: refused, and thrown away as it comes."""
        self.rest = size
        self._leave_rest()
        self._event = self._refuse_itself(simple=simple, size=size)

    def _refuse_itself(self, *, simple: bool, size: int) -> Event | None:
        """A refusal that no policy made: recorded before it is answered."""
        refusal = Refusal(
            "54000",
            f"custody: the command is longer than {self._options.command_bytes} bytes, or the "
            "session holds too many prepared statements",
            hint="Send long values as parameters, or load them with COPY.",
        )
        sends = self._in_place(refusal, simple=simple)
        if not sends:
            return None
        body = Opaque("a command over its bound, refused with 54000", size)
        return RecordFirst(sends[0].to, body, (sends[0].data,))


_HARMLESS: Final = frozenset({Effect.READ, Effect.WRITE, Effect.DEFINE})


def _undecodable(meaning: Meaning, raw: bytes) -> Reading:
    return at_once(unknown(meaning, raw.decode("ascii", "backslashreplace"), "encoding"))
