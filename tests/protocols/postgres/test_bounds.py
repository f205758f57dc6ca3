"""Nothing grows with what a client or a server sends."""

import hashlib
import tracemalloc

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import NO_MESSAGE, denying, playbook

from custody.model.errors import WireError
from custody.model.event import Forward, RecordFirst, StreamEnded
from custody.model.words import Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.options import PostgresOptions

SMALL = PostgresOptions(cleartext=True, command_bytes=1000, bind_bytes=2000, capture_bytes=100)
FAIL = frames.FAILING_DESCRIBE
FAIL_QUERY = m.query("custody_refused_a_command")
LONG = "SELECT '" + "x" * 50_000 + "'"


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_text_over_the_bound_is_refused_and_the_session_lives(pieces: int) -> None:
    with playbook(options=SMALL) as p:
        sent = m.query(LONG)
        size = len(sent) // pieces + 1
        for start in range(0, len(sent), size):
            p.client(sent[start : start + size])
            assert p.codec.buffered(Side.CLIENT) < 12_000
        assert b"54000" in p.to_client
        assert p.to_client.endswith(m.ready())
        assert len(p.of(RecordFirst)) == 1
        assert not p.commands
        p.forwards().client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


def test_a_text_just_over_the_bound_is_refused_too() -> None:
    with playbook(options=SMALL) as p:
        p.client(m.query("SELECT '" + "x" * 1000 + "'")).forwards()
        assert b"54000" in p.to_client
        p.client(m.parse("SELECT '" + "x" * 1000 + "'"), m.SYNC).forwards(m.SYNC)


def test_a_long_text_in_a_transaction_fails_it() -> None:
    with playbook(options=SMALL) as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN") + m.ready(m.BLOCK)).forget()
        p.client(m.query(LONG)).forwards(FAIL_QUERY).replies()
        p.server(m.error("42601", "syntax error") + m.ready(m.FAILED))
        assert b"54000" in p.to_client


def test_a_long_parse_in_a_pipeline_fails_there() -> None:
    with playbook(options=SMALL) as p:
        first = m.parse("SELECT 1") + m.bind() + m.execute()
        p.client(first, m.parse(LONG), m.bind(), m.execute(), m.SYNC).forwards(first, FAIL, m.SYNC)


def test_a_long_bind_is_announced_before_it_moves() -> None:
    with playbook(options=SMALL) as p:
        value = b"v" * 100_000
        bind = m.bind(given=[b"7", value, b"last"])
        p.client(m.parse("INSERT INTO t VALUES ($1, $2, $3)")).forget()
        p.client(bind[:3000])
        assert p.stages == ["bind"]
        p.client(bind[3000:], m.execute(), m.SYNC).forwards(bind, m.execute(), m.SYNC)
        (announced,) = [e for e in p.events if getattr(e, "stage", "") == "bind"]
        first, second = announced.commands[0].arguments  # type: ignore[union-attr]  # the scene made it what it is
        assert (first.value, first.truncated) == ("7", False)
        assert (second.length, second.truncated) == (100_000, True)
        (ended,) = [e for e in p.events if isinstance(e, StreamEnded)]
        assert ended.stream.announced == ended.stream.bytes == len(bind) - 5
        assert ended.stream.digest == hashlib.sha256(bind[5:]).hexdigest()
        (command,) = p.commands
        assert [(a.length, a.truncated) for a in command.arguments] == [
            (1, False),
            (100_000, True),
            (4, True),
        ]
        p.server(m.PARSED + m.BOUND + m.complete("INSERT 0 1") + m.ready())
        assert p.outcomes == ["ok", "ok"]


def test_a_refused_long_bind_is_thrown_away_as_it_comes() -> None:
    verdicts = iter([True, False])
    with playbook(lambda _: next(verdicts), options=SMALL) as p:
        bind = m.bind(given=[b"v" * 100_000])
        p.client(m.parse("INSERT INTO t VALUES ($1)")).forget()
        for start in range(0, len(bind), 5000):
            p.client(bind[start : start + 5000])
            assert p.codec.buffered(Side.CLIENT) <= 5000
        p.client(m.execute(), m.SYNC).forwards(FAIL, m.SYNC)
        p.server(m.PARSED + m.error("34000", "no portal") + m.ready())
        p.replies(m.PARSED, NO_MESSAGE, m.ready())


def test_a_long_function_call_is_streamed() -> None:
    with playbook(options=SMALL) as p:
        call = m.function_call(952, [b"\0\0\0\1", b"w" * 50_000])
        p.client(call[:2500])
        assert len(p.commands) == 1
        p.client(call[2500:]).forwards(call)
        p.server(m.function_result(b"r" * 200_000) + m.ready())
        assert p.outcomes == ["ok"]


def test_a_refused_long_function_call() -> None:
    with playbook(denying("FUNCTION CALL"), options=SMALL) as p:
        p.client(m.function_call(952, [b"w" * 50_000])).replies(NO_MESSAGE, m.ready()).forwards()
        p.client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


