"""COPY, both ways: data moves behind its command, is counted, digested and read where it can be."""

import hashlib
from collections.abc import Hashable

import msgspec
import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import NO_MESSAGE, denying, playbook

from custody.model.errors import WireError
from custody.protocols.postgres.statements.catalogue import (
    RelationFact,
    RelationFacts,
    RelationsQuestion,
)
from custody.protocols.postgres.types.value_types import STATIC
from custody.protocols.postgres.values.copy_data import binary_rows
from custody.protocols.postgres.values.copy_text import rows_of
from custody.wire.sql.syntax import Copy

T: dict[Hashable, object] = {
    RelationsQuestion("t"): RelationFacts((RelationFact("public", "t", "r", ("a", "b")),))
}
LOAD = m.query("COPY t FROM STDIN")


def test_data_from_the_client() -> None:
    with playbook(facts=T) as p:
        p.client(LOAD).forwards(LOAD)
        p.server(m.COPY_IN).replies(m.COPY_IN)
        data = m.copy_data(b"1\tx\n") + m.copy_data(b"2\t\\N\n") + m.COPY_DONE
        p.client(data).forwards(data)
        (stream,) = p.streams
        assert stream.captured == (("1", "x"), ("2", None))
        assert stream.digest == hashlib.sha256(b"1\tx\n2\t\\N\n").hexdigest()
        origins = [column.origin for column in stream.columns]
        assert [(o.schema, o.relation, o.name) for o in origins if o] == [
            ("public", "t", "a"),
            ("public", "t", "b"),
        ]
        p.server(m.complete("COPY 2") + m.ready())
        assert p.outcomes == ["ok"]
        p.client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


def test_data_from_the_server() -> None:
    with playbook(facts=T) as p:
        p.client(m.query("COPY t (b) TO STDOUT"))
        answer = m.COPY_OUT + m.copy_data(b"x\n") + m.copy_data(b"y\n") + m.COPY_DONE
        answer += m.complete("COPY 2") + m.ready()
        p.server(answer).replies(answer)
        (response,) = p.responses
        assert response.captured == (("x",), ("y",))
        assert response.digest == hashlib.sha256(b"x\ny\n").hexdigest()
        assert response.rows == 2
        assert [c.name for c in response.columns] == ["b"]


def test_a_client_may_give_up() -> None:
    with playbook() as p:
        p.client(LOAD)
        p.server(m.COPY_IN)
        p.client(m.copy_data(b"1\n"), m.copy_fail("enough"))
        p.server(m.error("57014", "COPY from stdin failed") + m.ready())
        assert len(p.streams) == 1
        assert p.outcomes == ["error"]


def test_data_sent_ahead_of_the_server() -> None:
    with playbook() as p:
        p.client(LOAD, m.copy_data(b"1\n"), m.COPY_DONE, m.query("SELECT 1"))
        p.forwards(LOAD, m.copy_data(b"1\n"), m.COPY_DONE, m.query("SELECT 1"))
        p.server(m.COPY_IN + m.complete("COPY 1") + m.ready())
        p.server(m.column("a") + m.row(b"1") + m.complete("SELECT 1") + m.ready())
        assert p.outcomes == ["ok", "ok"]
        assert p.streams[0].bytes == 2


def test_a_sync_before_the_data_is_ignored_by_the_server() -> None:
    with playbook() as p:
        p.client(m.statement("COPY t FROM STDIN"))
        p.server(m.PARSED + m.BOUND + m.NO_DATA + m.COPY_IN)
        p.client(m.copy_data(b"1\n"), m.COPY_DONE, m.SYNC)
        p.server(m.complete("COPY 1") + m.ready())
        assert p.outcomes == ["ok"]
        p.forget().client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))
        p.server(m.column("a") + m.complete("SELECT 0") + m.ready())
        assert p.outcomes == ["ok"]


def test_a_sync_sent_while_data_is_expected_is_ignored_too() -> None:
    with playbook() as p:
        p.client(m.parse("COPY t FROM STDIN"), m.bind(), m.execute(), m.FLUSH)
        p.server(m.PARSED + m.BOUND + m.COPY_IN)
        p.client(m.SYNC, m.copy_data(b"1\n"), m.COPY_DONE, m.SYNC)
        p.server(m.complete("COPY 1") + m.ready())
        assert not p.codec._requests._pending.due  # type: ignore[union-attr]  # the scene made it what it is


def test_a_server_that_fails_while_data_comes_ends_the_stream() -> None:
    with playbook() as p:
        p.client(LOAD)
        p.server(m.COPY_IN)
        p.client(m.copy_data(b"x\n"))
        p.server(m.error("22P02", "invalid input") + m.ready())
        assert len(p.streams) == 1
        assert p.outcomes == ["error"]
        p.forget().client(m.copy_data(b"y\n"), m.COPY_DONE)
        p.forwards(m.copy_data(b"y\n"), m.COPY_DONE)
        p.client(m.query("SELECT 1"))
        assert [s.bytes for s in p.streams] == [2]


def test_the_data_of_a_refused_copy_goes_nowhere() -> None:
    with playbook(denying("COPY")) as p:
        p.client(LOAD, m.copy_data(b"1\n"), m.COPY_DONE).replies(NO_MESSAGE, m.ready())
        p.client(m.query("SELECT 1"))
        p.forwards(m.query("SELECT 1"))


