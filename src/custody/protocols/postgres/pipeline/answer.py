"""The answer of one command so far.

Law: counts are of all rows, values only of captured ones; without a known description columns have
no names rather than wrong ones.
"""

from typing import Final

from msgspec import UNSET

from custody.model.command import Argument
from custody.model.record import ErrorReport, OutputColumn, Response
from custody.model.words import Outcome
from custody.protocols.postgres.pipeline.names import Portal
from custody.protocols.postgres.pipeline.pending_queue import EXECUTE, PendingMessage, PendingQueue
from custody.protocols.postgres.statements.interpretation import Interpretation, Outputs
from custody.protocols.postgres.values.copy_data import StreamTap, columns_of
from custody.protocols.postgres.values.row_capture import RowCapture, RowDescription, with_formats


class Answer:
    """What is rarely set stands on the class: every command has one of these."""

    rows = 0
    bytes = 0
    tag = ""
    cut = False
    """Something was left out beside rows."""
    capture: RowCapture | None = None
    description: RowDescription | None = None
    tap: StreamTap | None = None
    arguments: tuple[Argument, ...] = ()

    def describe(self, description: RowDescription, pending: PendingQueue) -> None:
        """A RowDescription of a simple query: its rows follow."""
        self.description = description
        kept = self.capture
        self.capture = RowCapture(
            pending.capture_bytes, pending.encoding, description.forms, plain=description.plain
        )
        if kept is not None:
            # Statements that nobody could tell apart share one record and one bound.
            self.capture.go_on(kept)

    def begin_rows(self, due: PendingMessage | None, pending: PendingQueue) -> RowCapture:
        """The first row of an answer without a RowDescription of its own."""
        room, encoding = pending.capture_bytes, pending.encoding
        if due is None or due.kind != EXECUTE or not isinstance(due.about, Portal):
            capture = self.capture = RowCapture(room, encoding)
            return capture
        portal = due.about
        definition = portal.definition
        described = portal.description
        if described is None and definition is not None:
            described = definition.description
        self.description = described
        formats = portal.formats
        if not formats:
            forms = described.forms if described is not None else ()
            plain = described is None or described.plain
        else:
            forms = with_formats(described, formats)
            plain = not any(formats)
        capture = self.capture = RowCapture(room, encoding, forms, plain=plain)
        return capture

    def copy_out(self, due: PendingMessage, pending: PendingQueue) -> None:
        tap = self.tap = StreamTap(pending.capture_bytes, due.token, due.index, "down")
        if due.index < len(due.interpretations):
            interpretation = due.interpretations[due.index]
            tap.copy, tap.types = interpretation.copy, interpretation.types
            tap.origin = columns_of(
                interpretation.columns, interpretation.copy, interpretation.table
            )

    def response(
        self,
        outcome: Outcome,
        columns: tuple[OutputColumn, ...],
        interpretation: Interpretation | None,
        pending: PendingQueue,
        error: ErrorReport | None = None,
        *,
        open_ended: bool = False,
    ) -> Response:
        """The record's body; the host fills in the command's number and the time it took."""
        notices: tuple[ErrorReport, ...] = ()
        dropped = pending.notices_dropped
        if pending.notices:
            notices = tuple(pending.notices)
            pending.notices.clear()
            pending.notices_dropped = 0
        captured: tuple[tuple[str | None, ...], ...] = ()
        unread: tuple[tuple[int, int, int], ...] = ()
        truncated = self.cut
        digest = ""
        if self.capture is not None:
            captured = tuple(self.capture.rows)
            unread = self.capture.unread
            truncated = truncated or self.capture.truncated or len(captured) < self.rows
        elif self.tap is not None:
            captured, unread = self.tap.rows(pending.encoding)
            columns = self.tap.origin
            truncated = self.tap.truncated
            digest = self.tap.digest
        tag = self.tag
        count = tag.rpartition(" ")[2]
        return Response(
            None,
            outcome,
            tag,
            int(count) if count.isdecimal() and len(count) < _DIGITS else self.rows,
            self.bytes,
            0,
            columns,
            captured,
            truncated,
            error,
            notices,
            dropped,
            digest,
            interpretation.relations if interpretation is not None else (),
            interpretation.resolved if interpretation is not None else False,
            self.arguments,
            unread,
            _sources(interpretation, columns, captured),
            open_ended,
            wrote=interpretation.writes if interpretation is not None else UNSET,
        )


def _sources(
    interpretation: Interpretation | None,
    columns: tuple[OutputColumn, ...],
    captured: tuple[tuple[str | None, ...], ...],
) -> Outputs:
    """What its columns are worked out from, if there are as many; a result that nobody described
    has as many as its rows have cells.
    """
    if interpretation is None or not interpretation.outputs:
        return ()
    width = len(columns) or (len(captured[0]) if captured else 0)
    return interpretation.outputs if len(interpretation.outputs) == width else ()


_DIGITS: Final = 16
