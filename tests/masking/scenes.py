"""Commands, answers and rules that the tests of masking share."""

import msgspec
from tests.masking.records import everything, masker, seen, statement

from custody.masking.marks import MaskForm
from custody.masking.mask_rule import MaskRule
from custody.masking.masker import RecordMasker
from custody.model.command import Column, Command, Relation, TextMark
from custody.model.record import (
    CommandSeen,
    ErrorReport,
    Milliseconds,
    Record,
    Response,
)
from custody.model.words import Outcome

USERS = Relation("public", "users", ("id", "ssn", "name"))
ORDERS = Relation("public", "orders", ("id", "total"))
VIEW = Relation("public", "people", None)
SSN = Column("public", "users", "ssn")
NAME = Column("public", "users", "name")
VALUE = "123-45-6789"
COLUMNS = everything(MaskForm.TOKEN, "users.ssn")
REDACTING = masker(MaskRule(columns=("users.ssn", "*.password")))


def literal(text: str, value: str, **steering: object) -> TextMark:
    start = text.index(value)
    return msgspec.structs.replace(TextMark(start, start + len(value)), **steering)


def command(text: str, **fields: object) -> Command:
    return msgspec.structs.replace(statement(text), **fields)


def mask_command(one: RecordMasker, text: str, **fields: object) -> Command:
    record = one.mask(seen(command(text, **fields)))
    assert one.mask(record) == record
    assert isinstance(record.body, CommandSeen)
    new = record.body.command
    assert (new.marks, new.relations, new.resolved) == ((), (), True)
    return new


def mask_response(one: RecordMasker, **fields: object) -> Response:
    body = Response(command=0, outcome=Outcome.OK, tag="SELECT 1", rows=1, bytes=9, duration_us=5)
    body = msgspec.structs.replace(body, **fields)
    record = one.mask(Record(Milliseconds(1), body))
    assert one.mask(record) == record
    assert isinstance(record.body, Response)
    assert record.body.relations == ()
    assert all(column.origin is None for column in record.body.columns)
    return record.body


def mask_fault(
    one: RecordMasker, relations: tuple[Relation, ...] = (USERS,), **fields: str
) -> ErrorReport:
    fault = msgspec.structs.replace(ErrorReport("ERROR", "23505", ""), **fields)
    body = mask_response(one, error=fault, relations=relations, outcome=Outcome.ERROR)
    assert body.error is not None
    return body.error


def token(text: str) -> str:
    start = text.index("‹")
    return text[start : text.index("›") + 1]


# --- literals -------------------------------------------------------------------------------------
