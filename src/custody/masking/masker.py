"""The masker: a record goes in as it was seen, and comes out as it may be kept.

Law: pure, total, idempotent; what fails gives no record at all, and an error without a word of
the record. All fields that only steer masking are empty afterwards.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET

from custody.masking.columns import ColumnRules
from custody.masking.detectors.ascii_fold import BORDER
from custody.masking.detectors.catalogue import SECRETS
from custody.masking.detectors.scanner import Scanner
from custody.masking.faults import FaultMasker
from custody.masking.fields import FieldMasker
from custody.masking.literals import may_hide
from custody.masking.marks import REDACTED, Marks
from custody.masking.mask_rule import MaskRule
from custody.masking.object_cache import ObjectCache
from custody.masking.rules import check_rules
from custody.masking.statements import StatementMasker
from custody.masking.truncation import CaptureBounds, Truncator, size
from custody.masking.values import ValueMasker
from custody.model.command import Command, Relation, WholeText
from custody.model.errors import CustodyError
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    Notification,
    OutputColumn,
    Record,
    Response,
    Stream,
    TransactionEnded,
)
from custody.model.words import LoopId, SessionId

_KEY_BYTES: Final = 32
_REMEMBERED: Final = 1024
_REMEMBERED_LENGTH: Final = 1024
_TAG_LENGTH: Final = 64
_Ids = tuple[LoopId | None, SessionId | None]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Within a bound. No memory here ever holds a value of the target's data."""
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value


