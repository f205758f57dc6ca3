"""Whatever a statement runs was judged, in every clothing that PostgreSQL's grammar has for a call.

Law: a real server counts what ran. Every form, place and wrapping must have run a probe here, or
the table of it is wrong; and whatever ran one was judged ``execute`` before.
"""

from collections.abc import Iterator

import pytest
from tests.bypass.bare_statements import BARE
from tests.bypass.builtin_calls import calls_of, dangerous
from tests.bypass.clothings import (
    NEWER,
    PLACES,
    UNARY,
    WRAPPINGS,
    placed,
    user_expressions,
    wrapped,
)
from tests.bypass.probed import ProbedServer

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SAMPLES = ("probe('x')", "('x'::text).probe", "'x'::checked")
JUDGED = {Effect.EXECUTE, Effect.UNKNOWN}
NOT_BUILT = "unsupported XML feature"


@pytest.fixture(scope="module")
def server(postgres: ScratchPostgres) -> Iterator[ProbedServer]:
    postgres.create_database("clothes")
    probed = ProbedServer(postgres.dsn("clothes"))
    yield probed
    probed.close()


def hold(server: ProbedServer, tries: list[tuple[str, ...]]) -> None:
    """None of the tries runs unjudged, and one of them runs."""
    found = [(messages, server.try_out(messages)) for messages in tries]
    for messages, tried in found:
        assert not tried.ran or tried.effects & JUDGED, messages
    assert any(tried.ran or NOT_BUILT in tried.error for _, tried in found), found


@pytest.mark.parametrize("expression", list(user_expressions()))
def test_every_form_of_a_call_is_judged(server: ProbedServer, expression: str) -> None:
    hold(server, [(f"SELECT {expression}",)])


@pytest.mark.parametrize("statement", BARE)
def test_what_a_bare_statement_runs_is_judged(server: ProbedServer, statement: str) -> None:
    tried = server.try_out((statement,))
    assert not tried.ran or tried.effects & JUDGED
    shown = server.try_out((f"EXPLAIN {statement}",))
    assert not shown.ran or shown.effects & JUDGED


def test_most_bare_statements_run_a_probe(server: ProbedServer) -> None:
    assert sum(server.try_out((statement,)).ran for statement in BARE) > len(BARE) // 2


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_a_call_is_judged(server: ProbedServer, place: str) -> None:
    hold(server, [(placed(place, expression),) for expression in SAMPLES])


@pytest.mark.parametrize("place", NEWER)
def test_every_newer_place_of_a_call_is_judged(server: ProbedServer, place: str) -> None:
    for expression in SAMPLES:
        tried = server.try_out((placed(place, expression),))
        assert tried.effects & JUDGED, (place, expression)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_of_a_statement_is_judged(
    server: ProbedServer, wrapping: tuple[str, ...]
) -> None:
    hold(server, [wrapped(wrapping, f"SELECT {expression}") for expression in SAMPLES])


@pytest.mark.parametrize("expression", list(user_expressions()))
def test_what_a_plan_runs_that_is_only_shown_is_judged(
    server: ProbedServer, expression: str
) -> None:
    tried = server.try_out((f"EXPLAIN SELECT {expression}",))
    assert not tried.ran or tried.effects & JUDGED


def test_a_plan_that_is_only_shown_runs_nothing_and_needs_no_more_than_read(
    server: ProbedServer,
) -> None:
    called = ("probe('x')", "('x'::text).probe", "'x' @@@ 'y'")
    tried = [server.try_out((f"EXPLAIN SELECT {expression}",)) for expression in called]
    assert all(each.effects == {Effect.READ} for each in tried)
    assert not any(each.ran or each.error for each in tried)


def test_no_form_calls_a_dangerous_function_of_the_server_s_own_with_read(
    server: ProbedServer,
) -> None:
    functions = dangerous(server)
    tried = allowed = 0
    for function in functions:
        for expression in calls_of(function):
            tried += 1
            if server.judged((f"SELECT {expression}",)) <= {Effect.READ}:
                allowed += 1
                plan = server.plan(f"SELECT {expression}")
                assert f"{function.name}(" not in plan.lower(), expression
    print(f"{len(functions)} functions, {tried} calls, {allowed} allowed since they call nothing")
    assert len(functions) > 120
    assert tried > 1000


def test_tables_are_as_large_as_promised() -> None:
    assert len(UNARY) * len(PLACES) * len(WRAPPINGS) > 40_000
    assert len(list(user_expressions())) > 140
