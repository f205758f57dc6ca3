"""What becomes of a server's errors and notices.

Law: where a command touches a masked column, a fault keeps the server's own words and names, and
loses every value it quotes. What a function raised is not the server's own words and goes whole.
Read by structure, since servers speak many languages.
"""

import re
from typing import Final

from custody.masking.columns import ColumnRules, is_credential_name
from custody.masking.marks import REDACTED, Marks
from custody.masking.statements import StatementMasker, canonical, is_short_number
from custody.model.command import Column, Relation
from custody.model.record import ErrorReport

_NAME: Final = r'"[^"]{1,63}"'
_ONLY_NAMES: Final = re.compile(
    rf"(?:duplicate key value violates unique constraint {_NAME}"
    rf"|(?:insert or update|update or delete) on table {_NAME} violates foreign key constraint"
    rf" {_NAME}(?: on table {_NAME})?"
    rf"|null value in column {_NAME}(?: of relation {_NAME})? violates not-null constraint"
    rf"|new row for relation {_NAME} violates (?:check|partition) constraint(?: {_NAME})?"
    rf"|conflicting key value violates exclusion constraint {_NAME}"
    rf"|column reference {_NAME} is ambiguous"
    rf"|(?:column {_NAME} of )?[a-z ]{{3,30}} {_NAME} (?:does not exist|already exists)"
    rf"(?:, skipping)?)"
)
"""Messages whose quoted parts are names of the schema."""
_BETWEEN: Final = ")=("
"""``Key (names)=(values)``: the same in every language."""
_PLAIN_NAME: Final = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*')
_QUOTE: Final = re.compile("[\"'\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a\u300c\u300d]")
_CLOSING: Final = {
    "\u201c": "\u201d\u201c",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab",
    "\u2018": "\u2019",
    "\u201a": "\u2018",
    "\u300c": "\u300d",
}
_COPY: Final = re.compile(r'COPY ([^,"]{1,200}), line \d{1,20}, column ([^,:"]{1,200}): "')
_COPY_LINE: Final = re.compile(r"COPY [^\n]{1,300}\Z")
_OWN_CALLER: Final = re.compile(
    r"(?:PL/pgSQL function|SQL function|SQL statement|PL/pgSQL assignment|SQL expression)\b"
)
_NUMBER: Final = re.compile(r"[0-9][\w.,]*")
_RAISED: Final = ("P0", "00000", "01000")
"""SQLSTATEs of RAISE: any text that a function composed."""
_PLACES: Final = frozenset({"F", "L", "R", "file", "line", "routine", "P", "p", "position"})


def _is_composed(context: str) -> bool:
    """Whether the words may be those of a function: it raised them, or is written in a language
    whose faults nobody here can tell from the server's.
    """
    first = context.partition("\n")[0]
    if " RAISE" in first or first.endswith("RAISE"):
        return True
    return "function" in first and _OWN_CALLER.match(first) is None


