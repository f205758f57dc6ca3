"""Functions that are called by number."""

import pytest

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect
from custody.protocols.postgres.statements.fast_path import called


@pytest.mark.parametrize(
    ("oid", "text", "effects"),
    [
        (952, "function 952 (lo_open)", {Effect.READ}),
        (954, "function 954 (loread)", {Effect.READ}),
        (955, "function 955 (lowrite)", {Effect.READ, Effect.WRITE}),
        (964, "function 964 (lo_unlink)", {Effect.READ, Effect.WRITE}),
        (764, "function 764", {Effect.EXECUTE}),
        (765, "function 765", {Effect.EXECUTE}),
        (20_000, "function 20000", {Effect.EXECUTE}),
    ],
)
def test_what_is_not_known_by_its_number_is_execute(
    oid: int, text: str, effects: set[Effect]
) -> None:
    assert called(oid) == (text, frozenset(effects))


@pytest.mark.real
def test_the_numbers_are_the_servers(postgres: ScratchPostgres) -> None:
    told = postgres.execute("SELECT oid || ' ' || proname FROM pg_proc WHERE oid < 10000")
    known = 0
    for line in told.split("\n"):
        number, _, name = line.partition(" ")
        if number and "(" in (text := called(int(number))[0]):
            assert text == f"function {number} ({name})"
            known += 1
    assert known == 13
