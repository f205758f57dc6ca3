"""A message whose length is right and whose body is not: an error, as the server gives one."""

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import playbook

from custody.model.event import RecordFirst
from custody.model.record import Opaque
from custody.protocols.postgres import frames
from custody.protocols.postgres.options import PostgresOptions

SIMPLE = (
    m.frame("Q", b"SELECT 1\0SELECT 2\0"),
    m.frame("Q", b"SELECT 1"),
    m.frame("Q"),
    m.frame("S", b"x"),
    m.frame("F", b"\0\0\0\x01\0\x05"),
)
EXTENDED = (
    m.frame("P", b"name\0SEL\0ECT 1\0\0\0"),
    m.frame("P", b"name\0text\0\0\x05"),
    m.frame("B", b"portal"),
    m.frame("B", b"portal\0statement"),
    m.frame("E", b"portal\0"),
    m.frame("D", b"Xname\0"),
    m.frame("C", b"Sname"),
    m.frame("H", b"x"),
)


@pytest.mark.parametrize("sent", SIMPLE)
def test_the_session_lives_on_behind_a_malformed_simple_message(sent: bytes) -> None:
    with playbook() as p:
        p.client(sent).forwards()
        assert b"08P01" in p.to_client
        assert p.to_client.endswith(m.ready())
        recorded = [event.body for event in p.of(RecordFirst) if isinstance(event, RecordFirst)]
        assert recorded == [Opaque("a malformed message, refused with 08P01", len(sent))]
        p.client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


@pytest.mark.parametrize("sent", EXTENDED)
def test_what_stands_behind_a_malformed_message_is_ignored_up_to_its_sync(sent: bytes) -> None:
    with playbook() as p:
        p.client(sent, m.parse("SELECT 1"), m.bind(), m.execute(), m.SYNC).forwards(m.SYNC)
        assert b"08P01" in p.to_client
        p.server(m.ready())
        p.client(m.statement("SELECT 2")).forwards(m.statement("SELECT 2"))


@pytest.mark.parametrize("sent", EXTENDED)
def test_a_malformed_message_fails_the_pipeline_that_it_stands_in(sent: bytes) -> None:
    with playbook() as p:
        first = m.parse("SELECT 1") + m.bind() + m.execute()
        p.client(first, sent, m.execute(), m.SYNC).forwards(first, frames.FAILING_DESCRIBE, m.SYNC)
        p.server(m.PARSED + m.BOUND + m.complete("SELECT 0"))
        p.server(m.error("26000", "none") + m.ready())
        assert b"08P01" in p.to_client
        assert b"26000" not in p.to_client


def test_in_a_transaction_it_fails_the_transaction() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN") + m.ready(m.BLOCK)).forget()
        p.client(SIMPLE[0]).forwards(m.query("custody_refused_a_command")).replies()
        p.server(m.error("42601", "syntax error") + m.ready(m.FAILED))
        assert b"08P01" in p.to_client


def test_a_malformed_bind_whose_values_are_read_late_is_the_servers_to_refuse() -> None:
    with playbook() as p:
        bind = m.frame("B", b"\0\0\0\0\0\x01\0\0\0\x09x")
        p.client(m.parse("SELECT $1"), bind, m.execute(), m.SYNC)
        p.server(m.PARSED + m.error("08P01", "insufficient data") + m.ready())
        assert p.to_client.endswith(m.error("08P01", "insufficient data") + m.ready())
        assert [command.action for command in p.commands] == []
        p.forget()
        p.client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


def test_a_long_malformed_bind_is_thrown_away_as_it_comes() -> None:
    small = PostgresOptions(cleartext=True, bind_bytes=200)
    with playbook(options=small) as p:
        p.client(m.frame("B", b"\0s\0\xff\xff" + b"x" * 12_000), m.SYNC).forwards(m.SYNC)
        assert b"08P01" in p.to_client
        p.server(m.ready())
        p.client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))
