"""The gateway's own connection: it logs in, asks one thing at a time, and never writes."""

import struct

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import upstream

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.codec import UpstreamLogin
from custody.model.errors import CustodyError, WireError
from custody.protocols.postgres.inquirer import ANSWER_BYTES_AT_MOST, PostgresInquirer
from custody.protocols.postgres.statements.catalogue import (
    ColumnsQuestion,
    RelationFacts,
    RelationsQuestion,
    TableFact,
    sql,
)

QUESTION = ColumnsQuestion(7)


def is_ready(inquirer: PostgresInquirer) -> bool:
    return inquirer.ready


def tls_answer(inquirer: PostgresInquirer) -> bool | None:
    return inquirer.tls_answer


def logged_in() -> PostgresInquirer:
    inquirer = PostgresInquirer(random=bytes)
    inquirer.begin(upstream())
    assert b"default_transaction_read_only = on" in inquirer.receive(m.LET_IN)
    assert not is_ready(inquirer)
    assert inquirer.receive(3 * m.complete("SET") + m.ready()) == b""
    assert is_ready(inquirer)
    return inquirer


def test_it_is_read_only_from_the_start() -> None:
    inquirer = PostgresInquirer(random=bytes)
    sent = inquirer.begin(upstream())
    assert b"database\0orders" in sent
    assert b"statement_timeout" not in sent  # it would hide the role's own
    first = inquirer.receive(m.LET_IN)
    assert b"SET default_transaction_read_only = on; SET statement_timeout" in first
    assert not is_ready(inquirer)


def test_a_question_and_its_answer() -> None:
    inquirer = logged_in()
    assert inquirer.ask(QUESTION) == m.query(sql(QUESTION))
    answer = (
        m.column("a") + m.row(b"public", b"t", b"r", b"1", b"id", None) + m.complete("SELECT 1")
    )
    assert inquirer.receive(answer[:20]) == b""
    assert not is_ready(inquirer)
    inquirer.receive(answer[20:] + m.ready())
    assert is_ready(inquirer)
    assert inquirer.take_answer() == TableFact("public", "t", "r", ((1, "id"),))


def test_tls_is_asked_for() -> None:
    inquirer = PostgresInquirer(random=bytes)
    assert inquirer.begin(upstream(tls="prefer")) == m.SSL_REQUEST
    assert tls_answer(inquirer) is None
    inquirer.receive(b"S")
    assert tls_answer(inquirer) is True
    assert b"orders" in inquirer.start(tls=True, channel_binding=None)


@pytest.mark.parametrize("sent", [b"Sx", b"?"])
def test_an_answer_to_the_request_for_tls_that_is_none(sent: bytes) -> None:
    inquirer = PostgresInquirer(random=bytes)
    inquirer.begin(upstream(tls="require"))
    with pytest.raises(WireError):
        inquirer.receive(sent)


def test_a_question_that_the_server_refuses_has_no_answer() -> None:
    inquirer = logged_in()
    inquirer.ask(QUESTION)
    inquirer.receive(m.error("42501", "permission denied") + m.ready())
    assert inquirer.take_answer() is None
    inquirer.ask(QUESTION)
    inquirer.receive(m.column("a") + m.complete("SELECT 0") + m.ready())
    assert inquirer.take_answer() == TableFact("", "", "", ())


def test_an_answer_that_is_too_long_is_none() -> None:
    inquirer = logged_in()
    inquirer.ask(QUESTION)
    for _ in range(ANSWER_BYTES_AT_MOST // 500_000 + 1):
        inquirer.receive(m.row(b"x" * 500_000))
    inquirer.receive(m.complete("SELECT 9") + m.ready())
    assert inquirer.take_answer() is None


@pytest.mark.parametrize(
    "sent",
    [
        m.error("28P01", "no", "FATAL"),
        m.frame("R", struct.pack(">I", 7)),
    ],
)
def test_a_login_that_fails(sent: bytes) -> None:
    inquirer = PostgresInquirer(random=bytes)
    inquirer.begin(upstream())
    with pytest.raises(CustodyError) as caught:
        inquirer.receive(sent)
    assert caught.value.code.startswith("target.")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("sent", [b"?\0\0\0\4", b"D\0\0\0\5x", b"D\0\0\0\3", b"D\x7f\0\0\0"])
def test_what_is_not_an_answer(sent: bytes) -> None:
    inquirer = logged_in()
    inquirer.ask(QUESTION)
    with pytest.raises(WireError):
        inquirer.receive(sent)


@pytest.mark.real
def test_a_real_server_answers_and_nothing_can_be_written(postgres: ScratchPostgres) -> None:
    import socket  # noqa: PLC0415  # the one test with a wire

    from custody.model.secret import Secret  # noqa: PLC0415 - used here alone

    inquirer = PostgresInquirer()
    login = UpstreamLogin(
        postgres.superuser, "postgres", Secret(postgres.password), tls="off", client_key=bytes(36)
    )
    with socket.create_connection((postgres.host, postgres.port), timeout=10) as line:
        line.sendall(inquirer.begin(login))
        while not is_ready(inquirer):
            line.sendall(inquirer.receive(line.recv(65536)))
        line.sendall(inquirer.ask(RelationsQuestion("pg_class")))
        while not is_ready(inquirer):
            inquirer.receive(line.recv(65536))
        facts = inquirer.take_answer()
        assert isinstance(facts, RelationFacts)
        assert [each.schema for each in facts.found] == ["pg_catalog"]
        line.sendall(m.query("CREATE TABLE never (a int)"))
        assert b"25006" in line.recv(65536)