def test_long_data_is_captured_to_its_bound_and_digested_whole() -> None:
    with playbook() as p:
        p.client(LOAD)
        p.server(m.COPY_IN)
        lines = b"".join(b"%d\n" % n for n in range(100_000))
        for start in range(0, len(lines), 30_000):
            p.client(m.copy_data(lines[start : start + 30_000]))
        p.client(m.COPY_DONE)
        (stream,) = p.streams
        assert stream.truncated
        assert stream.bytes == len(lines)
        assert stream.digest == hashlib.sha256(lines).hexdigest()
        assert sum(len(row[0] or "") for row in stream.captured) < 80_000


TEXT = Copy(True, 0, (), "text", "\t", "client")
CSV = Copy(True, 0, (), "csv", ",", "client", null="")


@pytest.mark.parametrize(
    ("copy", "data", "rows"),
    [
        (TEXT, b"a\\tb\tc\n", [("a\tb", "c")]),
        (TEXT, b"\\N\t\\\\N\n\\.\n", [(None, "\\N")]),
        (TEXT, b"\\x41\\101\n", [("AA",)]),
        (TEXT, b"a\tcut", [("a", "cut")]),
        (CSV, b'1,"a,b"\n2,\n', [("1", "a,b"), ("2", None)]),
        (CSV, b'"say ""hi""","two\nlines",""\n', [('say "hi"', "two\nlines", "")]),
        (CSV, b"a\r\nb\r\n", [("a",), ("b",)]),
        (TEXT, b"1\ta\r2\tb\r", [("1", "a"), ("2", "b")]),
        (TEXT, b"1\ta\r\n2\tb", [("1", "a"), ("2", "b")]),
        (TEXT, b"1\ta\\\nb\tc\n", [("1", "a\nb", "c")]),
        (TEXT, b"1\ta\n2\rb\tc\n", [("1", "a"), ("2\rb\tc\n",)]),
        (TEXT, b"1\ta\r\n2\tb\n3\tc\n", [("1", "a"), ("2\tb\n3\tc\n",)]),
        (TEXT, b"1\ta\\.\nignored\tas it is\n", [("1", "a"), ("ignored\tas it is\n",)]),
        (TEXT, b"1\ta\\.b\tc\n", [("1\ta\\.b\tc\n",)]),
        (msgspec.structs.replace(TEXT, encoding="latin1"), b"\xe9\tx\n", [("é", "x")]),
        (CSV, b'"a\r\nb",c\r"d",e\r', [("a\r\nb", "c"), ("d", "e")]),
        (CSV, b'a"b,c"d,e\n', [("ab,cd", "e")]),
        (
            msgspec.structs.replace(CSV, escape="\\"),
            b'"a\\"b\nc",d\n"\\\\",e\n',
            [('a"b\nc', "d"), ("\\", "e")],
        ),
        (CSV, b'"cut in quo', [("cut in quo",)]),
        (
            Copy(True, 0, (), "csv", ";", "client", null="-", header=True),
            b"h\n-;x\n",
            [(None, "x")],
        ),
        (
            Copy(True, 0, (), "binary", "", "client"),
            b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\x02\0\0\0\x02hi\xff\xff\xff\xff\xff\xff",
            [("hi", None)],
        ),
        (Copy(True, 0, (), "binary", "", "client"), b"PGCOPY\n", []),
    ],
)
def test_rows_of_copy_data(copy: Copy, data: bytes, rows: list[tuple[str | None, ...]]) -> None:
    if copy.format == "binary":
        assert list(binary_rows(data, (25, 25), STATIC, "utf-8")[0]) == rows
    else:
        assert list(rows_of(data, copy, "utf-8")) == rows


@pytest.mark.parametrize("opened", [True, False], ids=["behind CopyInResponse", "ahead of it"])
def test_a_sync_in_the_middle_of_data_ends_the_session(opened: bool) -> None:  # noqa: FBT001 - a case
    """Whether it is answered depends on whether the data before it was good: nobody can tell."""
    with playbook() as p:
        p.client(LOAD)
        if opened:
            p.server(m.COPY_IN)
        p.client(m.copy_data(b"zz\n"))
        with pytest.raises(WireError, match="in the middle of COPY data"):
            p.client(m.SYNC, m.query("SET search_path = secret"))


def test_an_answer_that_skips_a_command_ends_the_session() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1"), m.query("SELECT 2"))
        with pytest.raises(WireError, match="had not answered"):
            p.server(m.ready() + m.column("a") + m.complete("SELECT 1") + m.ready())


def test_a_sync_behind_a_failed_copys_error_is_answered_and_the_session_goes_on() -> None:
    with playbook() as p:
        p.client(m.parse("COPY t FROM STDIN"), m.bind(), m.execute(), m.FLUSH)
        p.server(m.PARSED + m.BOUND + m.COPY_IN)
        p.client(m.copy_data(b"zz\n"))
        p.server(m.error("22P02", "invalid input"))
        p.client(m.SYNC)
        p.server(m.ready())
        p.forget().client(m.query("SELECT 7")).forwards(m.query("SELECT 7"))
        p.server(m.column("a") + m.complete("SELECT 0") + m.ready())
        assert p.outcomes == ["ok"]