class RecordMasker:
    """Masks records by an operator's rules. ``key`` makes the tokens: at least 32 bytes."""

    def __init__(
        self, rules: Sequence[MaskRule], key: bytes, bounds: CaptureBounds | None = None
    ) -> None:
        """Raises ``CustodyError`` where a rule cannot work."""
        if len(key) < _KEY_BYTES:
            raise CustodyError(
                "masking.key",
                f"The token key is shorter than {_KEY_BYTES} bytes.",
                "Restore the key file, or let `custody init` make a new one.",
            )
        checked = check_rules(rules)
        self._digest: Final = checked.digest
        self._bounds: Final = bounds or CaptureBounds()
        tokens = Marks(key, checked.kinds)
        self._scanner: Final = Scanner(checked.detectors, checked.own, tokens)
        credentials = Scanner({name: checked.detectors[name] for name in SECRETS}, (), tokens)
        self._rules: Final = ColumnRules(checked.columns, checked.detectors["password"])
        self._cutter: Final = Truncator(self._scanner, tokens)
        self._fields: Final = FieldMasker(self._scanner, credentials)
        self._statements: Final = StatementMasker(self._rules, self._scanner, tokens, self._cutter)
        self._faults: Final = FaultMasker(self._rules, self._statements, tokens)
        self._around: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}
        self._ids: Final[dict[_Ids, _Ids]] = {}
        self._acts: Final[dict[type, Callable[..., Body]]] = {
            CommandSeen: self._command_seen,
            Response: self._response,
            Stream: self._stream,
            Notification: self._notification,
            TransactionEnded: lambda body: body,
        }
        """Every statement passes twice; what is not here is masked field by field."""
        self._clean: Final[dict[str, None]] = {}
        """Texts without literals, and their words, in which the scanner found nothing."""
        self._headings: Final = ObjectCache[Sequence[OutputColumn], tuple[OutputColumn, ...]]()
        """Columns, masked: a description that comes again brings the very same."""
        self._tags: Final[dict[str, str]] = {}
        self._values: Final = ValueMasker(
            self._rules, self._scanner, tokens, self._cutter, self._bounds, strict=bool(rules)
        )

    @property
    def digest(self) -> bytes:
        """Of the rules and of the detectors' version; says nothing of the key."""
        return self._digest

    def mask(self, record: Record) -> Record:
        """The record as it may be kept. Raises ``CustodyError`` ``masking.failed``, and nothing
        else; then nothing may be kept, and nothing forwarded.
        """
        body = record.body
        try:
            act = self._acts.get(type(body))
            if act is None:
                masked: Record = self._fields.mask(record)
                return masked
            ids = record.loop, record.session
            known = self._ids.get(ids) or self._masked_ids(ids)
            return Record(record.time, act(body), *known)
        except Exception:  # noqa: BLE001, S110 - any fault here must stop the record, without its text
            pass
        raise CustodyError(
            "masking.failed",
            "A record could not be masked, so it was not kept.",
            "Report the fault with this code; the command was not forwarded.",
        )

    def _masked_ids(self, ids: _Ids) -> _Ids:
        """The ids, masked. Those of open sessions come again and again."""
        masked: _Ids = self._fields.mask(ids)
        _remember(self._ids, ids, masked)
        return masked

    def _command_seen(self, body: CommandSeen) -> CommandSeen:
        around = (body.rule, body.reason, body.policy, body.target, body.stage)
        masked = self._around.get(around)
        if masked is None:
            masked = tuple(self._fields.mask(text) for text in around)
            _remember(self._around, around, masked)
        return CommandSeen(self._command(body.command), body.decision, *masked)

    def _command(self, command: Command) -> Command:
        touched = self._rules.touch(command.relations, resolved=command.resolved)
        blind = bool(command.problem) and self._rules.configured
        text = command.text
        if command.marks or touched:
            text = self._statements.mask_marked(text, command.marks, touched=touched and not blind)
        words: tuple[str, ...] = (
            command.action,
            command.fingerprint,
            command.form,
            command.problem,
            *command.objects,
            *(command.actions or ()),
        )
        joined = BORDER.join((text, *words))
        clean = joined in self._clean
        if not clean:
            clean = self._scanner.is_clean(joined)
            if clean and not command.marks and len(joined) <= _REMEMBERED_LENGTH:
                _remember(self._clean, joined, None)
        if blind or not clean or may_hide(text):
            text = self._statements.settle(text, blind=blind)
        whole = self._fields.mask(command.whole) if command.whole else UNSET
        most = self._bounds.command_bytes
        if len(command.text) * 4 > most and (length := size(command.text)) > most:
            digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
            whole = WholeText(length, digest)
        if len(text) * 4 > most and size(text) > most:
            text = self._statements.cut(text, most, blind=blind)
        if not clean:
            words = tuple(self._scanner.scan(words))
        arguments = command.arguments
        if arguments:
            arguments = self._values.arguments(arguments, touched=touched, blind=blind)
        action, fingerprint, form, problem = words[:4]
        behind = 4 + len(command.objects)
        return Command(
            action,
            command.effects,
            words[4:behind],
            command.bounded,
            text,
            arguments,
            fingerprint,
            form,
            problem,
            cascade=command.cascade,
            actions=words[behind:] or UNSET,
            whole=whole,
        )

    def _response(self, body: Response) -> Response:
        touched = self._rules.touch(body.relations, resolved=body.resolved)
        captured, truncated = body.captured, body.truncated
        if captured:
            nameless = not body.columns and self._rules.may_show_credentials(
                body.relations, resolved=body.resolved
            )
            captured, truncated = self._values.cells(
                body.columns,
                captured,
                touched=touched or nameless,
                truncated=truncated,
                unread=body.unread,
                derived=body.derived,
            )
        columns, tag = self._columns(body.columns), self._tag(body.tag)
        error = body.error
        if error is not None:
            error = self._fault(error, body.relations, touched=touched)
        notices = body.notices
        if notices:
            notices = tuple(
                self._fault(notice, body.relations, touched=touched) for notice in notices
            )
        arguments = body.arguments
        if arguments:
            arguments = self._values.arguments(arguments, touched=touched)
        return Response(
            body.command,
            body.outcome,
            tag,
            body.rows,
            body.bytes,
            body.duration_us,
            columns,
            captured,
            truncated,
            error,
            notices,
            body.notices_dropped,
            self._fields.mask(body.digest) if body.digest else "",
            arguments=arguments,
            open=body.open,
        )

    def _stream(self, body: Stream) -> Stream:
        touched = self._rules.touch(body.relations, resolved=body.resolved)
        captured, truncated = self._values.cells(
            body.columns,
            body.captured,
            touched=touched,
            truncated=body.truncated,
            unread=body.unread,
        )
        columns, direction = self._columns(body.columns), self._tag(body.direction)
        return Stream(
            body.command,
            direction,
            self._fields.mask(body.kind),
            body.bytes,
            body.announced,
            columns,
            captured,
            truncated,
            self._fields.mask(body.digest),
        )

    def _notification(self, body: Notification) -> Notification:
        """Of where its payloads come from nothing is known, as of a result that is not proven."""
        captured = body.captured
        if self._rules.touch((), resolved=False):
            captured = tuple((channel, REDACTED.redaction) for channel, _ in captured)
        masked: tuple[tuple[str, str], ...] = self._fields.mask(captured)
        return Notification(body.count, body.bytes, masked, body.truncated)

    def _fault(
        self, fault: ErrorReport, relations: tuple[Relation, ...], *, touched: bool
    ) -> ErrorReport:
        faults = self._faults
        if (
            touched
            or faults.touches(fault, relations)
            or faults.tells(fault)
            or faults.names_credential(fault, relations)
        ):
            # A find that becomes a mark can turn what stands behind it into a quote.
            extra = self._fields.mask(fault.extra)
            fault = self._faults.mask(msgspec.structs.replace(fault, extra=extra))
        masked: ErrorReport = self._fields.mask(fault)
        return masked

    def _columns(self, columns: Sequence[OutputColumn]) -> tuple[OutputColumn, ...]:
        """The columns without their origins."""
        known = self._headings.recall(columns)
        if known is not None:
            return known
        texts = self._scanner.scan([part for one in columns for part in (one.name, one.type)])
        heading = tuple(map(OutputColumn, texts[::2], texts[1::2]))
        return self._headings.keep(columns, heading)

    def _tag(self, tag: str) -> str:
        """A short word of the protocol's own, most often one that came before."""
        masked = self._tags.get(tag)
        if masked is None:
            masked = self._scanner.scan((tag,))[0]
            if len(tag) <= _TAG_LENGTH:
                _remember(self._tags, tag, masked)
        return masked
