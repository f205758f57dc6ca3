"""Simple queries: what is asked, what is forwarded, what is recorded."""

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import NO_MESSAGE, denying, playbook

from custody.model.event import CatalogueStale, CommandsReceived, Forward, ResponseReceived
from custody.model.words import Side


def test_a_query_and_its_answer() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1 AS one")).forwards(m.query("SELECT 1 AS one"))
        answer = m.column("one", 23) + m.row(b"1") + m.complete("SELECT 1") + m.ready()
        p.server(answer).replies(answer)
        (response,) = p.responses
        assert (response.outcome, response.tag, response.rows) == ("ok", "SELECT 1", 1)
        assert [(c.name, c.type) for c in response.columns] == [("one", "int4")]
        assert response.captured == (("1",),)
        assert not response.truncated


def test_one_message_of_two_statements_is_judged_once_and_answered_twice() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1; UPDATE t SET a = 2"))
        assert [c.action for c in p.commands] == ["SELECT", "UPDATE"]
        p.server(m.column("a") + m.row(b"1") + m.complete("SELECT 1"))
        p.server(m.complete("UPDATE 3") + m.ready())
        answers = [e for e in p.events if isinstance(e, ResponseReceived)]
        assert [(a.index, a.response.tag, a.response.rows) for a in answers] == [
            (0, "SELECT 1", 1),
            (1, "UPDATE 3", 3),
        ]
        assert len({a.token for a in answers}) == 1


def test_the_final_frame_comes_with_its_record() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1"))
        p.server(m.column("a") + m.row(b"1"))
        p.server(m.complete("SELECT 1"))
        relayed = b"".join(b"".join(e.wire) for e in p.events if isinstance(e, Forward))
        assert m.complete("SELECT 1") not in relayed


def test_statements_behind_a_failed_one_are_skipped() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1; SELECT 1/0; SELECT 3"))
        p.server(m.column("a") + m.row(b"1") + m.complete("SELECT 1"))
        p.server(m.error("22012", "division by zero") + m.ready())
        assert p.outcomes == ["ok", "error", "skipped"]
        assert p.responses[1].error is not None
        assert p.responses[1].error.code == "22012"


def test_an_empty_query_is_no_command() -> None:
    with playbook() as p:
        p.client(m.query("  -- nothing")).forwards(m.query("  -- nothing"))
        p.server(m.EMPTY + m.ready()).replies(m.EMPTY + m.ready())
        assert not p.responses
        assert not p.commands


def test_a_text_that_nobody_can_read_is_unknown_and_has_one_answer() -> None:
    with playbook() as p:
        p.client(m.query("FROBNICATE; SELECT 1"))
        (command,) = p.commands
        assert command.effects == {"unknown"}
        p.server(m.complete("FROBNICATE") + m.column("a") + m.row(b"1") + m.complete("SELECT 1"))
        p.server(m.ready())
        assert p.outcomes == ["ok"]


def test_a_text_that_is_not_its_encoding_is_unknown() -> None:
    with playbook() as p:
        p.client(m.query(b"SELECT '\xff'"))
        assert p.commands[0].effects == {"unknown"}


def test_the_encoding_is_the_one_that_the_server_reported() -> None:
    with playbook() as p:
        p.server(m.parameter("client_encoding", "LATIN1"))
        p.client(m.query(b"SELECT '\xe9'"))
        assert p.commands[0].text == "SELECT 'é'"


def test_pipelined_queries_are_answered_in_their_order() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1"), m.query("SELECT 2"))
        p.forwards(m.query("SELECT 1"), m.query("SELECT 2"))
        answer = m.column("a") + m.row(b"1") + m.complete("SELECT 1") + m.ready()
        p.server(answer, answer).replies(answer, answer)
        tokens = [e.token for e in p.events if isinstance(e, ResponseReceived)]
        assert tokens == [e.token for e in p.events if isinstance(e, CommandsReceived)]


