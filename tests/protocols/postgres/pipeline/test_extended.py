"""Extended queries: prepared statements, portals, pipelines, and refusals in them."""

import struct

from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import NO_MESSAGE, denying, playbook

from custody.model.event import CommandsReceived, Inquiry, RecordFirst, ResponseReceived
from custody.model.record import Opaque
from custody.protocols.postgres import frames

FAIL = frames.FAILING_DESCRIBE
ROW = m.column("a", 23) + m.row(b"1")


def test_what_a_driver_sends_for_one_statement() -> None:
    with playbook() as p:
        sent = m.statement("SELECT $1::int", b"41")
        p.client(sent).forwards(sent)
        assert p.stages == ["parse", "execute"]
        (command,) = p.commands
        assert command.form == "extended"
        assert [a.value for a in command.arguments] == ["41"]
        answer = m.PARSED + m.BOUND + ROW + m.complete("SELECT 1") + m.ready()
        p.server(answer).replies(answer)
        (response,) = p.responses
        assert response.captured == (("1",),)
        assert [c.name for c in response.columns] == ["a"]


def test_binary_values_follow_the_types_that_were_declared() -> None:
    with playbook() as p:
        p.client(
            m.parse("SELECT $1, $2, $3, $4", types=[23, 25, 17, 0]),
            m.bind(given=[struct.pack(">i", -7), b"text", b"\x00\xff", b"\x01"], formats=[1]),
            m.execute(),
        )
        (command,) = p.commands
        assert [(a.value, a.type, a.readable) for a in command.arguments] == [
            ("-7", "int4", True),
            ("text", "text", True),
            ("\\x00ff", "bytea", True),
            ("01", "", False),
        ]


def test_types_that_the_server_describes_are_used() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT $1", "s"), m.describe("s", "S"), m.SYNC)
        p.server(m.PARSED + m.parameters(23) + m.column("a", 23) + m.ready())
        p.client(m.bind("", "s", [struct.pack(">i", 5)], [1], [1]), m.execute(), m.SYNC)
        assert [a.value for a in p.commands[0].arguments] == ["5"]
        p.server(m.BOUND + m.row(struct.pack(">i", 9)) + m.complete("SELECT 1") + m.ready())
        (response,) = p.responses
        assert response.captured == (("9",),)
        assert response.columns[0].type == "int4"


def test_a_portal_read_in_pieces_is_several_commands() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1"), m.bind("p"), m.execute("p", 1), m.execute("p", 1), m.SYNC)
        p.server(m.PARSED + m.BOUND + m.row(b"1") + m.SUSPENDED + m.row(b"2"))
        p.server(m.complete("SELECT 1") + m.ready())
        assert [r.captured for r in p.responses] == [(("1",),), (("2",),)]
        assert p.outcomes == ["ok", "ok"]


def test_an_empty_statement_is_no_command() -> None:
    with playbook() as p:
        p.client(m.statement("")).forwards(m.statement(""))
        p.server(m.PARSED + m.BOUND + m.NO_DATA + m.EMPTY + m.ready())
        assert not p.commands
        assert not p.responses


def test_an_error_makes_the_rest_of_its_pipeline_skipped() -> None:
    with playbook() as p:
        one, bad, two = (
            m.parse(t) + m.bind() + m.execute() for t in ("SELECT 1", "SELECT 1/0", "TABLE t")
        )
        p.client(one + bad + two + m.SYNC + one + m.SYNC)
        p.server(m.PARSED + m.BOUND + m.row(b"1") + m.complete("SELECT 1"))
        p.server(m.PARSED + m.BOUND + m.error("22012", "no") + m.ready())
        p.server(m.PARSED + m.BOUND + m.row(b"1") + m.complete("SELECT 1") + m.ready())
        assert p.outcomes == ["ok", "error", "skipped", "ok"]


