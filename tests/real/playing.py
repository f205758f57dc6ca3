"""Plays a dialogue against a server with libpq itself, and notes all that comes back.

Law: what is noted is what a program could see: every result in order, and the transaction's state
after each exchange. Texts that may differ between two servers (a failure's own words) are not.
"""

from collections.abc import Sequence

import msgspec
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

FAILURES = {"42501", "42P01"}
"""The gateway's refusal, and the native failure that stands in the same place."""


class Simple(msgspec.Struct, frozen=True, tag=True):
    """One simple query message, with one statement or several."""

    text: str


class Extended(msgspec.Struct, frozen=True, tag=True):
    """Parse, Bind, Describe, Execute, Sync."""

    text: str
    values: tuple[str, ...] = ()


class Prepare(msgspec.Struct, frozen=True, tag=True):
    name: str
    text: str


class Execute(msgspec.Struct, frozen=True, tag=True):
    name: str
    values: tuple[str, ...] = ()


class Sync(msgspec.Struct, frozen=True, tag=True):
    """Inside a pipeline: the end of an implicit transaction."""


class Pipeline(msgspec.Struct, frozen=True, tag=True):
    """Everything is sent before anything is read; a ``Sync`` ends it if it has none at its end."""

    steps: tuple[Extended | Prepare | Execute | Sync, ...]


Step = Simple | Extended | Prepare | Execute | Pipeline


def play(conninfo: str, steps: Sequence[Step]) -> list[str]:
    """What a program sees, one line for each result and each state."""
    connection = pq.PGconn.connect(conninfo.encode())
    try:
        assert connection.status == pq.ConnStatus.OK, connection.error_message
        seen: list[str] = []
        for step in steps:
            if isinstance(step, Pipeline):
                seen += _pipeline(connection, step)
            else:
                _send(connection, step)
                seen += _results(connection)
            seen.append(f"state {pq.TransactionStatus(connection.transaction_status).name}")
        return seen
    finally:
        connection.finish()


def _send(connection: PGconn, step: Simple | Extended | Prepare | Execute) -> None:
    match step:
        case Simple(text):
            connection.send_query(text.encode())
        case Extended(text, values):
            connection.send_query_params(text.encode(), [value.encode() for value in values])
        case Prepare(name, text):
            connection.send_prepare(name.encode(), text.encode())
        case Execute(name, values):
            connection.send_query_prepared(name.encode(), [value.encode() for value in values])


def _results(connection: PGconn) -> list[str]:
    seen = []
    while (result := connection.get_result()) is not None:
        seen.append(_line(result))
    return seen


def _pipeline(connection: PGconn, pipeline: Pipeline) -> list[str]:
    steps = pipeline.steps
    if not steps or not isinstance(steps[-1], Sync):
        steps = (*steps, Sync())
    connection.enter_pipeline_mode()
    for step in steps:
        if isinstance(step, Sync):
            connection.pipeline_sync()
        else:
            _send(connection, step)
    seen: list[str] = []
    for step in steps:
        if isinstance(step, Sync):
            result = connection.get_result()
            assert result is not None
            seen.append(_line(result))
        else:
            seen += _results(connection)
    connection.exit_pipeline_mode()
    return seen


def _line(result: PGresult) -> str:
    status = pq.ExecStatus(result.status).name
    if result.status == pq.ExecStatus.FATAL_ERROR:
        code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        return f"{status} {'FAILED' if code in FAILURES else code}"
    if result.status == pq.ExecStatus.TUPLES_OK:
        rows = [
            [result.get_value(row, column) for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]
        return f"{status} {rows}"
    return f"{status} {(result.command_status or b'').decode()}".strip()
