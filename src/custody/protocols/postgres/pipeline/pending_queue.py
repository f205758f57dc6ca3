"""The messages that were forwarded and are not answered yet, and the session state that the answers
so far give.

Law: the server answers in the order in which it was asked, so one queue tells which message an
answer belongs to. A *domain* is a pipeline up to its Sync (or one simple Query, which is its own):
the first error in it makes the server skip the rest of it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from custody.model.errors import WireError
from custody.model.event import CatalogueStale, Notified, StreamEnded
from custody.model.record import ErrorReport
from custody.protocols.postgres.pipeline.forecast import SessionForecast
from custody.protocols.postgres.pipeline.names import (
    NAME_AT_MOST,
    Definition,
    NamedObject,
    Names,
    Portal,
)
from custody.protocols.postgres.pipeline.transactions import TransactionEnds
from custody.protocols.postgres.statements.interpretation import Interpretation
from custody.protocols.postgres.statements.session_view import SessionView
from custody.protocols.postgres.values.copy_data import StreamTap
from custody.protocols.postgres.values.encoding_names import python_encoding
from custody.wire.sql.syntax import (
    Begin,
    Change,
    Close,
    Commit,
    Deallocate,
    Declare,
    Execute,
    Fetch,
    MadeFunction,
    MadeRelation,
    Prepare,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
    SetParameter,
    TemporaryRelation,
)

QUERY: Final = 1
FUNCTION: Final = 2
SYNC: Final = 3
PARSE: Final = 4
BIND: Final = 5
DESCRIBE: Final = 6
EXECUTE: Final = 7
CLOSE: Final = 8
REFUSED_QUERY: Final = 9
"""The injected failing Query; ``error`` holds what the client is told instead."""
REFUSED_PIPELINE: Final = 10
"""The injected failing Describe."""
COPY_END: Final = 11

_HARMLESS: Final = frozenset({CLOSE, DESCRIBE, COPY_END})
_RUNNING: Final = frozenset({QUERY, EXECUTE, FUNCTION})
PARAMETERS_AT_MOST: Final = 256
NOTICES_AT_MOST: Final = 32


class PendingMessage:
    """One forwarded message whose answer is due. What is rarely set stands on the class."""

    index = 0
    """The command that is being answered."""
    about: NamedObject | None = None
    """What a Describe asks about, or an Execute runs."""
    failed = False
    answered = False  # the server said how a command of it ended, or that it failed
    merged = False
    """One command stands for a text of unknown statements: its answers are one."""
    error = b""
    changing = False
    """It may change what the messages behind it mean."""
    syncs = False
    """The Sync behind it moves with it."""
    renaming = False
    """SQL in it may give names to statements or cursors, or take them away."""

    def __init__(
        self,
        kind: int,
        domain: int,
        token: int | None = None,
        interpretations: Sequence[Interpretation] = (),
        thing: NamedObject | None = None,
    ) -> None:
        self.kind = kind
        self.domain = domain
        self.token = token
        self.order = -1
        """Its number among all that were forwarded."""
        self.interpretations = interpretations
        self.thing = thing
        """What the message defines or ends."""

    def changes(self, encoding: str) -> Iterator[Sequence[Change]]:
        """What is still to come of it changes the session so."""
        if self.failed:
            return
        if self.kind in _RUNNING:
            for interpretation in self.interpretations[self.index :]:
                if interpretation.changes:
                    yield interpretation.changes
        elif isinstance(self.thing, Definition) and self.thing.statement is not None:
            yield (Prepare(self.thing.name.decode(encoding, "replace"), self.thing.statement),)


class PendingQueue:
    """Shared by the two sides of a codec."""

    def __init__(  # noqa: PLR0915  # one line for each fact
        self, view: SessionView, *, capture_bytes: int
    ) -> None:
        self.due: Final[deque[PendingMessage]] = deque()
        self.sent = 0
        """Messages that were forwarded."""
        self._view = view
        self._forecast: Final = SessionForecast()
        self.status = "I"
        """Of the last ReadyForQuery: ``I`` idle, ``T`` in a transaction, ``E`` in a failed one."""
        self.domain = 0
        self.batch_open = False
        """An extended-query message was forwarded since the last Sync."""
        self.dropping = False
        """The server ignores everything until the next Sync."""
        self.refused = False
        """The last command was refused: data that comes behind it has no COPY."""
        self.statements: Final[Names[Definition]] = Names()
        self.portals: Final[Names[Portal]] = Names()
        self.encoding = "utf-8"
        self.parameters: Final[dict[str, str]] = {}
        self.notices: list[ErrorReport] = []
        self.notices_dropped = 0
        self.capture_bytes: Final = capture_bytes
        self.tap: StreamTap | None = None
        """COPY data that the client is sending."""
        self.copying: PendingMessage | None = None
        """The command that takes COPY data in now."""
        self.copy_ended = False
        self.changing = 0
        """How many of ``due`` may change what later messages mean."""
        self._renaming = 0
        """How many of ``due`` are ``renaming``."""
        self._renaming_here = 0
        """Of them, those of this pipeline."""
        self.skipped: Final[deque[PendingMessage]] = deque()
        """Forwarded, and certainly ignored by the server; still to be reported."""
        self.unsettled = -1
        """The last pipeline with a command that may change the catalogue, while its transaction has
        not ended.
        """
        self.catalogue_stale: CatalogueStale | None = None
        """A transaction with such a command ended; still to be reported."""
        self.error_since_ready = False
        self.transactions: Final = TransactionEnds()
        self.notified: Final[deque[Notified]] = deque()
        """What came of the server's own accord, still to be given."""
        self.next_token = 1
        self.changed = False
        """Something changed the session since the last ReadyForQuery."""
        self.closed_stream: StreamEnded | None = None
        """COPY data whose end the server has brought about; still to be reported."""
        self.doubt = -1
        """The last domain in which a command may have changed client_encoding."""
        self.reencoded = False
        """client_encoding is another than the session began with, or was."""
        self.encoding_moved = False
        """It may have been changed since the session was idle: the transaction's end, or a failure
        in it, brings the old one back.
        """
        self.answered_domain = -1

    @property
    def view(self) -> SessionView:
        """The session, as far as the server has answered."""
        return self._view

    @view.setter
    def view(self, view: SessionView) -> None:
        self._view = view
        self._forecast.forget()

    @property
    def quiet(self) -> bool:
        """The server owes nothing and holds no half-sent pipeline."""
        return not self.due and not self.batch_open

    def end_domain(self) -> None:
        """A Sync, a Query or a FunctionCall was forwarded: what follows is judged afresh."""
        self.domain += 1
        self.batch_open = False
        self._renaming_here = 0
        self._forecast.end_pipeline()

    def forward(self, due: PendingMessage) -> None:
        """A message was forwarded (or will be: nothing overtakes it)."""
        due.order = self.sent
        self.sent += 1
        thing = due.thing
        if thing is not None:
            if isinstance(thing, Definition):
                self.statements.put(thing, due.order)
            elif isinstance(thing, Portal):
                self.portals.put(thing, due.order)
        if self.dropping and due.kind != SYNC:
            # It was judged before the error was known.
            self._skip(due)
            return
        if due.changing:
            self._forward_changing(due)
        self.due.append(due)

    def _forward_changing(self, due: PendingMessage) -> None:
        self.changing += 1
        for changes in due.changes(self.encoding):
            self._forecast.forwarded(changes)
            if due.kind in _RUNNING and not all(map(_keeps_names, changes)):
                due.renaming = True
        if due.renaming:
            self._renaming += 1
            self._renaming_here += 1
        if due.kind == EXECUTE:
            self._doubt_names(due)

    def settle(self) -> PendingMessage:
        """The first message has its whole answer."""
        due = self.due.popleft()
        if due.changing:
            self.changing -= 1
            if due.kind != PARSE or not self.changing:
                self._forecast.forget()
            if due.renaming:
                self._renaming -= 1
                if due.domain == self.domain:
                    self._renaming_here -= 1
        return due

    def parsed(self, definition: Definition) -> None:
        """The server took a Parse."""
        self.statements.settle(definition)
        statement = definition.statement
        if definition.name and statement is not None:
            name = definition.name.decode(self.encoding, "replace")
            self._view = self._view.prepare(name, statement)
            if not self._forecast.foresaw(name, statement):
                self._forecast.forget()

    def settled(self, status: str, domain: int) -> None:
        """ReadyForQuery came for that domain."""
        self.answered_domain = max(self.answered_domain, domain)
        if status == "I":
            if self.unsettled >= 0:
                settled = domain >= self.unsettled
                self.catalogue_stale = CatalogueStale(settled)
                if settled:
                    self.unsettled = -1
            if self.portals.things:
                self.portals.end(domain)
            if domain >= self.doubt:
                self.encoding_moved = False
        if status != self.status or self.changed or self.error_since_ready:
            self.view = self.view.ready(status, failed=self.error_since_ready)
            self.status = status
            self.changed = self.error_since_ready = False

    def begin_copy_in(self, due: PendingMessage) -> None:
        """CopyInResponse: a Sync that stands before the end of the data is ignored."""
        self.copying = due
        self.copy_ended = False
        command = self.due.popleft()
        while self.due and self.due[0].kind in {SYNC, COPY_END}:
            ended = self.settle().kind == COPY_END
            if ended:
                self.copy_ended = True
                break
        self.due.appendleft(command)

    def skip(self) -> None:
        """A message of a pipeline failed: what stands before the next Sync will be ignored."""
        ignored: list[PendingMessage] = []
        while self.due and self.due[0].kind != SYNC:
            ignored.append(self.settle())
        for due in reversed(ignored):
            self.undo(due)
        self.skipped.extend(due for due in ignored if due.token is not None)
        self.dropping = not self.due

    def _skip(self, due: PendingMessage) -> None:
        self.undo(due)
        if due.token is not None:
            self.skipped.append(due)

    def undo(self, due: PendingMessage) -> None:
        if due.changing:
            self._forecast.forget()
        thing = due.thing
        if isinstance(thing, Definition):
            self.statements.undo(thing)
        elif isinstance(thing, Portal):
            self.portals.undo(thing)

    def judged_in(self) -> SessionView:
        """The view in which the next message is judged."""
        if not self.changing:
            return self._view
        return self._forecast.view(
            self._view, self._changes_due(here=False), self._changes_due(here=True)
        )

    def _changes_due(self, *, here: bool) -> Iterator[Sequence[Change]]:
        """Of the messages of this pipeline, or of those before it."""
        for due in self.due:
            if due.changing and (due.domain == self.domain) is here:
                yield from due.changes(self.encoding)

    def fail(self, due: PendingMessage) -> None:
        """An error answered a Query: what stands behind the failed statement is not run."""
        due.failed = due.answered = True
        due.index += 1
        self._forecast.forget()

    def naming_is_open(self) -> bool:
        """Whether SQL-level PREPARE, DEALLOCATE, DECLARE … of an earlier pipeline is not answered
        yet.
        """
        return self._renaming > self._renaming_here

    def _doubt_names(self, due: PendingMessage) -> None:
        """SQL in this pipeline takes names away: what had them is not what they mean behind it."""
        for interpretation in due.interpretations:
            for change in interpretation.changes:
                match change:
                    case Deallocate(name=name):
                        self.statements.doubt(name.encode(self.encoding, "replace"), due.domain)
                    case Close(name=name):
                        self.portals.doubt(name.encode(self.encoding, "replace"), due.domain)
                    case Prepare() | Declare() | Execute():
                        pass  # they fail where the name is taken
                    case Commit() | Rollback() | RollbackTo():
                        self.portals.doubt(b"", due.domain)
                    case _ if not _keeps_names(change):
                        self.portals.doubt(b"", due.domain)
                        self.statements.doubt(b"", due.domain)
                    case _:
                        pass

    def check_name(self, name: bytes) -> bytes:
        """A name that is ASCII is itself in every encoding. Another is compared by the server in
        its own encoding: here only while it was UTF-8 all along, and nothing is cut from it.
        """
        plain = name.isascii() or (
            self.encoding == "utf-8"
            and not (self.encoding_moved or self.reencoded)
            and len(name) <= NAME_AT_MOST
        )
        if not plain:
            raise WireError(
                "postgres.name",
                "A statement's or portal's name is not ASCII, in an encoding that may change.",
            )
        return name

    def report_parameter(self, name: str, value: str) -> None:
        if name == "client_encoding":
            self.reencoded = self.reencoded or name in self.parameters
            self.encoding = python_encoding(value)
        if name in self.parameters or len(self.parameters) < PARAMETERS_AT_MOST:
            self.parameters[name] = value
        self.view = self.view.reported(name, value)

    def ends(self, due: PendingMessage) -> bool:
        """Whether a command that is answered now is the last of its text, or before a Sync."""
        if due.kind == QUERY:
            return due.index + 1 >= len(due.interpretations)
        for behind in self.due:
            if behind.kind not in _HARMLESS:
                return behind.kind == SYNC
        return False

    def notice(self, report: ErrorReport) -> None:
        if len(self.notices) < NOTICES_AT_MOST:
            self.notices.append(report)
        else:
            self.notices_dropped += 1


def _keeps_names(change: Change) -> bool:
    """Whether prepared statements and portals keep their names through it."""
    return isinstance(
        change, (Begin, Savepoint, Release, Fetch, TemporaryRelation, MadeRelation, MadeFunction)
    ) or (isinstance(change, SetParameter) and bool(change.name))
