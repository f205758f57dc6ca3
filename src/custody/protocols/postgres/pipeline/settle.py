"""The server's messages against the pending ones: one handler per message type, in a table.

Law: a server message that does not match the oldest pending message ends the session, because an
answer recorded for the wrong command is worse than a missing one. Each handler returns whether its
message is forwarded to the client.
"""

from collections.abc import Callable
from typing import Final

from custody.model.errors import WireError
from custody.model.event import Event, Send, StreamEnded
from custody.model.words import Outcome, Side
from custody.protocols.postgres.frames import error_report
from custody.protocols.postgres.pipeline.answer import Answer
from custody.protocols.postgres.pipeline.finished_answer import FinishedAnswer
from custody.protocols.postgres.pipeline.named_object_changes import apply_session_changes
from custody.protocols.postgres.pipeline.names import Definition, Portal
from custody.protocols.postgres.pipeline.notifications import notification
from custody.protocols.postgres.pipeline.pending_queue import (
    BIND,
    CLOSE,
    COPY_END,
    DESCRIBE,
    EXECUTE,
    FUNCTION,
    PARSE,
    QUERY,
    REFUSED_PIPELINE,
    REFUSED_QUERY,
    SYNC,
    PendingMessage,
    PendingQueue,
)
from custody.protocols.postgres.values.row_capture import RowDescription, read_description
from custody.protocols.postgres.values.text import argument

Handler = Callable[[bytes, int, int], bool]
"""Takes a message's body, ``data[position:stop]``; whether it is relayed."""

_DESCRIPTIONS_AT_MOST: Final = 128
_PIPELINED: Final = frozenset({PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, REFUSED_PIPELINE})
_ENDS: Final = frozenset({SYNC, QUERY, FUNCTION, REFUSED_QUERY})
_REFUSED: Final = frozenset({REFUSED_QUERY, REFUSED_PIPELINE})
_COMMANDS: Final = frozenset({QUERY, EXECUTE, FUNCTION})
_ROWS_OF: Final = frozenset({QUERY, EXECUTE})
_DESCRIBED: Final = frozenset({QUERY, DESCRIBE})
_PARSE: Final = frozenset({PARSE})
_BIND: Final = frozenset({BIND})
_CLOSE: Final = frozenset({CLOSE})
_DESCRIBE: Final = frozenset({DESCRIBE})
_EXECUTE: Final = frozenset({EXECUTE})
_FUNCTION: Final = frozenset({FUNCTION})
_SELF_ENDING: Final = frozenset({QUERY, FUNCTION})
_NO_ANSWER: Final = Answer()
_OK: Final = Outcome.OK


