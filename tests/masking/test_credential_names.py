"""Columns whose name says that they hold a credential, where no rule names any column."""

import pytest
from tests.masking.records import masker
from tests.masking.scenes import mask_fault, mask_response

from custody.masking.masker import RecordMasker
from custody.model.command import Column, Relation
from custody.model.record import OutputColumn

NO_RULE: RecordMasker = masker()
ACCOUNTS = Relation("public", "accounts", ("id", "password"))
ORDERS = Relation("public", "orders", ("id", "total"))
VIEW = Relation("public", "people", None)
LOCKS = Relation("pg_catalog", "pg_locks", None)
PASSWORD = Column("public", "accounts", "password")
ID = Column("public", "accounts", "id")
VALUE = "zwqxvkjhgrtz"


@pytest.mark.parametrize(
    ("relations", "steering", "kept"),
    [
        ((ACCOUNTS,), {}, [False, False]),
        ((ACCOUNTS,), {"derived": ((ID,), (PASSWORD,))}, [True, False]),
        ((ACCOUNTS,), {"derived": ((ID,), None)}, [True, False]),
        ((ORDERS,), {}, [True, True]),
        ((ORDERS,), {"resolved": False}, [False, False]),
        ((VIEW,), {}, [False, False]),
        ((LOCKS,), {}, [True, True]),
        ((), {}, [True, True]),
    ],
)
def test_a_result_that_nobody_described_shows_no_credential(
    relations: tuple[Relation, ...], steering: dict[str, object], kept: list[bool]
) -> None:
    shown = mask_response(NO_RULE, captured=((VALUE, VALUE),), relations=relations, **steering)
    assert [cell == VALUE for cell in shown.captured[0]] == kept


def test_a_credential_keeps_nothing_under_another_name() -> None:
    shown = mask_response(
        NO_RULE,
        columns=(OutputColumn("id", "int4"), OutputColumn("p", "text"), OutputColumn("q", "text")),
        derived=((ID,), (PASSWORD,), None),
        captured=(("1", VALUE, "plain"),),
        relations=(ACCOUNTS,),
    )
    assert shown.captured[0][0] == "1"
    assert shown.captured[0][1] != VALUE
    assert shown.captured[0][2] == "plain"


@pytest.mark.parametrize(
    "fault",
    [
        {"detail": f"Key (password)=({VALUE}) already exists.", "relation": "accounts"},
        {"detail": f'Key (id, "password")=(1, {VALUE}) already exists.', "relation": "accounts"},
        {"detail": f"Failing row contains (1, {VALUE}).", "relation": "accounts"},
        {"context": f'COPY accounts, line 1, column password: "{VALUE}"'},
        {"message": f'invalid input "{VALUE}"', "column": "api_key", "relation": "accounts"},
    ],
)
def test_a_fault_tells_no_credential(fault: dict[str, str]) -> None:
    assert VALUE not in str(mask_fault(NO_RULE, relations=(ACCOUNTS,), **fault))


@pytest.mark.parametrize(
    "fault",
    [
        {"detail": f"Key (id)=({VALUE}) already exists.", "relation": "accounts"},
        {"detail": f"Failing row contains (1, {VALUE}).", "relation": "orders"},
        {"context": f'COPY orders, line 1, column total: "{VALUE}"'},
    ],
)
def test_a_fault_of_other_columns_is_kept(fault: dict[str, str]) -> None:
    assert VALUE in str(mask_fault(NO_RULE, relations=(ORDERS, ACCOUNTS), **fault))