def test_an_error_in_a_parse_belongs_to_no_command() -> None:
    with playbook() as p:
        p.client(m.statement("SELECT nothing"))
        p.server(m.error("42703", "no such column") + m.ready())
        answers = [e for e in p.events if isinstance(e, ResponseReceived)]
        assert [(a.token is None, str(a.response.outcome)) for a in answers] == [
            (True, "error"),
            (False, "skipped"),
        ]


def test_a_sync_may_fail() -> None:
    with playbook() as p:
        p.client(m.statement("INSERT INTO t VALUES (1)"))
        p.server(m.PARSED + m.BOUND + m.NO_DATA + m.complete("INSERT 0 1"))
        p.server(m.error("23503", "deferred") + m.ready())
        assert p.outcomes == ["ok", "error"]


def test_what_comes_behind_an_error_is_not_forwarded_until_sync() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1/0"), m.bind(), m.execute(), m.FLUSH).forget()
        p.server(m.PARSED + m.BOUND + m.error("22012", "no")).forget()
        p.client(m.parse("DELETE FROM t"), m.bind(), m.execute()).silent()
        assert not p.commands
        p.client(m.SYNC).forwards(m.SYNC)
        (first,) = p.of(RecordFirst)
        assert isinstance(first, RecordFirst)
        assert isinstance(first.body, Opaque)
        assert first.body.bytes == len(m.parse("DELETE FROM t") + m.bind() + m.execute())
        p.server(m.ready()).replies(m.ready())


def test_a_refused_parse_where_nothing_is_open_needs_no_server() -> None:
    with playbook(denying("DELETE")) as p:
        p.client(m.parse("DELETE FROM t"), m.bind(), m.execute()).forwards().replies(NO_MESSAGE)
        assert p.stages == ["parse"]
        p.client(m.SYNC).forwards(m.SYNC)
        p.server(m.ready()).replies(m.ready())
        p.client(m.statement("SELECT 1")).forwards(m.statement("SELECT 1"))


def test_a_refused_statement_in_a_pipeline_fails_there() -> None:
    with playbook(denying("DELETE")) as p:
        begin, delete, commit = (
            m.parse(t) + m.bind() + m.execute() for t in ("BEGIN", "DELETE FROM t", "COMMIT")
        )
        p.client(begin + delete + commit + m.SYNC)
        p.forwards(begin, FAIL, m.SYNC)
        p.server(m.PARSED + m.BOUND + m.complete("BEGIN")).forget()
        p.server(m.error("34000", "portal does not exist") + m.ready(m.FAILED))
        p.replies(NO_MESSAGE, m.ready(m.FAILED))
        assert not p.responses


def test_a_statement_allowed_at_parse_may_be_refused_at_execute() -> None:
    verdicts = iter([True, False])
    with playbook(lambda _: next(verdicts)) as p:
        p.client(m.parse("DELETE FROM t WHERE a = $1"), m.bind(given=[b"1"]), m.execute(), m.SYNC)
        p.forwards(m.parse("DELETE FROM t WHERE a = $1"), m.bind(given=[b"1"]), FAIL, m.SYNC)
        p.server(m.PARSED + m.BOUND + m.error("34000", "no portal") + m.ready())
        p.replies(m.PARSED, m.BOUND, NO_MESSAGE, m.ready())


def test_a_refusal_behind_an_error_is_not_heard() -> None:
    with playbook(denying("DELETE")) as p:
        bad = m.parse("SELECT 1/0") + m.bind() + m.execute()
        p.client(bad, m.parse("DELETE FROM t"), m.SYNC).forwards(bad, FAIL, m.SYNC)
        answer = m.PARSED + m.BOUND + m.error("22012", "no") + m.ready()
        p.server(answer).replies(answer)


def test_the_named_statement_is_judged_whenever_it_runs() -> None:
    verdicts = iter([True, True, False])
    with playbook(lambda _: next(verdicts)) as p:
        p.client(m.parse("SELECT $1", "s"), m.SYNC)
        p.server(m.PARSED + m.ready())
        run = m.bind("", "s", [b"1"]) + m.execute() + m.SYNC
        p.client(run).forwards(m.parse("SELECT $1", "s"), m.SYNC, run)
        p.server(m.BOUND + m.row(b"1") + m.complete("SELECT 1") + m.ready()).forget()
        p.client(run).forwards(m.bind("", "s", [b"1"]), FAIL, m.SYNC)


