"""Work that other processes do: in order, or not at all."""

import math
import os
from multiprocessing import active_children

import pytest

from custody.evidence.tlog.policy import parse_policy
from custody.evidence.verifier import worker_pool
from custody.evidence.verifier.worker_pool import map_in_order, usable_processors
from custody.model.errors import CustodyError


@pytest.mark.parametrize("processes", [0, 1, 2, 3])
@pytest.mark.parametrize("pieces", [[], [3], list(range(13))])
def test_results_come_in_order(processes: int, pieces: list[int]) -> None:
    assert list(map_in_order(math.factorial, pieces, processes)) == [
        math.factorial(piece) for piece in pieces
    ]
    assert not active_children()


def test_with_one_process_each_piece_is_done_when_it_is_asked_for() -> None:
    done: list[int] = []
    found = map_in_order(done.append, [1, 2, 3], 1)
    next(found)
    assert done == [1]


def test_a_process_that_ends_early_is_an_error() -> None:
    with pytest.raises(CustodyError) as caught:
        list(map_in_order(os._exit, [0] * 8, 2))
    assert caught.value.code == "verify.process-ended"
    assert not active_children()


def test_what_the_work_raises_is_raised_here() -> None:
    with pytest.raises(CustodyError) as here:
        parse_policy(b"nonsense")
    with pytest.raises(CustodyError) as there:
        list(map_in_order(parse_policy, [b"nonsense"] * 8, 2))
    assert (there.value.code, there.value.fault) == (here.value.code, here.value.fault)


def test_who_asked_may_leave_early() -> None:
    found = map_in_order(math.factorial, list(range(3000, 3040)), 2)
    assert next(found) == math.factorial(3000)
    found.close()
    assert not active_children()


def test_where_no_process_can_be_started_the_work_is_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_method: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("multiprocessing.get_context", refused)
    assert list(map_in_order(math.factorial, [1, 2, 3, 4, 5, 6, 7, 8], 2))[-1] == 40320


def test_there_is_a_processor_to_use() -> None:
    assert usable_processors() >= 1
    assert worker_pool._WORTH > 1
