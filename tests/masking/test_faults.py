"""What errors and notices give away, and what of them is kept."""

import msgspec
import pytest
from tests.masking.records import ALL_DETECTORS, NO_RULES, masker
from tests.masking.scenes import (
    ORDERS,
    REDACTING,
    USERS,
    mask_command,
    mask_fault,
    mask_response,
)

from custody.masking.mask_rule import MaskRule
from custody.model.record import ErrorReport, Milliseconds, Record, Response
from custody.model.words import Effect, Outcome

FAULTS = (
    {"detail": "Failing row contains (1, plum, pear)."},
    {"detail": "Fehlgeschlagene Zeile enthält (1, plum, pear)."},
    {"detail": 'Key (name)=(plum) is not present in table "names".'},
    {"detail": "Key (lower(name))=(plum) already exists."},
    {"detail": "Key (a, b)=(x, y, plum) already exists."},
    {"detail": "Key (a)=(x) conflicts with existing key (a)=(plum)."},
    {"detail": "Schlüssel »(ssn)=(plum)« existiert bereits."},
    {"message": 'invalid input syntax for type integer: "plum"', "code": "22P02"},
    {"message": 'invalid input syntax for type integer: "pl"um"', "code": "22P02"},
    {"message": "ungültige Eingabesyntax für Typ integer: »plum«", "code": "22P02"},
    {"message": 'value "9plum9" is out of range for type integer', "code": "22003"},
    {"message": 'syntax error at or near "plum"', "code": "42601"},
    {"message": "unterminated quoted string at or near \"'plum", "code": "42601"},
    {"message": "plum", "code": "00000"},
    {"hint": 'Perhaps you meant "plum".', "code": "22P02"},
    {"context": 'COPY users, line 1: "1\tplum"', "code": "22P02"},
    {"context": 'COPY users, line 1, column ssn: "plum"', "code": "22P02", "relation": "users"},
)
TOLD = (
    {"message": "the customer plum is not known", "code": "P0001"},
    {"context": "SQL statement \"SELECT 'plum'\"\nPL/pgSQL function f() line 3 at SQL statement"},
    {"message": "ssn plum", "code": "00000", "context": "PL/pgSQL function f() line 1 at RAISE"},
    {"message": "plum", "code": "22000", "context": "PL/pgSQL-Funktion f() Zeile 1 bei RAISE"},
    {"detail": "plum", "code": "23514", "context": "PL/pgSQL function f() line 1 at RAISE"},
    {"hint": "plum", "code": "XX000", "context": 'PL/Python function "f"'},
    {
        "message": 'invalid input syntax for type integer: "plum"',
        "code": "22P02",
        "context": "PL/pgSQL function f() line 1 at assignment",
    },
)
"""What a function composed, or says of values that it found: a trigger's is any table's."""


@pytest.mark.parametrize("fields", [*FAULTS, *TOLD])
def test_a_fault_of_a_command_that_touches_a_masked_column(fields: dict[str, str]) -> None:
    fault = mask_fault(REDACTING, (USERS,), **fields)
    assert b"plum" not in msgspec.json.encode(fault)
    assert b"\xe2\x80\xb9" in msgspec.json.encode(fault)


@pytest.mark.parametrize("fields", FAULTS)
def test_the_same_fault_elsewhere_is_kept(fields: dict[str, str]) -> None:
    fields = {name: text for name, text in fields.items() if name != "relation"}
    kept = mask_fault(REDACTING, (ORDERS,), **fields)
    assert b"plum" in msgspec.json.encode(kept) or "pl" in kept.message


@pytest.mark.parametrize("fields", TOLD)
def test_what_a_function_tells_is_masked_whatever_the_command_touches(
    fields: dict[str, str],
) -> None:
    told = mask_fault(REDACTING, (ORDERS,), **fields)
    assert b"plum" not in msgspec.json.encode(told)
    kept = mask_fault(NO_RULES, (ORDERS,), **fields)
    assert b"plum" in msgspec.json.encode(kept)


def test_a_fault_in_a_relation_that_nobody_listed() -> None:
    fault = mask_fault(
        REDACTING,
        (ORDERS,),
        schema="public",
        relation="users",
        detail="Failing row contains (plum).",
    )
    assert "plum" not in fault.detail


@pytest.mark.parametrize(
    "message",
    [
        'duplicate key value violates unique constraint "users_pkey"',
        'null value in column "ssn" of relation "users" violates not-null constraint',
        'relation "userz" does not exist',
        "division by zero",
        "canceling statement due to user request",
    ],
)
def test_names_in_messages_are_kept(message: str) -> None:
    assert mask_fault(REDACTING, message=message, code="42P01").message == message


def test_an_internal_query_loses_its_literals() -> None:
    fault = mask_response(
        REDACTING,
        error=ErrorReport("ERROR", "42601", "x", extra=(("q", "SELECT 'plum'"), ("L", "123456"))),
        relations=(USERS,),
    ).error
    assert fault is not None
    assert fault.extra == (("q", "SELECT '‹redacted›'"), ("L", "123456"))


def test_effects_stay() -> None:
    new = mask_command(ALL_DETECTORS, "x", effects=frozenset({Effect.WRITE, Effect.READ}))
    assert new.effects == frozenset({Effect.WRITE, Effect.READ})


def test_a_find_that_becomes_a_mark_before_a_quote_is_masked_once_and_for_all() -> None:
    fault = ErrorReport("", "", "", context="x", extra=(("q", "4111 1111 1111 1111$$"),))
    record = Record(Milliseconds(1), Response(0, Outcome.OK, "", 0, 0, 0, notices=(fault,)))
    both = masker(MaskRule(detect=("card",)), MaskRule(columns=("*.ssn",)))
    masked = both.mask(record)
    assert both.mask(masked) == masked
    assert b"4111" not in msgspec.json.encode(masked)
