"""What masking costs: the common statement, and bulk rows, with every detector on.

Run: ``python bench/masking.py``. Prints microseconds and MB/s; asserts nothing.
"""

import timeit
from functools import partial

from custody.masking import MaskForm, MaskRule, RecordMasker
from custody.masking.detectors.catalogue import PERSONAL
from custody.model.command import Argument, Column, Command, Relation, TextMark
from custody.model.record import CommandSeen, Milliseconds, OutputColumn, Record, Response
from custody.model.words import Decision, Effect, Outcome

KEY = bytes(range(32))
ACCOUNTS = Relation("public", "pgbench_accounts", ("aid", "bid", "abalance", "filler"))
TEXT = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"
AID = Column("public", "pgbench_accounts", "aid")
BALANCE = Column("public", "pgbench_accounts", "abalance")
ROW = (
    "12345",
    "2026-05-06 12:34:56.789",
    "John Smith",
    "some description that is long enough to matter",
    "19.95",
    "8f14e45f-ceea-467f-a0e6-1e5d2a7c9b10",
)
ROWS = 450
MASKERS = {
    "no rules": RecordMasker((), KEY),
    "all detectors, column rules": RecordMasker(
        (
            MaskRule(columns=("users.ssn", "*.password")),
            MaskRule(detect=(*PERSONAL, "secret"), form=MaskForm.TOKEN),
        ),
        KEY,
    ),
}


def command(text: str, arguments: tuple[Argument, ...], marks: tuple[TextMark, ...]) -> Record:
    act = Command(
        action="SELECT",
        effects=frozenset({Effect.READ}),
        objects=("public.pgbench_accounts",),
        bounded=True,
        text=text,
        arguments=arguments,
        fingerprint="50fde20626009aba",
        marks=marks,
        relations=(ACCOUNTS,),
    )
    body = CommandSeen(act, Decision.ALLOW, "grant", "", "ab" * 32, "orders")
    return Record(Milliseconds(1), body)


def response(columns: tuple[OutputColumn, ...], rows: tuple[tuple[str, ...], ...]) -> Record:
    body = Response(0, Outcome.OK, "SELECT", len(rows), 1, 1, columns, rows, relations=(ACCOUNTS,))
    return Record(Milliseconds(1), body)


def best(one: RecordMasker, record: Record, number: int) -> float:
    """Seconds to mask once, the best of five rounds."""
    return min(timeit.repeat(partial(one.mask, record), number=number, repeat=5)) / number


def main() -> None:
    literal = command(TEXT, (), (TextMark(50, 55, (AID,), proven=True),))
    bound = command(
        TEXT.replace("12345", "$1"),
        (Argument("12345", "int4", 4, columns=(AID,), proven=True),),
        (),
    )
    number = response((OutputColumn("abalance", "int4", BALANCE),), (("1234",),))
    columns = tuple(
        OutputColumn(name, "text", Column("public", "t", name))
        for name in ("a", "b", "c", "d", "e", "f")
    )
    replaced = {
        "clean": ROW[2],
        "letters of other scripts": "Jürgen Müller, 東京",
        "an e-mail in every row": "john@example.com",
        "a card in every row": "4111 1111 1111 1111",
    }
    for name, one in MASKERS.items():
        print(f"{name}:")
        for what, record in (("literal", literal), ("bind", bound), ("one-row answer", number)):
            seconds = best(one, record, 5000)
            print(f"  {what:28} {seconds * 1e6:8.2f} µs")
        for what, text in replaced.items():
            rows = tuple((*ROW[:2], text, *ROW[3:]) for _ in range(ROWS))
            size = sum(len(cell.encode()) for row in rows for cell in row)
            record = response(columns, rows)
            seconds = best(one, record, 5)
            print(f"  rows, {what:28} {size / seconds / 1e6:8.1f} MB/s")


if __name__ == "__main__":
    main()
