"""Attempts to make the gateway's view of a session differ from the server's."""

from collections.abc import Hashable

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import NO_MESSAGE, allow, denying, new_codec, playbook

from custody.model.command import Command
from custody.model.errors import WireError
from custody.model.event import Send, SideEnded
from custody.model.words import Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.statements.catalogue import (
    RelationFact,
    RelationFacts,
    RelationsQuestion,
)
from custody.protocols.postgres.statements.search_path import settings_asked

# In UTF-8 one string with an escaped quote in it; in GBK a string that ends, and a DELETE.
TWO_READINGS = b"SELECT E'\xe4\xb8\xad\\'; DELETE FROM t; --'"
PAY: dict[Hashable, object] = {
    RelationsQuestion("pay"): RelationFacts((RelationFact("public", "pay", "r", ("id",)),)),
}


def gbk(*tags: str) -> bytes:
    return b"".join(map(m.complete, tags)) + m.parameter("client_encoding", "GBK") + m.ready()


def no_pay(command: Command) -> bool:
    return "public.pay" not in command.objects


@pytest.mark.parametrize(
    "text",
    [
        "SET client_encoding = 'GBK'",
        "SELECT set_config('client_encoding', 'GBK', false)",
        "EXECUTE p",
        "DISCARD ALL",
    ],
)
def test_a_text_waits_for_the_encoding_that_the_server_reports(text: str) -> None:
    with playbook(denying("DELETE")) as p:
        p.client(m.query(text), m.query(TWO_READINGS)).forwards(m.query(text))
        p.server(gbk("SET"))
        assert [command.action for command in p.commands][1:] == ["SELECT", "DELETE"]
        p.forwards()


def test_the_end_of_a_transaction_may_bring_another_encoding_back() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN; SET client_encoding = 'GBK'"))
        p.server(m.complete("BEGIN"), m.complete("SET"))
        p.server(m.parameter("client_encoding", "GBK"), m.ready("T"))
        p.forget()
        p.client(m.query("ROLLBACK"), m.query(TWO_READINGS)).forwards(m.query("ROLLBACK"))
        p.server(m.complete("ROLLBACK"), m.parameter("client_encoding", "UTF8"), m.ready())
        assert [command.action for command in p.commands] == ["ROLLBACK", "SELECT"]


def test_in_one_pipeline_a_text_of_doubtful_encoding_is_unknown() -> None:
    with playbook(denying("UNKNOWN")) as p:
        p.client(
            m.statement("SELECT set_config('client_encoding', 'GBK', false)").removesuffix(m.SYNC),
            m.parse(TWO_READINGS.decode()),
        )
        assert p.sent_by_gateway.endswith(frames.FAILING_DESCRIBE)


def test_names_of_63_bytes_and_more_are_one() -> None:
    name = "n" * 63
    with playbook() as p:
        p.client(m.parse("SELECT 1", name + "x"), m.SYNC)
        p.server(m.PARSED, m.ready())
        p.client(m.close(name + "y"), m.parse("DELETE FROM t", name + "y"), m.SYNC)
        p.server(m.CLOSED, m.PARSED, m.ready())
        p.client(m.bind("", name + "x"), m.execute(), m.SYNC)
        assert [command.action for command in p.commands] == ["DELETE"]


def test_a_name_that_another_encoding_spells_otherwise_is_not_taken() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1", "é"), m.SYNC)
        p.server(m.PARSED, m.ready())
        p.client(m.query("SET client_encoding = 'LATIN1'"))
        p.server(m.complete("SET"), m.parameter("client_encoding", "LATIN1"), m.ready())
        with pytest.raises(WireError, match="not ASCII"):
            p.client(m.frame("C", b"S\xe9\0"))


def test_a_portal_means_what_its_names_meant_when_it_was_bound() -> None:
    with playbook(no_pay, facts=PAY) as p:
        p.client(m.query("SET search_path = elsewhere"))
        p.server(m.complete("SET"), m.ready())
        p.client(m.parse("SELECT * FROM pay", "s"), m.SYNC)
        p.server(m.PARSED, m.ready())
        p.client(m.query("BEGIN; SET search_path = public"))
        p.server(m.complete("BEGIN"), m.complete("SET"), m.ready("T"))
        p.client(m.bind("p", "s"), m.SYNC)
        p.server(m.BOUND, m.ready("T"))
        p.client(m.query("SET search_path = elsewhere"))
        p.server(m.complete("SET"), m.ready("T"))
        p.forget()
        p.client(m.execute("p"), m.SYNC)
        assert p.sent_by_gateway.endswith(frames.FAILING_DESCRIBE)


