"""Messages that hold commands, and the questions to the catalogue that they need.

Law: a message's commands are read in the session as it will be when the server reaches the message.
A remembered reading is used again only while every answer that it rests on still holds.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from custody.model.command import Argument, Command
from custody.model.words import Effect
from custody.protocols.postgres import frames
from custody.protocols.postgres.frames import SYNC_MESSAGE
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.pipeline.long_message import LongMessage
from custody.protocols.postgres.pipeline.names import Definition, Portal, Uncertain
from custody.protocols.postgres.pipeline.offer import Offer
from custody.protocols.postgres.pipeline.pending_queue import (
    BIND,
    EXECUTE,
    FUNCTION,
    PARSE,
    QUERY,
    PendingMessage,
    PendingQueue,
)
from custody.protocols.postgres.refusals import unreadable
from custody.protocols.postgres.statements import fast_path
from custody.protocols.postgres.statements.interpretation import Interpretation
from custody.protocols.postgres.statements.reach import EVERYTHING
from custody.protocols.postgres.statements.reader import (
    CommandReading,
    MeaningSource,
    MessageReading,
    ReadMemory,
    at_once,
    read_parse,
    read_statement,
    read_text,
    read_types,
    unknown,
)
from custody.protocols.postgres.statements.session_view import SessionView, Settings, either
from custody.protocols.postgres.types.value_types import Types
from custody.protocols.postgres.values.bind import (
    ValueHead,
    arguments,
    bind_head,
    bind_values,
    format_codes,
    function_head,
    name_at,
    parse_fields,
    values,
)
from custody.wire.sql.syntax import SetParameter, Unreadable

_CACHED: Final = 256
_CACHED_TEXT: Final = 4096

ReadingCache = OrderedDict[bytes, tuple[Settings, MessageReading]]


class CommandReader:
    """Each message says whether it could be begun; if not, answers must come first."""

    def __init__(
        self,
        pending: PendingQueue,
        offering: Offer,
        meanings: MeaningSource,
        options: PostgresOptions,
    ) -> None:
        self._pending: Final = pending
        self._offering: Final = offering
        self._meanings: Final = meanings
        self._options: Final = options
        self.memory: Final = ReadMemory(meanings)
        self._queries: Final[ReadingCache] = OrderedDict()
        self._parses: Final[ReadingCache] = OrderedDict()
        self.passing: LongMessage | None = None
        """A long message that is being forwarded as it comes."""

    def query(self, data: bytes, start: int, stop: int) -> bool:
        raw = data[start + 5 : stop - 1]
        if data[stop - 1] or b"\0" in raw:
            raise frames.malformed("Query")
        if len(raw) > self._options.command_bytes:
            self._offering.refuse_too_long(simple=True, size=stop - start)
            return True
        view = self._pending.judged_in()
        wire = memoryview(data)[start:stop]
        kept = self._queries.get(raw)
        if kept is not None and kept[0] is view.settings and self.memory.holds(kept[1].facts):
            self._queried(kept[1], wire)
            return True
        text = self._text(raw)
        if isinstance(text, Uncertain):
            return False
        read = self.memory.at_hand(text, view) if text is not None else None
        if read is not None:
            self._keep(self._queries, raw, view.settings, read)
            self._queried(read, wire)
            return True

        def done(read: MessageReading) -> None:
            self._keep(self._queries, raw, view.settings, read)
            self._queried(read, wire)

        if text is None:
            self._offering.begin(self._undecodable(raw), done)
        else:
            self._offering.begin(read_text(self.memory, text, view), done)
        return True

    def _queried(self, read: MessageReading, wire: memoryview) -> None:
        due = PendingMessage(QUERY, self._pending.domain, interpretations=read.interpretations)
        due.merged = read.merged
        self._offering.offer(read, due, wire, "execute")

    def parse(self, data: bytes, start: int, stop: int) -> bool:
        name, raw, types = parse_fields(data, start + 5, stop)
        pending, options = self._pending, self._options
        held = pending.statements
        full = (
            len(held.things) >= options.statements or held.cost + len(raw) > options.statement_bytes
        )
        if len(raw) > options.command_bytes or full:
            self._offering.refuse_too_long(simple=False, size=stop - start)
            return True
        self._offering.keep(held.cost + pending.portals.cost + len(raw))
        view = pending.judged_in()
        kept = self._parses.get(raw)
        known = kept is not None and kept[0] is view.settings and self.memory.holds(kept[1].facts)
        text = self._text(raw)
        if isinstance(text, Uncertain):
            return False
        definition = Definition(pending.check_name(name), pending.domain, text or "")
        definition.declare(types)
        definition.cost = len(raw)
        wire = memoryview(data)[start:stop]
        if kept is not None and known:
            self._parsed(definition, kept[1], wire)
            return True

        def done(read: MessageReading) -> None:
            self._keep(self._parses, raw, view.settings, read)
            self._parsed(definition, read, wire)

        if text is None:
            definition.problem = "encoding"
            self._offering.begin(self._undecodable(raw), done)
        else:
            self._offering.begin(read_parse(self.memory, text, view), done)
        return True

    def _parsed(self, definition: Definition, read: MessageReading, wire: memoryview) -> None:
        if len(read.statements) == 1:
            definition.statement = read.statements[0]
        elif read.commands and not definition.problem:
            definition.problem = "syntax"
        due = PendingMessage(PARSE, definition.domain, thing=definition)
        due.changing = bool(definition.name) and definition.statement is not None
        self._offering.offer(read, due, wire, "parse")

    def execute(self, data: bytes, start: int, stop: int) -> bool:
        """With the Sync behind it, where there is one: drivers send them together."""
        name, end = name_at(data, start + 5, stop, "Execute")
        if end + 4 != stop:
            raise frames.malformed("Execute")
        pending = self._pending
        if not name.isascii():
            pending.check_name(name)
        portal = pending.portals.find(name, pending.domain)
        if isinstance(portal, Uncertain) or (name and pending.naming_is_open()):
            return False
        syncs = data.startswith(SYNC_MESSAGE, stop)
        wire = memoryview(data)[start : stop + len(SYNC_MESSAGE) if syncs else stop]
        own = portal is not None and self._is_undescribed(portal)
        read = None if own else self._remembered(portal)
        if read is not None:
            self._executed(portal, read, wire, syncs=syncs)
        else:

            def done(read: MessageReading) -> None:
                self._executed(portal, read, wire, syncs=syncs)

            asking = self._described(portal) if own and portal is not None else None
            self._offering.begin(asking or self._reading_of(portal), done)
        return True

    @staticmethod
    def _is_undescribed(portal: Portal) -> bool:
        """Whether values are of types that only the database can describe, and has not yet."""
        definition = portal.definition
        if definition is None or not definition.own_types:
            return False  # nearly always
        return portal.types is None and portal.arguments is None

    def _described(self, portal: Portal) -> CommandReading:
        """The reading, once what is not known of its values' types was asked."""
        definition = portal.definition
        if definition is not None:
            types = Types(self.memory.recall, asks=True)
            wanted = list(definition.types)
            while True:
                yield from read_types(self.memory, types, wanted)
                portal.arguments, portal.types = None, types
                body = portal.body
                self._arguments(portal, definition)
                if not (wanted := types.unanswered()):
                    break
                portal.body = body
        return (yield from self._reading_of(portal))

    def _executed(
        self, portal: Portal | None, read: MessageReading, wire: memoryview, *, syncs: bool
    ) -> None:
        # Opening a cursor again is not what a Fetch from it does.
        interpretations = () if portal is not None and portal.cursor else read.interpretations
        due = PendingMessage(EXECUTE, self._pending.domain, interpretations=interpretations)
        due.about = portal
        due.syncs = syncs
        self._offering.offer(read, due, wire, "execute")

    def _remembered(self, portal: Portal | None) -> MessageReading | None:
        """What a statement is that was understood before, in the same settings."""
        definition = portal.definition if portal is not None else None
        if portal is None or definition is None or definition.statement is None:
            return None
        return self.memory.again(
            definition.text,
            definition.statement,
            self._judged_in(portal),
            self._arguments(portal, definition),
        )

    def _judged_in(self, portal: Portal) -> SessionView:
        """Its names mean what they meant when it was bound; its rights are those of now."""
        view, bound = self._pending.judged_in(), portal.settings
        if bound is None or bound is view.settings or bound == view.settings:
            return view
        return msgspec.structs.replace(view, settings=either(view.settings, bound))

    def _reading_of(self, portal: Portal | None) -> CommandReading:
        definition = portal.definition if portal is not None else None
        if portal is None or definition is None:
            return at_once(unknown(self._meanings, "", "portal"))
        return read_statement(
            self.memory,
            definition.text,
            definition.statement,
            definition.problem,
            self._judged_in(portal),
            self._arguments(portal, definition),
        )

    def _arguments(self, portal: Portal, definition: Definition) -> tuple[Argument, ...]:
        """The bind values, decoded once; those of a long Bind when all of it has passed."""
        encoding = self._pending.encoding
        long = portal.long
        if long is not None and self.passing is None and not portal.formats_known:
            found, formats = long.so_far(), long.head.formats
            portal.arguments = arguments(found, formats, definition.types, encoding, portal.types)
            portal.formats = long.result_formats()
            portal.formats_known = True
        if portal.arguments is None:
            body = portal.body
            head = bind_values(body, 0, len(body))
            given, position = values(body, head, len(body), "Bind")
            portal.formats, end = format_codes(body, position, len(body), "Bind")
            if end != len(body):
                raise frames.malformed("Bind")
            portal.body = b""
            portal.arguments = arguments(
                given, head.formats, definition.types, encoding, portal.types
            )
        return portal.arguments

    def function(self, data: bytes, start: int, stop: int) -> bool:
        oid, head = function_head(data, start + 5, stop)
        found, end = values(data, head, stop, "FunctionCall")
        if end + 2 != stop:
            raise frames.malformed("FunctionCall")
        given = arguments(found, head.formats, (), self._pending.encoding)
        self._offering.offer(*self._call(oid, given), memoryview(data)[start:stop], "execute")
        return True

    def _call(self, oid: int, given: tuple[Argument, ...]) -> tuple[MessageReading, PendingMessage]:
        """A FunctionCall ("fast path")."""
        text, effects = fast_path.called(oid)
        command = Command(
            action="FUNCTION CALL",
            effects=effects,
            objects=(EVERYTHING,) if Effect.EXECUTE in effects else (),
            bounded=True,
            text=text,
            arguments=given,
            form="function",
            resolved=False,
        )
        read = MessageReading()
        read.commands = (command,)
        changes = (SetParameter("search_path", None),)
        read.interpretations = (Interpretation(command, changes=changes, stales=True),)
        return read, PendingMessage(
            FUNCTION, self._pending.domain, interpretations=read.interpretations
        )

    def long_bind(self, data: bytes, start: int, stop: int, size: int) -> bool:
        """``stop`` is how far the message has come, ``size`` all that it will be."""
        pending = self._pending
        head = bind_head(data, start + 5, stop)
        pending.check_name(head.portal)
        definition = pending.statements.find(pending.check_name(head.statement), pending.domain)
        named = head.statement or head.portal
        if isinstance(definition, Uncertain) or (named and pending.naming_is_open()):
            return False
        long = self._long(head, data, start, stop, size)
        portal = Portal(head.portal, pending.domain, definition)
        portal.long = long
        portal.settings = pending.judged_in().settings
        portal.cost = self._options.bind_bytes
        types = definition.types if definition is not None else ()
        portal.arguments = arguments(long.so_far(), head.formats, types, pending.encoding)
        wire = memoryview(data)[start:stop]

        def done(read: MessageReading) -> None:
            self._offering.rest = size - (stop - start)
            self._offering.offer(
                read, PendingMessage(BIND, pending.domain, thing=portal), wire, "bind"
            )

        self._offering.begin(self._reading_of(portal), done)
        return True

    def long_function(self, data: bytes, start: int, stop: int, size: int) -> bool:
        """As ``long_bind``."""
        oid, head = function_head(data, start + 5, stop)
        long = self._long(head, data, start, stop, size)
        given = arguments(long.so_far(), head.formats, (), self._pending.encoding)
        self._offering.rest = size - (stop - start)
        self._offering.offer(*self._call(oid, given), memoryview(data)[start:stop], "execute")
        return True

    def _long(self, head: ValueHead, data: bytes, start: int, stop: int, size: int) -> LongMessage:
        options = self._options
        token = self._pending.next_token
        long = LongMessage(head, options.bind_bytes, options.capture_bytes, token, size)
        long.pass_by(memoryview(data)[start + 5 : stop], from_head=head.position - start - 5)
        self.passing = long
        return long

    def _undecodable(self, raw: bytes) -> CommandReading:
        read = unknown(self._meanings, raw.decode("ascii", "backslashreplace"), "encoding")
        read.unreadable = unreadable(Unreadable("encoding"))
        return at_once(read)

    def _keep(
        self, kept: ReadingCache, raw: bytes, settings: Settings, read: MessageReading
    ) -> None:
        worth = read.lasting and self.memory.recall is not None and len(raw) <= _CACHED_TEXT
        if worth and raw.isascii():
            kept[raw] = (settings, read)
            if len(kept) > _CACHED:
                kept.popitem(last=False)

    def _text(self, raw: bytes) -> str | Uncertain | None:
        """The text, ``None`` where it cannot be known, or that it must wait."""
        pending = self._pending
        if raw.isascii():
            return raw.decode("ascii")
        if pending.due and pending.due[0].domain < pending.domain:
            # Only the server's own report says which encoding holds behind a transaction's end.
            return Uncertain.UNCERTAIN
        if pending.doubt == pending.domain:
            return None  # an earlier command of the pipeline may have changed client_encoding
        try:
            return raw.decode(pending.encoding)
        except UnicodeDecodeError:
            return None