def test_a_portal_that_nobody_opened_is_unknown() -> None:
    with playbook() as p:
        p.client(m.execute("ghost"), m.SYNC)
        assert p.commands[0].effects == {"unknown"}


def test_portals_die_with_their_transaction() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1"), m.bind("p"), m.SYNC)
        p.server(m.PARSED + m.BOUND + m.ready()).forget()
        p.client(m.execute("p"))
        assert p.commands[0].effects == {"unknown"}


def test_portals_live_as_long_as_their_transaction() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN") + m.ready(m.BLOCK))
        p.client(m.parse("SELECT 1"), m.bind("p"), m.SYNC)
        p.server(m.PARSED + m.BOUND + m.ready(m.BLOCK)).forget()
        p.client(m.execute("p"))
        assert p.commands[0].action == "SELECT"


def test_the_unnamed_statement_is_replaced_and_dies_with_a_simple_query() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1"), m.parse("TABLE t"), m.bind(), m.execute(), m.SYNC)
        assert p.commands[0].text == "TABLE t"
        p.server(m.PARSED * 2 + m.BOUND + m.complete("SELECT 0") + m.ready())
        p.client(m.query("SELECT 2"))
        p.server(m.complete("SELECT 0") + m.ready()).forget()
        p.client(m.bind(), m.execute())
        assert p.commands[0].effects == {"unknown"}


def test_a_name_that_may_be_either_waits_until_it_is_known() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1", "s"), m.SYNC)
        p.server(m.PARSED + m.ready()).forget()
        again = m.close("s") + m.parse("DELETE FROM t", "s") + m.SYNC
        p.client(again, m.bind("", "s"), m.execute(), m.SYNC).forwards(again)
        assert not p.commands
        p.server(m.CLOSED + m.error("42601", "no") + m.ready())
        p.forwards(m.bind("", "s"), m.execute(), m.SYNC)
        assert p.commands[0].effects == {"unknown"}


def test_a_failed_parse_leaves_the_name_what_it_was() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1", "s"), m.SYNC)
        p.server(m.PARSED + m.ready())
        p.client(m.parse("SELECT 2", "s"), m.SYNC)
        p.server(m.error("42P05", "exists") + m.ready()).forget()
        p.client(m.bind("", "s"), m.execute())
        assert p.commands[0].text == "SELECT 1"


def test_a_closed_name_is_nothing() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1", "s"), m.close("s"), m.SYNC)
        p.server(m.PARSED + m.CLOSED + m.ready()).forget()
        p.client(m.bind("", "s"), m.execute())
        assert p.commands[0].effects == {"unknown"}


def test_a_prepared_statement_made_in_sql_can_be_bound() -> None:
    with playbook() as p:
        p.client(m.query("PREPARE s AS DELETE FROM t"))
        p.server(m.complete("PREPARE") + m.ready()).forget()
        p.client(m.bind("", "s"), m.execute())
        assert "write" in p.commands[0].effects


def test_a_cursor_made_in_sql_can_be_executed() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN") + m.ready(m.BLOCK))
        p.client(m.query("DECLARE c CURSOR FOR TABLE t"))
        p.server(m.complete("DECLARE CURSOR") + m.ready(m.BLOCK)).forget()
        p.client(m.execute("c"))
        assert "read" in p.commands[0].effects
        assert "unknown" not in p.commands[0].effects


def test_execute_in_sql_carries_the_effects_of_what_it_runs() -> None:
    with playbook() as p:
        p.client(m.parse("DELETE FROM t", "s"), m.SYNC)
        p.server(m.PARSED + m.ready()).forget()
        p.client(m.query("EXECUTE s"))
        assert "write" in p.commands[0].effects