def test_notices_belong_to_the_command_that_caused_them() -> None:
    with playbook() as p:
        p.client(m.query("DROP TABLE IF EXISTS t"))
        p.server(m.notice("table does not exist") + m.complete("DROP TABLE") + m.ready())
        (response,) = p.responses
        assert [n.message for n in response.notices] == ["table does not exist"]


def test_notices_are_bounded() -> None:
    with playbook() as p:
        p.client(m.query("SELECT f()"))
        p.server(m.notice("again") * 100 + m.complete("SELECT 0") + m.ready())
        (response,) = p.responses
        assert len(response.notices) == 32
        assert response.notices_dropped == 68


def test_what_comes_at_any_time_passes() -> None:
    with playbook() as p:
        told = m.notification("c", "p") + m.parameter("TimeZone", "UTC") + m.notice("hello")
        p.server(told).replies(told)


def test_a_change_of_the_catalogue_makes_what_was_learnt_stale() -> None:
    with playbook() as p:
        p.client(m.query("CREATE TABLE t (a int)"))
        assert not p.of(CatalogueStale)
        p.server(m.complete("CREATE TABLE") + m.ready())
        assert p.of(CatalogueStale)


def test_a_fatal_error_is_passed_on_and_recorded() -> None:
    with playbook() as p:
        farewell = m.error("57P01", "terminating connection", "FATAL")
        p.server(farewell).ends(Side.SERVER).replies(farewell)
        assert p.outcomes == ["error"]


@pytest.mark.parametrize("status", [m.IDLE, m.FAILED])
def test_a_refusal_where_nothing_is_open_needs_no_server(status: str) -> None:
    with playbook(denying("DELETE")) as p:
        if status == m.FAILED:
            p.client(m.query("BEGIN; SELECT 1/0"))
            p.server(m.complete("BEGIN") + m.error("22012", "no") + m.ready(status))
            p.forget()
        p.client(m.query("DELETE FROM t")).forwards()
        p.replies(NO_MESSAGE, m.ready(status))
        p.client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


def test_a_refusal_in_a_transaction_fails_it() -> None:
    with playbook(denying("DELETE")) as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN") + m.ready(m.BLOCK)).forget()
        p.client(m.query("DELETE FROM t"))
        assert p.to_server.endswith(m.query("custody_refused_a_command"))
        p.forwards(m.query("custody_refused_a_command")).replies()
        p.server(m.error("42601", "syntax error") + m.ready(m.FAILED))
        p.replies(NO_MESSAGE, m.ready(m.FAILED))
        assert not p.responses


def test_a_refusal_behind_a_pipelined_query_waits_for_its_turn() -> None:
    with playbook(denying("DELETE")) as p:
        p.client(m.query("SELECT 1"), m.query("DELETE FROM t"), m.query("SELECT 2")).replies()
        p.forwards(m.query("SELECT 1"), m.query("custody_refused_a_command"), m.query("SELECT 2"))
        answer = m.column("a") + m.row(b"1") + m.complete("SELECT 1") + m.ready()
        p.server(answer + m.error("42601", "syntax error") + m.ready() + answer)
        p.replies(answer, NO_MESSAGE, m.ready(), answer)
        assert p.outcomes == ["ok", "ok"]


def test_a_real_farewell_is_not_taken_for_the_reply_to_a_failing_message() -> None:
    with playbook(denying("DELETE")) as p:
        p.client(m.query("SELECT 1"), m.query("DELETE FROM t"))
        farewell = m.error("57P01", "terminating connection", "FATAL")
        p.server(m.column("a") + m.complete("SELECT 0") + m.ready()).forget()
        p.server(farewell).replies(farewell)


def test_a_message_is_refused_whole() -> None:
    with playbook(denying("DELETE")) as p:
        p.client(m.query("SELECT 1; DELETE FROM t")).forwards().replies(NO_MESSAGE, m.ready())
