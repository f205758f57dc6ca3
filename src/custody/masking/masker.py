"""The masker: a record goes in as it was seen, and comes out as it may be kept.

Law: pure, total, idempotent; what fails gives no record at all, and an error without a word of
the record. All fields that only steer masking are empty afterwards.
"""

from collections.abc import Sequence
from typing import Final

from custody.masking.bounds import Bounds, Cutter, size
from custody.masking.columns import ColumnRules
from custody.masking.detectors import SECRETS
from custody.masking.faults import FaultMasker
from custody.masking.fields import FieldMasker
from custody.masking.folding import BORDER
from custody.masking.rules import MaskRule, check_rules
from custody.masking.scanner import Scanner
from custody.masking.statements import StatementMasker
from custody.masking.tokens import Tokens
from custody.masking.values import ValueMasker
from custody.model.command import Command, Relation
from custody.model.errors import CustodyError
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    OutputColumn,
    Record,
    Response,
    Stream,
)

_KEY_BYTES: Final = 32


class RecordMasker:
    """Masks records by an operator's rules. ``key`` makes the tokens: at least 32 bytes."""

    def __init__(self, rules: Sequence[MaskRule], key: bytes, bounds: Bounds | None = None) -> None:
        """Raises ``CustodyError`` where a rule cannot work."""
        if len(key) < _KEY_BYTES:
            raise CustodyError(
                "masking.key",
                f"The token key is shorter than {_KEY_BYTES} bytes.",
                "Restore the key file, or let `custody init` make a new one.",
            )
        checked = check_rules(rules)
        self._digest: Final = checked.digest
        self._bounds: Final = bounds or Bounds()
        tokens = Tokens(key, checked.kinds)
        self._scanner: Final = Scanner(checked.detectors, checked.own, tokens)
        credentials = Scanner({name: checked.detectors[name] for name in SECRETS}, (), tokens)
        self._rules: Final = ColumnRules(checked.columns)
        self._cutter: Final = Cutter(self._scanner, tokens)
        self._fields: Final = FieldMasker(self._scanner, credentials)
        self._statements: Final = StatementMasker(self._rules, self._scanner, tokens)
        self._faults: Final = FaultMasker(self._rules, self._statements, tokens)
        self._values: Final = ValueMasker(
            self._rules, self._scanner, tokens, self._cutter, self._bounds
        )

    @property
    def digest(self) -> bytes:
        """Of the rules and of the detectors' version; says nothing of the key."""
        return self._digest

    def mask(self, record: Record) -> Record:
        """The record as it may be kept. Raises ``CustodyError`` ``masking.failed``, and nothing
        else; then nothing may be kept, and nothing forwarded.
        """
        try:
            return self._mask(record)
        except Exception:  # noqa: BLE001, S110 - any fault here must stop the record, without its text
            pass
        raise CustodyError(
            "masking.failed",
            "A record could not be masked, so it was not kept.",
            "Report the fault with this code; the command was not forwarded.",
        )

    def _mask(self, record: Record) -> Record:
        body = record.body
        match body:
            case CommandSeen():
                new: Body = self._command_seen(body)
            case Response():
                new = self._response(body)
            case Stream():
                new = self._stream(body)
            case _:
                masked: Record = self._fields.mask(record)
                return masked
        loop, session = record.loop, record.session
        if loop is not None:
            loop = self._fields.mask(loop)
        if session is not None:
            session = self._fields.mask(session)
        return Record(record.time, new, loop, session)

    def _command_seen(self, body: CommandSeen) -> CommandSeen:
        old = body.command
        command = self._command(old)
        around = (body.rule, body.reason, body.policy, body.target, body.stage)
        if self._scanner.is_clean(BORDER.join(around)):
            return CommandSeen(command, body.decision, *around)
        around = tuple(self._fields.mask(text) for text in around)
        return CommandSeen(command, body.decision, *around)

    def _command(self, command: Command) -> Command:
        touched = self._rules.touch(command.relations, resolved=command.resolved)
        blind = bool(command.problem) and self._rules.configured
        text = command.text
        if command.marks or touched:
            text = self._statements.mask_marked(text, command.marks, touched=touched and not blind)
        text = self._statements.settle(text, blind=blind)
        if size(text) > self._bounds.command_bytes:
            text = self._cutter.cut_masked(text, self._bounds.command_bytes)
        action, objects = command.action, command.objects
        fingerprint, form, problem = command.fingerprint, command.form, command.problem
        if not self._scanner.is_clean(BORDER.join((action, fingerprint, form, problem, *objects))):
            action, fingerprint, form, problem, *rest = self._fields.texts(
                (action, fingerprint, form, problem, *objects)
            )
            objects = tuple(rest)
        arguments = command.arguments
        if arguments:
            arguments = self._values.arguments(arguments, touched=touched or blind)
        return Command(
            action,
            command.effects,
            objects,
            command.bounded,
            text,
            arguments,
            fingerprint,
            form,
            problem,
        )

    def _response(self, body: Response) -> Response:
        touched = self._rules.touch(body.relations, resolved=body.resolved)
        columns, captured, truncated = body.columns, body.captured, body.truncated
        if captured:
            captured, truncated = self._values.cells(
                columns, captured, touched=touched, truncated=truncated
            )
        error = body.error
        if error is not None:
            error = self._fault(error, body.relations, touched=touched)
        arguments = body.arguments
        if arguments:
            arguments = self._values.arguments(arguments, touched=touched)
        return Response(
            body.command,
            body.outcome,
            self._fields.mask(body.tag),
            body.rows,
            body.bytes,
            body.duration_us,
            self._columns(columns),
            captured,
            truncated,
            error,
            tuple(self._fault(notice, body.relations, touched=touched) for notice in body.notices),
            body.notices_dropped,
            self._fields.mask(body.digest),
            arguments=arguments,
        )

    def _stream(self, body: Stream) -> Stream:
        touched = self._rules.touch(body.relations, resolved=body.resolved)
        captured, truncated = self._values.cells(
            body.columns, body.captured, touched=touched, truncated=body.truncated
        )
        return Stream(
            body.command,
            self._fields.mask(body.direction),
            self._fields.mask(body.kind),
            body.bytes,
            body.announced,
            self._columns(body.columns),
            captured,
            truncated,
            self._fields.mask(body.digest),
        )

    def _fault(
        self, fault: ErrorReport, relations: tuple[Relation, ...], *, touched: bool
    ) -> ErrorReport:
        if touched or self._faults.touches(fault, relations):
            fault = self._faults.mask(fault)
        masked: ErrorReport = self._fields.mask(fault)
        return masked

    def _columns(self, columns: Sequence[OutputColumn]) -> tuple[OutputColumn, ...]:
        names = [text for column in columns for text in (column.name, column.type)]
        if not self._scanner.is_clean(BORDER.join(names)):
            names = self._scanner.scan(names)
        return tuple(OutputColumn(names[at], names[at + 1]) for at in range(0, len(names), 2))