def test_a_statement_set_in_the_same_pipeline_counts() -> None:
    with playbook() as p:
        p.client(
            m.parse("SET search_path = secret"),
            m.bind(),
            m.execute(),
            m.parse("TABLE t"),
            m.bind(),
            m.execute(),
            m.SYNC,
        )
        assert p.commands[1].objects == ("secret.t",)


def test_while_a_question_is_open_the_client_waits() -> None:
    with playbook() as p:
        p.hold = True
        p.client(m.query("SELECT 1"), m.query("SELECT 2")).forwards()
        assert len(p.of(CommandsReceived)) == 1
        p.verdict()
        p.forwards(m.query("SELECT 1"), m.query("SELECT 2"))


def test_an_error_while_a_verdict_is_awaited_skips_the_message() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1/0"), m.bind(), m.execute())
        p.hold = True
        p.client(m.execute())
        p.server(m.PARSED + m.BOUND + m.error("22012", "no")).forget()
        p.verdict()
        p.forwards(m.execute())
        assert p.outcomes == ["skipped"]
        p.client(m.SYNC).forwards(m.SYNC)
        p.server(m.ready()).replies(m.ready())


def test_an_error_while_an_answer_is_awaited_drops_the_message() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1/0"), m.bind(), m.execute())
        p.hold_inquiries = True
        p.client(m.parse("DELETE FROM t"))
        assert p.of(Inquiry)
        p.server(m.PARSED + m.BOUND + m.error("22012", "no")).forget()
        p.answer().forwards()
        assert not p.stages
        p.client(m.SYNC).forwards(m.SYNC)


def test_a_describe_names_what_its_columns_are() -> None:
    with playbook() as p:
        p.client(m.parse("SELECT 1", "s"), m.describe("s", "S"), m.SYNC)
        p.server(m.PARSED + m.parameters() + m.column("named", 23) + m.ready())
        p.client(m.bind("", "s"), m.execute(), m.SYNC)
        p.server(m.BOUND + m.row(b"1") + m.complete("SELECT 1") + m.ready())
        assert p.responses[0].columns[0].name == "named"


def test_a_function_call_is_a_command() -> None:
    with playbook() as p:
        call = m.function_call(1299, [b"\0\0\0\x05"])
        p.client(call).forwards(call)
        (command,) = p.commands
        assert command.form == "function"
        assert command.effects == {"execute"}
        p.server(m.function_result(b"abc") + m.ready())
        (response,) = p.responses
        assert response.arguments[0].value == "abc"


def test_behind_a_function_call_the_path_is_unknown_until_it_is_set() -> None:
    with playbook() as p:
        p.client(m.function_call(2078, [b"search_path", b"hidden", b"f"]))
        p.client(m.query("SELECT * FROM prices"))
        assert "public.prices" not in p.commands[-1].objects  # any schema, as the catalogue knows
        p.server(m.function_result(b"hidden") + m.ready() + m.complete("SELECT 0") + m.ready())
        p.client(m.query("SELECT * FROM prices"))
        assert not p.commands[-1].resolved
        p.server(m.complete("SELECT 0") + m.ready())
        p.client(m.query("SET search_path = public"))
        p.server(m.complete("SET") + m.ready())
        p.client(m.query("SELECT * FROM prices"))
        assert "public.prices" in p.commands[-1].objects


def test_a_function_call_that_fails_changes_no_path() -> None:
    with playbook() as p:
        p.client(m.function_call(2078, [b"search_path", b"hidden", b"f"]))
        p.server(m.error("42501", "no") + m.ready())
        p.client(m.query("SELECT * FROM prices"))
        assert "public.prices" in p.commands[-1].objects


def test_a_refused_function_call() -> None:
    with playbook(denying("FUNCTION CALL")) as p:
        p.client(m.query("BEGIN"))
        p.server(m.complete("BEGIN") + m.ready(m.BLOCK)).forget()
        p.client(m.function_call(1299, [])).forwards(m.query("custody_refused_a_command"))
        p.server(m.error("42601", "syntax") + m.ready(m.FAILED))
        p.replies(NO_MESSAGE, m.ready(m.FAILED))