class Settlement:
    def __init__(self, pending: PendingQueue) -> None:
        self._pending: Final = pending
        self.answer = Answer()
        """The answer that is coming now."""
        self.finished: list[FinishedAnswer] = []
        self._instead: list[Event] = []
        self._descriptions: Final[dict[bytes, RowDescription]] = {}
        self.handlers: Final[dict[int, Handler]] = {
            ord("1"): self._parsed,
            ord("2"): self._bound,
            ord("3"): self._closed,
            ord("t"): self._parameters,
            ord("T"): self._description,
            ord("n"): self._no_data,
            ord("C"): self._complete,
            ord("s"): self._suspended,
            ord("I"): self._empty,
            ord("V"): self._function_result,
            ord("Z"): self._ready,
            ord("E"): self._error,
            ord("N"): self._notice,
            ord("S"): self._parameter,
            ord("A"): self._notified,
            ord("G"): self._copy_in,
            ord("H"): self._copy_out,
            ord("c"): _passes,
        }

    def take_finished(self) -> list[FinishedAnswer]:
        finished, self.finished = self.finished, []
        return finished

    def take_sends(self) -> list[Event]:
        instead, self._instead = self._instead, []
        return instead

    def skipped(self) -> list[FinishedAnswer]:
        """Commands that the server ignored, because one before them failed."""
        finished: list[FinishedAnswer] = []
        waiting = self._pending.skipped
        while waiting:
            self._skip(waiting.popleft(), finished)
        return finished

    def _skip(self, due: PendingMessage, finished: list[FinishedAnswer]) -> None:
        while True:
            finished.append(FinishedAnswer(Outcome.SKIPPED, due, _NO_ANSWER))
            due.index += 1
            if due.kind != QUERY or due.index >= len(due.interpretations):
                return

    def _front(self) -> PendingMessage | None:
        due = self._pending.due
        while due and due[0].kind == COPY_END:
            self._pending.settle()
        return due[0] if due else None

    def _expect(self, kinds: frozenset[int], what: str) -> PendingMessage:
        line = self._pending.due
        if line and line[0].kind in kinds:
            return line[0]  # nearly always
        due = self._front()
        if due is None or due.kind not in kinds:
            raise WireError(
                "postgres.unexpected",
                f"The server sent {what}, which nothing asked for.",
                blame="server",
            )
        return due

    def rows_of(self) -> PendingMessage:
        return self._expect(_COMMANDS, "rows")

    # Prepared statements and portals.

    def _parsed(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        pending = self._pending
        self._expect(_PARSE, "ParseComplete")
        thing = pending.settle().thing
        if isinstance(thing, Definition):
            pending.parsed(thing)
        return True

    def _bound(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        pending = self._pending
        self._expect(_BIND, "BindComplete")
        due = pending.settle()
        if isinstance(due.thing, Portal):
            pending.portals.settle(due.thing)
        if due.token is not None:
            self.finished.append(FinishedAnswer(_OK, due, _NO_ANSWER))
        return True

    def _closed(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        pending = self._pending
        self._expect(_CLOSE, "CloseComplete")
        thing = pending.settle().thing
        if isinstance(thing, Definition):
            pending.statements.settle(thing)
            if thing.name:
                pending.view = pending.view.close(thing.name.decode(pending.encoding, "replace"))
        elif isinstance(thing, Portal):
            pending.portals.settle(thing)
        return True

    def _parameters(self, data: bytes, position: int, stop: int) -> bool:
        about = self._expect(_DESCRIBE, "ParameterDescription").about
        if isinstance(about, Definition):
            about.declare(
                tuple(
                    int.from_bytes(data[at : at + 4], "big")
                    for at in range(position + 2, stop - 3, 4)
                )
            )
        return True

    def _description(self, data: bytes, position: int, stop: int) -> bool:
        pending = self._pending
        body = data[position:stop]
        description = self._descriptions.get(body)
        if description is None:
            description = read_description(body, pending.encoding)
            if len(self._descriptions) >= _DESCRIPTIONS_AT_MOST:
                self._descriptions.clear()
            self._descriptions[body] = description
        due = self._expect(_DESCRIBED, "RowDescription")
        if due.kind == QUERY:
            self.answer.describe(description, pending)
            return True
        pending.settle()
        about = due.about
        if isinstance(about, (Definition, Portal)):
            about.description = description
        return True

    def _no_data(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        self._expect(_DESCRIBE, "NoData")
        self._pending.settle()
        return True

    # The ends of commands.

    def _complete(self, data: bytes, position: int, stop: int) -> bool:
        due = self._expect(_ROWS_OF, "CommandComplete")
        tag = data[position : stop - 1].decode("ascii", "replace")
        self._completed(due, tag)
        return True

    def _completed(self, due: PendingMessage, tag: str) -> None:
        pending = self._pending
        answer = self.answer
        answer.tag = tag
        due.answered = True
        if pending.copying is due:
            pending.copying = None
        if due.kind == EXECUTE:
            pending.settle()
        if due.index < len(due.interpretations) and due.interpretations[due.index].changes:
            apply_session_changes(pending, due, due.interpretations[due.index], tag)
        if due.kind == QUERY:
            if due.merged:
                return  # nobody could tell its statements apart: they end with the message
            if due.index >= len(due.interpretations):
                raise WireError(
                    "postgres.unexpected", "The server ran more than it was sent.", blame="server"
                )
        self.answer = Answer()
        if due.token is not None:
            finished = FinishedAnswer(_OK, due, answer)
            asked = finished.interpretation
            changes = asked.changes if asked else ()
            finished.open = pending.transactions.completed(tag, changes, last=pending.ends(due))
            self.finished.append(finished)
        due.index += 1

    def _suspended(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        due = self._expect(_EXECUTE, "PortalSuspended")
        pending = self._pending
        pending.settle()
        for interpretation in due.interpretations:
            # What it does to the session may be done already, or come with its last row.
            if interpretation.changes:
                pending.view = pending.view.perhaps(interpretation.changes)
                pending.changed = True
        answer, self.answer = self.answer, Answer()
        if due.token is not None:
            finished = FinishedAnswer(_OK, due, answer)
            finished.open = pending.transactions.completed("", (), last=False)
            self.finished.append(finished)
        return True

    def _empty(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        due = self._expect(_ROWS_OF, "EmptyQueryResponse")
        due.answered = True
        if due.kind == EXECUTE:
            self._completed(due, "")
        return True

    def _function_result(self, data: bytes, position: int, stop: int) -> bool:
        due = self._expect(_FUNCTION, "FunctionCallResponse")
        due.answered = True
        for interpretation in due.interpretations:
            apply_session_changes(self._pending, due, interpretation, "")
        length = int.from_bytes(data[position : position + 4], "big", signed=True)
        value = None if length < 0 else data[position + 4 : min(stop, position + 4 + length)]
        # Its type is the function's, which the message does not say.
        self.answer.arguments = (argument(value, max(length, 0), 0, 1, self._pending.encoding),)
        self.answer.bytes += max(length, 0) + 9
        return True

    def _ready(self, data: bytes, position: int, stop: int) -> bool:
        if stop - position != 1 or data[position] not in b"ITE":
            raise WireError("postgres.ready", "A malformed ReadyForQuery came.", blame="server")
        status = chr(data[position])
        pending = self._pending
        due = self._front()
        if due is None:
            # A Sync that came while COPY data was expected may be answered after all, where the
            # COPY failed before it read anything.
            pending.transactions.ready(status)
            pending.settled(status, pending.domain - 1)
            return True
        if due.kind not in _ENDS:
            self._expect(_ENDS, "ReadyForQuery")
        if due.kind in _SELF_ENDING and not due.answered:
            # It is the end of something else: from here on every answer would be another's.
            raise WireError(
                "postgres.unexpected",
                "The server ended a command that it had not answered.",
                blame="server",
            )
        pending.settle()
        if due.kind in _COMMANDS and due.token is not None:
            self._end_message(due, last=status == "I")
        pending.transactions.ready(status)
        pending.settled(status, due.domain)
        self.answer = Answer()
        return True

    def _end_message(self, due: PendingMessage, *, last: bool) -> None:
        if due.merged or due.kind == FUNCTION:
            if not due.failed:
                finished = FinishedAnswer(_OK, due, self.answer)
                tag = self.answer.tag
                finished.open = self._pending.transactions.completed(tag, (), last=last)
                self.finished.append(finished)
            return
        if due.index < len(due.interpretations):
            self._skip(due, self.finished)

    # Errors.

    def _error(self, data: bytes, position: int, stop: int) -> bool:
        pending = self._pending
        report = error_report(data[position:stop], pending.encoding)
        fatal = report.severity not in {"ERROR", ""}
        due = self._front()
        pending.error_since_ready = True
        pending.transactions.failed()
        if due is not None and due.kind in _REFUSED and not fatal:
            self._instead.append(Send(Side.CLIENT, due.error))
            if due.kind == REFUSED_PIPELINE:
                pending.skip()
            return False
        self._close_stream(due)
        answer, self.answer = self.answer, Answer()
        token = due is not None and due.kind not in {SYNC, *_REFUSED}
        self.finished.append(FinishedAnswer(Outcome.ERROR, due if token else None, answer, report))
        if due is None or fatal:
            return True
        if due.kind in _SELF_ENDING:
            pending.fail(due)
        elif due.kind in _PIPELINED:
            pending.settle()
            pending.undo(due)
            pending.skip()
        return True

    def _close_stream(self, due: PendingMessage | None) -> None:
        """COPY data that was still coming is ignored from here on."""
        pending = self._pending
        if pending.copying is not None and pending.copying is due:
            pending.copying = None
        tap = pending.tap
        if tap is not None and due is not None and tap.token == due.token:
            pending.tap = None
            stream = tap.stream("copy", pending.encoding)
            pending.closed_stream = StreamEnded(stream, (), tap.token, tap.index)

    # What may come at any time.

    def _notice(self, data: bytes, position: int, stop: int) -> bool:
        self._pending.notice(error_report(data[position:stop], self._pending.encoding))
        return True

    def _notified(self, data: bytes, position: int, stop: int) -> bool:
        pending = self._pending
        notified = notification(data[position + 4 : stop], stop - position + 5, pending.encoding)
        pending.notified.append(notified)
        return True

    def _parameter(self, data: bytes, position: int, stop: int) -> bool:
        parts = data[position:stop].split(b"\0")
        if len(parts) >= 2:
            name = parts[0].decode("ascii", "replace")
            self._pending.report_parameter(name, parts[1].decode(self._pending.encoding, "replace"))
        return True

    # COPY.

    def _copy_in(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        pending = self._pending
        pending.begin_copy_in(self._expect(_ROWS_OF, "CopyInResponse"))
        return True

    def _copy_out(self, data: bytes, position: int, stop: int) -> bool:
        del data, position, stop
        due = self._expect(_ROWS_OF, "CopyOutResponse")
        self.answer.copy_out(due, self._pending)
        return True

    def copy_data(self, data: memoryview) -> None:
        tap = self.answer.tap
        if tap is None:
            raise WireError(
                "postgres.unexpected", "The server sent data outside a COPY.", blame="server"
            )
        self.answer.bytes += len(data)
        tap.pass_by(data)


def _passes(data: bytes, position: int, stop: int) -> bool:
    del data, position, stop
    return True
