"""Which commands a transaction's record is about."""

import pytest

from custody.gateway.relay import open_transaction
from custody.gateway.relay.open_transaction import OpenTransaction
from custody.model.event import TransactionOver
from custody.model.record import TransactionEnded
from custody.model.words import Ended

C, R, U = Ended.COMMITTED, Ended.ROLLED_BACK, Ended.UNKNOWN


def opened(*numbers: int) -> OpenTransaction:
    transaction = OpenTransaction()
    for number in numbers:
        transaction.answered(number, open_ended=True)
    return transaction


def test_from_its_first_to_its_last_command() -> None:
    transaction = opened(3, 5)
    transaction.answered(7, open_ended=False)
    assert transaction.over(TransactionOver(C)) == TransactionEnded(3, 7, C)
    assert transaction.over(TransactionOver(C)) is None


def test_a_part_that_was_undone() -> None:
    transaction = opened(3, 5, 7, 9)
    assert transaction.over(TransactionOver(R, 2)) == TransactionEnded(7, 9, R)
    assert transaction.over(TransactionOver(R, 4)) is None
    assert transaction.over(TransactionOver(C)) == TransactionEnded(3, 9, C)


def test_a_command_alone_whose_end_failed() -> None:
    transaction = OpenTransaction()
    transaction.answered(4, open_ended=False)
    assert transaction.over(TransactionOver(R)) == TransactionEnded(4, 4, R)


def test_what_is_lost_with_the_connection() -> None:
    assert list(opened(3, 5).lost([])) == [TransactionEnded(3, 5, U)]
    assert list(OpenTransaction().lost([])) == []


def test_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_transaction, "REMEMBERED", 2)
    transaction = opened(3, 5, 7, 9)
    assert transaction.over(TransactionOver(R, 3)) == TransactionEnded(5, 9, U)
    assert transaction.over(TransactionOver(C)) == TransactionEnded(3, 9, C)