def test_rows_are_captured_to_the_bound_and_counted_to_the_end() -> None:
    with playbook(options=SMALL) as p:
        p.client(m.query("TABLE t"))
        p.server(m.column("a"))
        for _ in range(100):
            p.server(m.row(b"x" * 40) * 100)
        p.server(m.complete("SELECT 10000") + m.ready())
        (response,) = p.responses
        assert response.rows == 10_000
        assert response.bytes == 10_000 * len(m.row(b"x" * 40))
        assert response.truncated
        assert 2 <= len(response.captured) <= 4


def test_a_value_that_is_cut_leaves_a_margin_for_masking() -> None:
    with playbook(options=SMALL) as p:
        p.client(m.query("TABLE t"))
        answer = m.column("a") + m.row(b"y" * 1_000_000) + m.complete("SELECT 1") + m.ready()
        for start in range(0, len(answer), 60_000):
            p.server(answer[start : start + 60_000])
            assert p.codec.buffered(Side.SERVER) < 1000
        p.replies(answer)
        (response,) = p.responses
        (row,) = response.captured
        assert response.truncated
        assert row[0] is not None
        assert 100 <= len(row[0]) <= 100 + 4096


def test_a_large_row_is_relayed_as_it_comes() -> None:
    with playbook() as p:
        p.client(m.query("TABLE t"))
        answer = m.column("a") + m.row(b"y" * 200_000)
        p.server(answer[:100_000]).replies(answer[:100_000])
        assert p.of(Forward)


def test_a_long_error_is_passed_whole_and_kept_in_part() -> None:
    with playbook() as p:
        p.client(m.query("SELECT f()"))
        told = m.error("P0001", "e" * 3_000_000)
        for start in range(0, len(told), 100_000):
            p.server(told[start : start + 100_000])
            assert p.codec.buffered(Side.SERVER) < 200_000
        p.server(m.ready()).replies(told, m.ready())
        (response,) = p.responses
        assert response.error is not None
        assert len(response.error.message) <= 65_536


def test_a_client_that_asks_and_never_listens_is_not_read_for_ever() -> None:
    with playbook(options=PostgresOptions(cleartext=True, pending=10)) as p:
        p.client(m.query("SELECT 1") * 50)
        assert len(p.commands) == 10
        answer = m.column("a") + m.complete("SELECT 0") + m.ready()
        p.server(answer * 10)
        assert len(p.commands) == 20


def test_statements_have_a_bound() -> None:
    options = PostgresOptions(cleartext=True, statements=20)
    with playbook(options=options) as p:
        for n in range(30):
            p.client(m.parse("SELECT 1", f"s{n}"), m.SYNC)
            if n < 20:
                p.server(m.PARSED + m.ready())
        assert b"54000" in p.to_client


@pytest.mark.parametrize(
    ("side", "sent"),
    [
        (Side.CLIENT, b"S\x00\x00\x00\x03"),
        (Side.CLIENT, b"S\x00\x01\x00\x00"),
        (Side.CLIENT, b"Q\x40\x00\x00\x00"),
        (Side.CLIENT, b"?\x00\x00\x00\x04"),
        (Side.SERVER, b"T\x00\x20\x00\x00"),
        (Side.SERVER, b"T\x00\x00\x00\x03"),
        (Side.SERVER, b"?\x00\x00\x00\x04"),
        (Side.SERVER, m.row(b"1")),
        (Side.SERVER, m.PARSED),
        (Side.SERVER, m.complete("SELECT 1")),
        (Side.SERVER, m.copy_data(b"1")),
        (Side.SERVER, m.frame("Z", b"X")),
        (Side.SERVER, m.AUTHENTICATION_OK),
    ],
)
def test_what_breaks_a_session(side: Side, sent: bytes) -> None:
    with playbook() as p:
        with pytest.raises(WireError) as caught:
            (p.client if side is Side.CLIENT else p.server)(sent + b"\0" * 8)
        assert caught.value.blame == side.value


def test_long_pipelines_of_values_hold_little() -> None:
    with playbook() as p:
        p.client(m.parse("INSERT INTO t VALUES ($1)", "s"), m.SYNC)
        p.server(m.PARSED + m.ready())
        one = m.bind("", "s", [b"v" * 20_000]) + m.execute()
        tracemalloc.start()
        try:
            for _ in range(1000):
                p.client(one)
                p.to_server = b""
                p.events.clear()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000


def test_a_name_is_looked_at_as_far_as_the_server_looks() -> None:
    with playbook() as p:
        long = "n" * 63
        p.client(m.parse("SELECT 1", long + "x"), m.close(long + "y"), m.SYNC)
        p.server(m.PARSED + m.CLOSED + m.ready())
        p.client(m.parse("DELETE FROM t", long + "z"), m.SYNC)
        p.server(m.PARSED + m.ready()).forget()
        p.client(m.bind("", long + "x"), m.execute())
        assert p.commands[0].text == "DELETE FROM t"
