"""Columns, marks, binds, rows, faults: what the steering fields make of a record."""

import pytest
from tests.masking.records import ALL_DETECTORS, NO_RULES, everything
from tests.masking.scenes import (
    COLUMNS,
    NAME,
    ORDERS,
    REDACTING,
    SSN,
    USERS,
    VALUE,
    VIEW,
    literal,
    mask_command,
    mask_fault,
    mask_response,
    token,
)

from custody.masking.marks import MaskForm
from custody.masking.masker import RecordMasker
from custody.model.command import Argument, Column, Relation, TextMark
from custody.model.record import (
    Milliseconds,
    OutputColumn,
    Record,
    Stream,
)


@pytest.mark.parametrize(
    ("steering", "kept"),
    [
        ({"columns": (SSN,), "proven": True}, False),
        ({"columns": (SSN,), "proven": False}, False),
        ({"columns": (NAME, SSN), "proven": True}, False),
        ({"columns": (NAME,), "proven": True}, True),
        ({"columns": (NAME,), "proven": False}, False),
        ({"columns": (), "proven": True}, True),
        ({"columns": (), "proven": False}, False),
        ({"columns": (Column("", "", "ssn"),), "proven": True}, False),
        ({"columns": (Column("", "users", "ssn"),), "proven": True}, False),
        ({"columns": (Column("other", "accounts", "ssn"),), "proven": True}, True),
        ({"columns": (NAME,), "proven": True, "secret": True}, False),
    ],
)
def test_a_literal_of_a_command_that_touches_a_masked_column(
    steering: dict[str, object], *, kept: bool
) -> None:
    text = "SELECT name FROM users WHERE x = 'plum'"
    new = mask_command(
        REDACTING, text, marks=(literal(text, "'plum'", **steering),), relations=(USERS,)
    )
    assert ("'plum'" in new.text) is kept
    assert new.text.startswith("SELECT name FROM users WHERE x = '")


@pytest.mark.parametrize(
    ("relations", "resolved", "kept"),
    [
        ((ORDERS,), True, True),
        ((ORDERS,), False, False),
        ((ORDERS, USERS), True, False),
        ((VIEW,), True, False),
        ((Relation("pg_catalog", "pg_stats", None),), True, False),
        ((Relation("pg_catalog", "pg_tables", None),), True, True),
        ((Relation("information_schema", "tables", None),), True, True),
        ((), True, True),
    ],
)
def test_a_literal_that_is_not_proven(
    relations: tuple[Relation, ...], *, resolved: bool, kept: bool
) -> None:
    text = "SELECT f('plum')"
    marks = (literal(text, "'plum'"),)
    new = mask_command(REDACTING, text, marks=marks, relations=relations, resolved=resolved)
    assert ("plum" in new.text) is kept
    assert mask_command(NO_RULES, text, marks=marks, resolved=False).text == text


def test_a_literal_that_nobody_marked_is_not_proven() -> None:
    new = mask_command(REDACTING, "SELECT 'plum', 12345, 123456 FROM users", relations=(USERS,))
    assert new.text == "SELECT '‹redacted›', 12345, '‹redacted›' FROM users"


def test_what_could_not_be_read_loses_all_its_literals() -> None:
    text = (
        "SELEKT 'a', E'b\\'c', $$d$$, $x$e$x$, U&'f', B'01', 'g''h', 1234567, 42 /* 'i' 7654321 */"
        " -- don't 3456789\n \"Column\" ||'unfinished"
    )
    new = mask_command(REDACTING, text, problem="syntax error", resolved=False)
    assert new.text == (
        "SELEKT '‹redacted›', '‹redacted›', '‹redacted›', '‹redacted›', '‹redacted›', '‹redacted›',"
        " '‹redacted›', '‹redacted›', 42 /* '‹redacted›' '‹redacted›' */"
        " -- don'‹redacted›'\n \"Column\" ||'‹redacted›'"
    )


def test_a_doubtful_string_of_an_unreadable_command_ends_what_is_kept() -> None:
    new = mask_command(REDACTING, "SELEKT 'a\\', 'plum'", problem="syntax error")
    assert "plum" not in new.text
    assert new.text.startswith("SELEKT '‹redacted›'")


@pytest.mark.parametrize(
    "mark",
    [TextMark(-5, 400), TextMark(9, 3), TextMark(500, 600), TextMark(7, 10), TextMark(0, 1)],
)
def test_marks_that_make_no_sense_do_no_harm(mark: TextMark) -> None:
    again = TextMark(8, 12, columns=(SSN,))
    new = mask_command(REDACTING, "SELECT 'plum'", marks=(mark, again, mark), relations=(USERS,))
    assert "plum" not in new.text


