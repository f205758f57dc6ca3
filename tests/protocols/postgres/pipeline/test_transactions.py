"""How transactions end, by tags, errors and ReadyForQuery; whatever the order that they come in."""

import pytest

from custody.model.words import Ended
from custody.protocols.postgres.pipeline.transactions import TransactionEnds
from custody.wire.sql.syntax import Change, Release, RollbackTo, Savepoint

C, R, U = Ended.COMMITTED, Ended.ROLLED_BACK, Ended.UNKNOWN

# What the server says: a tag, with what the statement changes; "!" is an error, "I", "T" and "E"
# are ReadyForQuery; ``last`` is marked by a dot. Then the ends, each with what it leaves out.
STORIES: list[tuple[str, str, list[tuple[Ended, int]]]] = [
    ("a command alone", "INSERT. I", []),
    ("a command alone that fails", "! I", []),
    ("a command alone whose end fails", "INSERT. ! I", [(R, 0)]),
    ("two texts in one", "INSERT INSERT. I", [(C, 0)]),
    ("the second of which fails", "INSERT ! I", [(R, 0)]),
    ("whose end fails", "INSERT INSERT. ! I", [(R, 0)]),
    ("begun and committed", "BEGIN. T INSERT. T COMMIT. I", [(C, 0)]),
    ("begun and rolled back", "BEGIN. T INSERT. T ROLLBACK. I", [(R, 0)]),
    ("a failed one that is committed", "BEGIN. T INSERT. T ! E ROLLBACK. I", [(R, 0)]),
    ("a COMMIT that fails", "BEGIN. T INSERT. T ! I", [(R, 0)]),
    ("prepared for later", "BEGIN. T INSERT. T PREPARE_TRANSACTION. I", [(U, 0)]),
    ("all in one pipeline", "BEGIN INSERT COMMIT INSERT. I", [(C, 0)]),
    ("a failure behind the COMMIT", "BEGIN INSERT COMMIT INSERT ! I", [(C, 0), (R, 0)]),
    ("chained", "BEGIN. T INSERT. T COMMIT. T INSERT. T ROLLBACK. I", [(C, 0), (R, 0)]),
    (
        "a part undone",
        "BEGIN. T INSERT. T SAVEPOINT:s. T INSERT. T BACK:s. T COMMIT. I",
        [(R, 3), (C, 0)],
    ),
    (
        "a failed part undone",
        "BEGIN. T SAVEPOINT:s. T ! E BACK:s. T INSERT. T COMMIT. I",
        [(C, 0)],
    ),
    ("a savepoint that nobody saw", "BEGIN. T INSERT. T BACK:s. T COMMIT. I", [(U, 1), (C, 0)]),
    ("a COMMIT of nothing", "COMMIT. I", []),
]


@pytest.mark.parametrize(
    ("said", "expected"), [each[1:] for each in STORIES], ids=[each[0] for each in STORIES]
)
def test_ends(said: str, expected: list[tuple[Ended, int]]) -> None:
    ends = TransactionEnds()
    for word in said.split():
        tag, _, name = word.rstrip(".").partition(":")
        changes: tuple[Change, ...] = ()
        if tag == "SAVEPOINT":
            changes = (Savepoint(name),)
        elif tag == "BACK":
            tag, changes = "ROLLBACK", (RollbackTo(name),)
        elif tag == "RELEASE":
            changes = (Release(name),)
        if tag in {"I", "T", "E"}:
            ends.ready(tag)
        elif tag == "!":
            ends.failed()
        else:
            ends.completed(tag.replace("_", " "), changes, last=word.endswith("."))
    assert [(each.ended, each.since) for each in ends.ended] == expected


def test_only_what_is_open_waits_for_a_record() -> None:
    ends = TransactionEnds()
    assert not ends.completed("INSERT 0 1", (), last=True)
    ends.ready("I")
    assert ends.completed("BEGIN", (), last=True)
    assert ends.completed("INSERT 0 1", (), last=True)
    assert not ends.completed("COMMIT", (), last=True)
