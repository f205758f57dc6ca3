"""Hostile input: work grows with its length, never with its square. Counted in calls."""

import sys
from types import FrameType

import msgspec
import pytest
from tests.masking.records import everything, seen, statement

from custody.masking.marks import MaskForm
from custody.masking.masker import RecordMasker
from custody.model.command import Relation
from custody.model.record import ErrorReport, Milliseconds, Record, Response
from custody.model.words import Outcome

ONE = everything(MaskForm.TOKEN, "users.ssn")
UNITS = (
    "4 ", "4-1", "1", "4111111111111111 ", "a@b.cc ", "a@b.", "@", "a.", "+4 (", "(2) ", "0 1",
    "DE89 ", "123-45-6789 ", "1.1.", "1.1.1.1 ", "::a", "eyJ", "eyJaaaaaa.", "PRIVATE KEY",
    "-----BEGIN PRIVATE KEY-----", "AKIA", "aB3/", "ghp_", "sk-", "bearer ", "password",
    "password '", "password='", "password=a ", "password/*", "password--\n", "password $a$",
    'password "', "md5", "$2a$", "://", "a://b:", "a:1:b:", "'", "''", "E'\\", "U&'\\0031", "$a$",
    "$a$ $b$ ", "/*", "*/", "-- '\n", '"', "\\x3431", "\x1a", "\x1f", "‹", "‹card›", "\u200b",
    "é", "1,", "(", ")=(", "'a'\n", 'COPY users, line 1, column ssn: "', "ssn ", "phone 1",
    "password,", "'password',", "passwd ", "curl -u a:b ", "\\u0034", "%34", "&#52;", "''a",
    "password:{", "password:[", "'password':[{", "<password>", "(password) values (",
    "mysql -p", "echo x | ", "token=",
    "password %L'", "1:22:a:b:", "password: |\n x\n", "name: password\n value: ", "'password' || ",
    "identified by ", "set password to ", '\\"password\\":\\"', "pass=", "password=''",
    '"password","',
    "password varchar(2) default ", "password(((", "password'''''", "pwd{{", "\\\\", '""',
)  # fmt: skip


def record(text: str, form: str) -> Record:
    if form == "statement":
        return seen(statement(text))
    if form == "unreadable":
        return seen(msgspec.structs.replace(statement(text), problem="x"))
    fault = ErrorReport("ERROR", "22P02", text, text, text, text, extra=(("q", text),))
    body = Response(
        0,
        Outcome.ERROR,
        "",
        1,
        1,
        1,
        captured=((text,),),
        error=fault,
        relations=(Relation("public", "users", ("ssn",)),),
    )
    return Record(Milliseconds(1), body)


def calls(one: RecordMasker, record: Record) -> int:
    """How many calls masking takes, of Python's functions and of C's."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        one.mask(record)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("form", ["statement", "unreadable", "fault"])
@pytest.mark.parametrize("unit", UNITS)
def test_work_is_linear(unit: str, form: str) -> None:
    size = 2000
    once, four_times = (
        calls(ONE, record((unit * length)[:length], form)) for length in (size, 4 * size)
    )
    assert four_times <= 5 * once + 2000


def test_numbers_in_a_row_cost_a_bounded_count_of_checks() -> None:
    """Every digit may begin a card here, and no window is one."""
    text = "4 " * 4000
    assert calls(ONE, record(text, "statement")) < 200 * len(text)