def test_what_a_suspended_portal_did_may_hold() -> None:
    text = "SELECT set_config('search_path', 'elsewhere', false) UNION ALL SELECT ''"
    with playbook(no_pay, facts=PAY) as p:
        p.client(m.query("SET search_path = elsewhere"))
        p.server(m.complete("SET"), m.ready())
        p.client(m.parse(text.replace("elsewhere", "public")), m.bind(), m.execute("", 1), m.SYNC)
        p.server(m.PARSED, m.BOUND, m.row(b"public"), m.SUSPENDED, m.ready())
        p.forget()
        p.client(m.query("SELECT * FROM pay")).forwards()
        p.replies(NO_MESSAGE + m.ready())


def test_a_name_whose_parse_may_have_failed_is_waited_for() -> None:
    with playbook(allow) as p:
        p.client(m.query("DECLARE c CURSOR WITH HOLD FOR SELECT secret FROM t"))
        p.client(m.parse("SELECT 1", "s"), m.bind("c", "s"), m.SYNC)
        p.forget()
        p.client(m.execute("c"), m.SYNC).forwards()
        p.server(m.complete("DECLARE CURSOR"), m.ready())
        p.server(m.PARSED, m.error("42P03", "exists"), m.ready())
        assert [command.action for command in p.commands] == ["DECLARE CURSOR"]


def run(text: str) -> bytes:
    return m.parse(text) + m.bind() + m.execute()


def test_a_name_that_sql_takes_away_in_the_same_pipeline_means_nothing_known() -> None:
    with playbook(denying("UNKNOWN")) as p:
        p.client(m.parse("SELECT 1", "s"), m.SYNC)
        p.server(m.PARSED, m.ready())
        p.client(run("DEALLOCATE s"), run("PREPARE s AS DELETE FROM t"))
        p.client(m.bind("", "s"), m.execute(), m.SYNC)
        assert p.commands[-1].action == "UNKNOWN"
        assert p.sent_by_gateway.endswith(frames.FAILING_DESCRIBE)


def test_a_name_that_a_query_before_takes_away_is_waited_for() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1", "s"), m.SYNC)
        p.server(m.PARSED, m.ready())
        p.client(m.query("DEALLOCATE s; PREPARE s AS DELETE FROM t"))
        p.client(m.bind("", "s"), m.execute(), m.SYNC)
        p.server(m.complete("DEALLOCATE"), m.complete("PREPARE"), m.ready())
        assert [command.action for command in p.commands] == ["DEALLOCATE", "PREPARE", "DELETE"]


def test_a_cursor_that_takes_a_portals_place_is_not_that_portal() -> None:
    with playbook(denying("UNKNOWN")) as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN"), m.ready("T"))
        p.client(m.parse("SELECT 1"), m.bind("c"), m.SYNC)
        p.server(m.PARSED, m.BOUND, m.ready("T"))
        p.client(run("CLOSE c"), run("DECLARE c CURSOR FOR SELECT secret FROM t"))
        p.client(m.execute("c"), m.SYNC)
        assert p.commands[-1].action == "UNKNOWN"


def test_rows_of_a_cursor_executed_as_a_portal_are_vouched_for_by_nothing() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN; DECLARE c CURSOR FOR SELECT secret || '' FROM t"))
        p.server(m.complete("BEGIN"), m.complete("DECLARE CURSOR"), m.ready("T"))
        p.client(m.execute("c"), m.SYNC)
        p.server(m.row(b"x"), m.complete("SELECT 1"), m.ready("T"))
        assert not p.responses[-1].resolved


@pytest.mark.parametrize("options", ["-c role=dba", "--session-authorization=dba", "-ec role=dba"])
def test_no_connection_begins_in_another_role(options: str) -> None:
    codec = new_codec()
    codec.receive(Side.CLIENT, m.startup(user="anyone", database="orders", options=options))
    event = codec.next_event(Side.CLIENT)
    assert isinstance(event, Send)
    assert b"C42501" in event.data
    assert isinstance(codec.next_event(Side.CLIENT), SideEnded)


def test_options_are_split_where_the_server_splits_them() -> None:
    words = "-c search_path=public,x\N{EM SPACE}--search_path=elsewhere -c a=b"
    assert list(settings_asked((("options", words),))) == [
        ("search_path", "public,x\N{EM SPACE}--search_path=elsewhere"),
        ("a", "b"),
    ]