def _name(word: str) -> str:
    """A name as a fault writes it."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word


class FaultMasker:
    """Masks by structure; the detectors go over the result afterwards."""

    __slots__ = ("_rules", "_statements", "_tokens")

    def __init__(self, rules: ColumnRules, statements: StatementMasker, tokens: Marks) -> None:
        self._rules: Final = rules
        self._statements: Final = statements
        self._tokens: Final = tokens

    def tells(self, fault: ErrorReport) -> bool:
        """Whether a function may have composed it, out of any relation's values, whatever the
        command touches itself: a trigger, a policy, a check.
        """
        return self._rules.configured and (
            fault.code.startswith(_RAISED[0])
            or bool(fault.context and not _COPY_LINE.match(fault.context))
        )

    def touches(self, fault: ErrorReport, relations: tuple[Relation, ...]) -> bool:
        """Whether the fault itself names a relation that a rule names, or that nobody listed."""
        if not self._rules.configured or not fault.relation:
            return False
        if self._rules.names(fault.schema, fault.relation):
            return True
        named = Relation(fault.schema, fault.relation, None)
        return (
            bool(relations)
            and all(relation.name != fault.relation for relation in relations)
            and self._rules.touch((named,), resolved=True)
        )

    def names_credential(self, fault: ErrorReport, relations: tuple[Relation, ...]) -> bool:
        """Whether it quotes a value, or a row, of a column that has a credential's name."""
        if is_credential_name(fault.column):
            return True
        detail, copied = fault.detail, _COPY.search(fault.context)
        if copied is not None and is_credential_name(_name(copied[2])):
            return True
        keys, start = detail.find("("), detail.find(_BETWEEN)
        if 0 <= keys < start:
            names = detail[keys + 1 : start].split(", ")
            return any(is_credential_name(_name(each)) for each in names)
        return keys >= 0 and any(
            relation.name == fault.relation and any(map(is_credential_name, relation.columns or ()))
            for relation in relations
        )

    def mask(self, fault: ErrorReport) -> ErrorReport:
        """For a fault of a command that touches masked columns."""
        if fault.code.startswith(_RAISED) or _is_composed(fault.context):
            message, detail, hint = (
                REDACTED.redaction if text else ""
                for text in (fault.message, fault.detail, fault.hint)
            )
        else:
            message = self._message(fault.message)
            detail = self._detail(fault)
            hint = self._message(fault.hint)
        return ErrorReport(
            severity=fault.severity,
            code=fault.code,
            message=message,
            detail=detail,
            hint=hint,
            context=self._context(fault),
            schema=fault.schema,
            relation=fault.relation,
            column=fault.column,
            constraint=fault.constraint,
            extra=tuple(
                (
                    name,
                    text if name in _PLACES else self._unquoted(self._statements.mask_blind(text)),
                )
                for name, text in fault.extra
            ),
        )

    def _message(self, text: str) -> str:
        if not text or _ONLY_NAMES.fullmatch(text):
            return text
        return self._numbers(self._unquoted(text))

    def _detail(self, fault: ErrorReport) -> str:
        text = fault.detail
        keys, start, end = text.find("("), text.find(_BETWEEN), text.rfind(")")
        if 0 <= keys < start < end:
            start += len(_BETWEEN)
            values = self._key_values(
                fault, text[keys + 1 : start - len(_BETWEEN)], text[start:end]
            )
            return text[:start] + values + text[end:]
        if 0 <= keys < end - 1:
            text = text[: keys + 1] + REDACTED.redaction + text[end:]
        return self._numbers(self._unquoted(text))

    def _key_values(self, fault: ErrorReport, keys: str, values: str) -> str:
        """``Key (a, b)=(1, 2)``: column by column where it is clear which value is whose."""
        names, parts = keys.split(", "), values.split(", ")
        if len(names) != len(parts) or ")=(" in values:
            return REDACTED.redaction
        return ", ".join(
            self._column_value(fault.schema, fault.relation, name, part)
            for name, part in zip(names, parts, strict=True)
        )

    def _column_value(self, schema: str, relation: str, name: str, value: str) -> str:
        if _PLAIN_NAME.fullmatch(name):
            kind = self._rules.kind_of((Column(schema, relation, _name(name)),))
            if kind is not None:
                if self._tokens.is_own(value):
                    return value
                return self._tokens.mark(kind, canonical(value))
        return REDACTED.redaction

    def _context(self, fault: ErrorReport) -> str:
        text = fault.context
        copied = _COPY.search(text)
        if copied is not None:
            relation, name = copied.groups()
            start, end = copied.end(), text.rfind('"', copied.end())
            if end >= 0:
                new = self._column_value(fault.schema, relation, name, text[start:end])
                return (
                    self._unquoted(text[: copied.start()])
                    + text[copied.start() : start]
                    + new
                    + text[end:]
                )
        return self._unquoted(text)

    def _unquoted(self, text: str) -> str:
        """Everything from the first quote to the last: a value may hold quotes itself."""
        first = _QUOTE.search(text)
        if first is None:
            return text
        start = first.end()
        closing = _CLOSING.get(first.group(), first.group())
        end = max((text.rfind(sign, start) for sign in closing), default=-1)
        if end < 0:
            end = len(text)
        return text[:start] + REDACTED.redaction + text[end:] if end > start else text

    def _numbers(self, text: str) -> str:
        return _NUMBER.sub(
            lambda found: found.group() if is_short_number(found.group()) else REDACTED.redaction,
            text,
        )
