"""What a session costs grows with what it sends, and not faster.

Law: work is counted in calls of Python functions, which are the same on every machine.
"""

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import Dialogue, playbook


def one_statement(number: int) -> bytes:
    name = f"s{number}"
    return m.parse("SELECT 1", name) + m.bind("", name) + m.describe() + m.execute() + m.SYNC


def one_pipeline(number: int) -> bytes:
    name = f"s{number}"
    return m.parse("SELECT 1", name) + m.bind("", name) + m.execute()


def closing(number: int) -> bytes:
    return one_statement(number)[: -len(m.SYNC)] + m.close(f"s{number}") + m.SYNC


def prepared_in_sql(number: int) -> bytes:
    return m.query(f"PREPARE s{number} AS SELECT 1") + m.query(f"EXECUTE s{number}")


def settings(number: int) -> bytes:
    return m.query(f"SET application_name = 'a{number}'") + m.query("SELECT 1")


def calls(work: Callable[[], object]) -> int:
    count = 0

    def called(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def cost(each: Callable[[int], bytes], number: int) -> int:
    """Of so many in one write, of which nothing is answered yet."""
    with playbook() as p:
        p.client(each(0)).forget()  # what is made once
        sent = b"".join(each(n + 1) for n in range(number))
        return calls(lambda: Dialogue.client(p, sent))


@pytest.mark.parametrize("each", [one_statement, one_pipeline, closing, prepared_in_sql, settings])
def test_twice_as_many_statements_in_one_write_cost_twice_as_much(
    each: Callable[[int], bytes],
) -> None:
    few, many = cost(each, 100), cost(each, 400)
    assert many < 5 * few