def test_a_password_is_redacted_whatever_the_rules_say() -> None:
    text = "ALTER ROLE x PASSWORD 'hunter2'"
    for one in (NO_RULES, ALL_DETECTORS):
        new = mask_command(one, text, marks=(literal(text, "'hunter2'", secret=True),))
        assert new.text == "ALTER ROLE x PASSWORD '‹redacted›'"


# --- one value, one token -------------------------------------------------------------------------

SPELLINGS = (
    "'123-45-6789'",
    "E'123-45-6789'",
    "E'\\x3123-45-6789'",
    "E'\\061\\u0032\\U000000333-45-6789'".replace("\\U000000333", "\\U00000033"),
    "U&'\\0031\\+00003223-45-6789'".replace("3223", "323"),
    "U&'!00312!0033-45-6789' UESCAPE '!'",
    "$$123-45-6789$$",
    "$q$123-45-6789$q$",
    "'123-'\n  '45-6789'",
    "N'123-45-6789'",
    "' 123-45-6789 '",
)


def everywhere() -> dict[str, str]:
    """The mark that one ssn gets on each of the ways into the evidence."""
    marks = {}
    for spelling in SPELLINGS:
        text = f"SELECT 1 FROM users WHERE ssn = {spelling}"
        mark = literal(text, spelling, columns=(SSN,), proven=True)
        marks[spelling] = token(mask_command(COLUMNS, text, marks=(mark,), relations=(USERS,)).text)
    bound = (Argument(VALUE, "text", 11, columns=(SSN,), proven=True),)
    marks["bind"] = mask_command(COLUMNS, "SELECT $1", arguments=bound).arguments[0].value or ""
    columns = (OutputColumn("x", "text", SSN),)
    marks["row"] = (
        mask_response(COLUMNS, columns=columns, captured=((VALUE,),)).captured[0][0] or ""
    )
    stream = Stream(0, "up", "copy", 12, columns=columns, captured=((VALUE,),))
    copied = COLUMNS.mask(Record(Milliseconds(1), stream)).body
    assert isinstance(copied, Stream)
    marks["copy"] = copied.captured[0][0] or ""
    fault = mask_fault(
        COLUMNS,
        message='duplicate key value violates unique constraint "users_ssn_key"',
        detail=f"Key (ssn)=({VALUE}) already exists.",
        schema="public",
        relation="users",
    )
    assert fault.message == 'duplicate key value violates unique constraint "users_ssn_key"'
    assert fault.detail.startswith("Key (ssn)=(‹")
    assert fault.detail.endswith("›) already exists.")
    marks["error"] = token(fault.detail)
    context = mask_fault(
        COLUMNS, context=f'COPY users, line 3, column ssn: "{VALUE}"', relation="users"
    ).context
    marks["context"] = token(context)
    return marks


def test_the_same_value_gives_the_same_token_everywhere() -> None:
    marks = everywhere()
    assert set(marks.values()) == {marks["bind"]}, marks
    assert marks["bind"].startswith("‹users.ssn:")


@pytest.mark.parametrize(
    "value", ["4111111111111111", "4111 1111-1111.1111", "４１１１１１１１１１１１１１１１"]
)
def test_a_detected_value_gives_the_same_token_everywhere(value: str) -> None:
    marks = {
        token(mask_command(ALL_DETECTORS, f"SELECT '{value}'").text),
        token(mask_command(ALL_DETECTORS, f"SELECT E'\\x34{value[1:]}'").text),
        token(mask_command(ALL_DETECTORS, f"SELECT 1 -- {value}").text),
        mask_command(ALL_DETECTORS, "", arguments=(Argument(value, "text", 16),))
        .arguments[0]
        .value,
        mask_response(ALL_DETECTORS, captured=((value,),)).captured[0][0],
        token(mask_fault(ALL_DETECTORS, (), message=f'invalid input syntax: "{value}"').message),
    }
    assert len(marks) == 1


def test_tokens_tell_kinds_values_and_keys_apart() -> None:
    def bind(one: RecordMasker, value: str, column: str) -> str | None:
        argument = Argument(value, "text", 1, columns=(Column("public", "t", column),))
        return mask_command(one, "", arguments=(argument,)).arguments[0].value

    one = everything(MaskForm.TOKEN, "t.a", "t.b")
    assert len({bind(one, "x", "a"), bind(one, "x", "b"), bind(one, "y", "a")}) == 3


def test_last4_shows_four_characters_of_a_long_value_only() -> None:
    one = everything(MaskForm.LAST4, "users.ssn")
    assert mask_command(one, "SELECT '4111 1111 1111 1111'").text == "SELECT '‹card:****1111›'"
    short = Argument("1234567", "text", 7, columns=(SSN,))
    assert mask_command(one, "", arguments=(short,)).arguments[0].value == "‹users.ssn›"


