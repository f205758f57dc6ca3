"""COPY data is told apart as the server tells it apart, and masked by where it went.

The real server is asked what it made of data put together by chance from the characters that mean
something in it.
"""

import contextlib
import random
from typing import Final

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres
from custody.protocols.postgres.values.copy_text import Row, rows_of
from custody.wire.sql.syntax import Copy

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TEXT: Final = Copy(True, 0, (), "text", "\t", "client")
CSV: Final = Copy(True, 0, (), "csv", ",", "client", null="")
ESCAPED: Final = Copy(True, 0, (), "csv", ",", "client", null="N", escape="\\")
FORMS: Final = {
    "text": (TEXT, "", "ab\t\t\t\n\n\r\\\\.N"),
    "csv": (CSV, "(FORMAT csv)", 'ab,,,\n\n\r""'),
    "csv with an escape": (ESCAPED, "(FORMAT csv, ESCAPE '\\', NULL 'N')", 'aN,,,\n\n\r""\\'),
}


def made_of(connection: psycopg.Connection, copy: str, data: str) -> tuple[Row, ...] | None:
    """The rows that the server made of it; ``None`` where it refused."""
    try:
        with connection.transaction(force_rollback=True), connection.cursor() as cursor:
            with cursor.copy(copy.encode()) as stream:
                stream.write(data)
            cursor.execute("SELECT a, b FROM copied ORDER BY n")
            return tuple(cursor.fetchall())
    except psycopg.Error:
        return None


@pytest.mark.parametrize("form", FORMS)
def test_what_the_server_takes_is_read_as_it_read_it(postgres: ScratchPostgres, form: str) -> None:
    copy, options, characters = FORMS[form]
    chance = random.Random(form)
    taken = refused = 0
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE copied (a text, b text, n serial)")
        for _ in range(3000):
            data = "".join(chance.choices(characters, k=chance.randint(2, 14)))
            made = made_of(connection, f"COPY copied (a, b) FROM STDIN {options}", data)
            if made is None:
                refused += 1
                continue
            taken += 1
            rows = rows_of(data.encode(), copy, "utf-8")
            assert rows[: len(made)] == made, repr(data)
            assert all(len(row) == 1 for row in rows[len(made) :]), repr(data)  # behind the marker
    assert taken > 100
    assert refused > 100


VALUE: Final = "zwqxvkjhgrtz"
SENT: Final[dict[str, tuple[str, str | bytes]]] = {
    "lines end in carriage returns": ("", f"1\ta\r2\t{VALUE}\r"),
    "only carriage returns": ("", f"1\t{VALUE}\r2\t{VALUE}\r"),
    "a value with a line's end": ("", f"a\\\nb\t{VALUE}\n2\t{VALUE}\n"),
    "a value too many": ("", f"1\t{VALUE}\t{VALUE}\n"),
    "a value too few": ("", f"{VALUE}\n2\t{VALUE}\n"),
    "line ends that change": ("", f"1\t{VALUE}\n2\r{VALUE}\tb\n"),
    "a marker inside": ("", f"1\\.2\t{VALUE}\n{VALUE}\t{VALUE}\n"),
    "an encoding of its own": ("(ENCODING 'sjis')", b"\x83\x5c\t" + VALUE.encode() + b"\n"),
    "CSV over lines": ("(FORMAT csv)", f'"1\n,",{VALUE}\n2,"{VALUE}"\n'),
    "CSV, badly quoted": ("(FORMAT csv)", f'"1"",{VALUE}\n2,{VALUE}\n'),
}


def test_a_masked_column_is_masked_in_whatever_way_its_data_is_laid_out(
    postgres: ScratchPostgres, start_gateway: StartGateway
) -> None:
    postgres.create_database("copied_rows")
    postgres.execute("CREATE TABLE users (id text, ssn text)", database="copied_rows")
    masks = '\n[[mask]]\ncolumns = ["users.ssn"]\nas = "token"\n'
    gateway = start_gateway(HEAD + target(postgres, "copied_rows") + masks)
    ticket = gateway.ticket()
    for layout, (options, data) in SENT.items():
        with (
            psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.BadCopyFileFormat),
            connection.cursor().copy(f"COPY users FROM STDIN {options}".encode()) as copy,
        ):
            copy.write(data)
        kept = str(gateway.items("show", str(gateway.items("sessions")[0]["id"])))
        assert "COPY users" in kept, layout
        assert VALUE not in kept, (layout, kept)
