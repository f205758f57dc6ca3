"""Records as an investigator reads them."""

from custody.model.command import Argument, Command
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    Heartbeat,
    Injected,
    Opaque,
    OutputColumn,
    Response,
    Stream,
)
from custody.model.words import Decision, Effect, Outcome
from custody.protocols.postgres.render import Table, render


def lines(body: Body) -> str:
    page = render(body)
    assert page is not None
    return "\n".join(page.lines)


def test_a_command_with_its_values_and_verdict() -> None:
    command = Command(
        action="UPDATE",
        effects=frozenset({Effect.WRITE, Effect.READ}),
        objects=("public.t",),
        bounded=False,
        text=" UPDATE t\n SET a = $1, b = $2",
        arguments=(
            Argument("7", "int4", 1),
            Argument(None, "text", 0),
            Argument("00ff", "", 9000, readable=False, truncated=True),
        ),
        problem="syntax",
    )
    seen = CommandSeen(command, Decision.DENY, "no-update", "not today", "aa", "orders", "parse")
    assert lines(seen) == (
        "UPDATE t\n SET a = $1, b = $2\n"
        "$1 int4 = 7\n"
        "$2 text = NULL\n"
        "$3 = 0x00ff … of 9,000 bytes\n"
        "deny (no-update): not today [at parse]; read, write\n"
        "touches public.t\n"
        "unbounded: no condition limits it\n"
        "not understood: syntax"
    )


def test_an_answer_with_its_rows() -> None:
    response = Response(
        1,
        Outcome.OK,
        "SELECT 3",
        3,
        120,
        1500,
        columns=(OutputColumn("a", "int4"),),
        captured=(("1", "more"), (None, "x")),
        truncated=True,
        notices=(ErrorReport("NOTICE", "00000", "mind", detail="the gap"),),
        notices_dropped=2,
        digest="ab",
    )
    page = render(response)
    assert page is not None
    assert page.table == Table(("a", "column 2"), (("1", "more"), (None, "x")))
    assert page.lines == (
        "ok; SELECT 3; 3 rows; 120 bytes; 1.5 ms",
        "NOTICE 00000: mind",
        "detail: the gap",
        "2 more notices were not kept",
        "digest ab",
        "only 2 rows, or parts of values, were kept",
    )


def test_the_rest() -> None:
    failed = Response(1, Outcome.ERROR, "", 0, 0, 0, error=ErrorReport("ERROR", "22012", "no"))
    assert lines(failed) == "error; 0 rows\nERROR 22012: no"
    stream = Stream(1, "up", "copy", 2048, announced=4096, truncated=True, digest="cd")
    assert lines(stream) == (
        "copy data to the target: 2,048 bytes\n"
        "4,096 bytes were announced\n"
        "digest cd\n"
        "only its beginning was kept"
    )
    assert "failing message" in lines(Injected(1, "51"))
    assert lines(Opaque("a stream", 5)) == "a stream (5 bytes)"
    assert render(Heartbeat(0, "")) is None