def test_a_mark_that_someone_else_wrote_is_masked_like_any_text() -> None:
    forged = "‹card:4111111111111111›"
    assert "4111" not in mask_command(ALL_DETECTORS, f"SELECT '{forged}'").text
    assert "hunter2" not in mask_command(NO_RULES, "password=‹redacted›hunter2").text


# --- binds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        (Argument(VALUE, "text", 11, columns=(SSN,), proven=True), False),
        (Argument("7", "int4", 4, columns=(NAME,), proven=True), True),
        (Argument("7", "int4", 4), False),
        (Argument("7", "int4", 4, proven=True, secret=True), False),
        (Argument(b"plum".hex(), "bytea", 4, readable=False), False),
        (Argument(None, "text", -1), True),
    ],
)
def test_bind_values(argument: Argument, *, kept: bool) -> None:
    new = mask_command(REDACTING, "SELECT $1", arguments=(argument,), relations=(USERS,))
    assert (new.arguments[0].value == argument.value) is kept
    assert new.arguments[0] == Argument(
        new.arguments[0].value, argument.type, argument.length, truncated=argument.truncated
    )


@pytest.mark.parametrize("prefix", ["", "00ff"])
def test_a_secret_inside_binary_that_nobody_understands(prefix: str) -> None:
    key = prefix + b"AKIAIOSFODNN7EXAMPLE".hex()
    unread = Argument(key, "bytea", 20, readable=False)
    assert mask_command(NO_RULES, "", arguments=(unread,)).arguments[0].value == "‹redacted›"
    assert mask_command(NO_RULES, f"SELECT '\\x{key}'").text == "SELECT '‹redacted›'"


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "relations", "resolved", "kept"),
    [
        (SSN, (USERS,), True, False),
        (SSN, (), True, False),
        (NAME, (USERS,), True, True),
        (NAME, (), False, True),
        (None, (USERS,), True, False),
        (None, (VIEW,), True, False),
        (None, (ORDERS,), True, True),
        (None, (), False, False),
        (None, (), True, True),
        (Column("pg_catalog", "pg_statistic", "stavalues1"), (), True, False),
        (Column("pg_catalog", "pg_authid", "rolpassword"), (), True, False),
    ],
)
def test_a_cell_is_kept_only_where_its_origin_allows(
    origin: Column | None, relations: tuple[Relation, ...], *, resolved: bool, kept: bool
) -> None:
    body = mask_response(
        REDACTING,
        columns=(OutputColumn("x", "text", origin),),
        captured=(("plum",), (None,)),
        relations=relations,
        resolved=resolved,
    )
    assert (body.captured[0][0] == "plum") is kept
    assert body.captured[1][0] is None


def test_cells_without_a_column_are_not_proven() -> None:
    body = mask_response(REDACTING, captured=(("plum", "pear"),), relations=(USERS,))
    assert body.captured == (("‹redacted›", "‹redacted›"),)


def test_credential_columns_of_the_catalogue_need_no_rule() -> None:
    origin = Column("pg_catalog", "pg_authid", "rolpassword")
    columns = (OutputColumn("rolpassword", "text", origin),)
    assert mask_response(NO_RULES, columns=columns, captured=(("x",),)).captured == (
        ("‹credential›",),
    )


def test_a_private_key_whose_lines_are_rows() -> None:
    lines = (
        "-----BEGIN EC PRIVATE KEY-----",
        "plum",
        "pear",
        "-----END EC PRIVATE KEY-----",
        "fig",
    )
    body = mask_response(NO_RULES, captured=tuple((str(n), line) for n, line in enumerate(lines)))
    assert [row[1] for row in body.captured][1:] == ["‹redacted›"] * 3 + ["fig"]
    assert [row[0] for row in body.captured] == ["0", "1", "2", "3", "4"]


def test_names_of_columns_are_looked_at() -> None:
    columns = (OutputColumn("AKIAIOSFODNN7EXAMPLE", "text"),)
    assert mask_response(NO_RULES, columns=columns).columns[0].name == "‹cloud-key›"


# --- faults ---------------------------------------------------------------------------------------


def test_what_is_worked_out_from_unmasked_columns_alone_is_kept() -> None:
    answer = mask_response(
        REDACTING,
        columns=tuple(OutputColumn(name, "int8") for name in ("count", "sum", "max", "x")),
        captured=(("3", "170", "plum", "pear"),),
        derived=((), (Column("public", "users", "id"),), (SSN,), None),
        relations=(USERS,),
    )
    assert answer.captured == (("3", "170", "‹redacted›", "‹redacted›"),)
    assert answer.derived == ()
