"""Sessions as they are recorded from drivers, for the conformance suite and the fuzzers."""

import struct

from tests.protocols.conformance import Line, Subject, Transcript
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import faces_of, upstream

from custody.model.words import Side
from custody.protocols.postgres.options import PostgresOptions
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import ParseQuestion

C, S = Side.CLIENT, Side.SERVER
LOGIN: tuple[Line, ...] = (
    (C, m.startup(user="anyone", database="orders", application_name="psql")),
    (C, m.password("ct_x")),
    (S, m.LOGGED_IN),
)
ONE = m.columns(("a", 16384, 1, 23, 0), ("b", 0, 0, 25, 0))


def _rows(count: int) -> bytes:
    return b"".join(m.row(b"%d" % n, b"x" * (n % 40)) for n in range(count))


def _extended(text: str, *given: bytes | None) -> bytes:
    return m.parse(text) + m.bind(given=given) + m.describe() + m.execute()


SIMPLE = Transcript(
    "simple queries",
    LOGIN,
    (
        (C, m.query("SELECT 1; UPDATE t SET a = 1 WHERE a = 2")),
        (S, ONE + _rows(3) + m.complete("SELECT 3") + m.notice("mind") + m.complete("UPDATE 1")),
        (S, m.ready()),
        (C, m.query("") + m.query("SELECT 1/0; SELECT 2")),
        (S, m.EMPTY + m.ready() + m.error("22012", "division by zero") + m.ready()),
        (C, m.query("BEGIN") + m.query("INSERT INTO t VALUES (1)") + m.query("COMMIT")),
        (S, m.complete("BEGIN") + m.ready(m.BLOCK) + m.complete("INSERT 0 1") + m.ready(m.BLOCK)),
        (S, m.complete("COMMIT") + m.ready() + m.notification("c", "p") + m.parameter("a", "b")),
        (C, m.TERMINATE),
    ),
)
EXTENDED = Transcript(
    "extended queries",
    LOGIN,
    (
        (C, m.parse("SELECT $1", "s", [23]) + m.describe("s", "S") + m.SYNC),
        (S, m.PARSED + m.parameters(23) + ONE + m.ready()),
        (C, m.bind("p", "s", [b"\0\0\0\x01"], [1], [1]) + m.execute("p", 1) + m.execute("p")),
        (C, m.close("p", "P") + m.close("s") + m.SYNC),
        (S, m.BOUND + m.row(b"\0\0\0\x07", None) + m.SUSPENDED + m.complete("SELECT 0")),
        (S, m.CLOSED + m.CLOSED + m.ready()),
        (C, _extended("SELECT 1") + _extended("SELECT 1/0") + _extended("SELECT 3") + m.SYNC),
        (C, _extended("SELECT 4", b"x", None) + m.FLUSH + m.SYNC),
        (S, m.PARSED + m.BOUND + ONE + m.row(b"1", b"") + m.complete("SELECT 1")),
        (S, m.PARSED + m.BOUND + ONE + m.error("22012", "division by zero") + m.ready()),
        (S, m.PARSED + m.BOUND + ONE + m.complete("SELECT 0") + m.ready()),
        (C, _extended("") + m.SYNC),
        (S, m.PARSED + m.BOUND + m.NO_DATA + m.EMPTY + m.ready()),
        (C, m.function_call(1299, [b"\0\0\0\x01"])),
        (S, m.function_result(b"\0\0\0\x02") + m.ready()),
    ),
)
COPYING = Transcript(
    "copy",
    LOGIN,
    (
        (C, m.query("COPY t FROM STDIN")),
        (S, m.COPY_IN),
        (C, m.copy_data(b"1\tx\n2\ty\n") + m.copy_data(b"3\tz\n" * 300) + m.COPY_DONE),
        (S, m.complete("COPY 302") + m.ready()),
        (C, m.query("COPY t TO STDOUT")),
        (S, m.COPY_OUT + m.copy_data(b"1\tx\n") * 50 + m.COPY_DONE + m.complete("COPY 50")),
        (S, m.ready()),
        (C, _extended("COPY t FROM STDIN") + m.SYNC),
        (S, m.PARSED + m.BOUND + m.NO_DATA + m.COPY_IN),
        (C, m.copy_data(b"1\n") + m.copy_fail("no more") + m.SYNC),
        (S, m.error("57014", "failed") + m.ready()),
    ),
)
LARGE = Transcript(
    "much data",
    LOGIN,
    (
        (C, m.query("TABLE t")),
        (S, ONE + _rows(3000) + m.row(b"1", b"y" * 300_000) + _rows(100)),
        (S, m.complete("SELECT 3101") + m.ready()),
        (C, m.parse("INSERT INTO t VALUES ($1, $2)") + m.bind(given=[b"7", b"z" * 400_000])),
        (C, m.execute() + m.SYNC),
        (S, m.PARSED + m.BOUND + m.complete("INSERT 0 1") + m.ready()),
        (C, m.query("SELECT f()")),
        (S, m.notice("n" * 100_000) + m.error("P0001", "e" * 200_000) + m.ready()),
        (C, m.query("COPY t FROM STDIN") + m.copy_data(b"line\n" * 40_000) + m.COPY_DONE),
        (S, m.COPY_IN + m.complete("COPY 40000") + m.ready()),
        (C, m.function_call(952, [struct.pack(">i", 3), b"w" * 300_000])),
        (S, m.function_result(b"v" * 100_000) + m.ready()),
    ),
)
TRANSCRIPTS = (SIMPLE, EXTENDED, COPYING, LARGE)


def answer(question: object) -> object:
    if isinstance(question, ParseQuestion):
        return analyse(question.text)
    return None


SUBJECT = Subject(
    faces=lambda: faces_of(PostgresOptions(cleartext=True)),
    upstream=upstream(),
    answer=answer,
    transcripts=TRANSCRIPTS,
    held_at_most=1_100_000,
)
