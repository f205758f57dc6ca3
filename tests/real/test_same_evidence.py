"""A fixed script of statements leaves the evidence that it left before, byte for byte.

Law: so do the words that clients are told. What chance decides (ids, times, keys) goes by names, as
``evidence_text`` says. ``python -m tests.golden.write_statements_1`` writes what is expected anew.
"""

from itertools import takewhile, zip_longest
from pathlib import Path

import pytest
from tests.real.same_evidence import FILE, statements

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

OLDEST = 15
"""The first that knows MERGE."""


def test_the_same_statements_leave_the_same_evidence(
    postgres: ScratchPostgres, tmp_path: Path
) -> None:
    if int(postgres.version.partition(".")[0]) < OLDEST:
        pytest.skip(f"the script needs PostgreSQL {OLDEST} or later")
    found = statements(postgres, tmp_path / "gateway")
    if difference := first_difference(FILE.read_text("utf-8"), found):
        kept = tmp_path / FILE.name
        kept.write_text(found, "utf-8")
        pytest.fail(f"{kept} is not {FILE}:\n{difference}", pytrace=False)


def first_difference(expected: str, found: str) -> str:
    """Empty, or the first line that differs, what stood there, and from which character on."""
    pairs = zip_longest(expected.split("\n"), found.split("\n"), fillvalue="(nothing)")
    for number, (was, now) in enumerate(pairs, 1):
        if was != now:
            equal = takewhile(lambda pair: pair[0] == pair[1], zip(was, now, strict=False))
            at = sum(1 for _ in equal)
            start = max(at - 60, 0)
            return (
                f"line {number}, character {at}:\n was …{was[start : at + 140]}\n"
                f" now …{now[start : at + 140]}\nthe whole line was\n {was}\nand is now\n {now}"
            )
    return ""
