"""The part of the fixed script that is sent before anything is read.

Law: as of the script.
"""

from psycopg import pq
from tests.real import raw_line as raw
from tests.real.evidence_logins import enter
from tests.real.evidence_setting import DENIED
from tests.real.evidence_stage import Client, Stage, result
from tests.real.raw_line import RawLine


def pipelines(stage: Stage, ticket: str) -> None:
    """Sent as a whole; what is refused, and what fails, takes the rest up to the next Sync along.

    Each statement is run once before, so that the gateway knows it and reads a pipeline in one go:
    else chance would decide whether an answer is recorded before the next command or behind it.
    libpq sends at each Sync, so a pipeline with several is sent by hand.
    """
    allowed, fails = "INSERT INTO scratch VALUES ($1)", "SELECT 1 / ($1::int - $1::int)"
    select = "SELECT id, ssn FROM users WHERE id = $1"
    known = (allowed, fails, select, "BEGIN", "COMMIT", "BEGIN", "ROLLBACK", DENIED)
    with stage.session("pipelines", ticket) as client:
        for step in known:
            pipeline(client, (step,))
        for steps in (
            (allowed, select, allowed),
            (select, DENIED, allowed),
            (DENIED, allowed),
            (allowed, select, DENIED),
            (allowed, fails, allowed),
            ("BEGIN", allowed, DENIED, "COMMIT"),
            (select, "ROLLBACK"),
            ("ROLLBACK",),
        ):
            pipeline(client, steps)
    with stage.settled("session.end"), enter(stage, "pipelines by hand", ticket) as line:
        for step in known:
            raw_pipeline(line, (step, "SYNC"))
        for several in (
            (allowed, select, "SYNC", allowed, "SYNC"),
            (select, DENIED, allowed, "SYNC", allowed, "SYNC"),
            (allowed, fails, allowed, "SYNC", select, "SYNC"),
            ("BEGIN", allowed, DENIED, "SYNC", select, "SYNC", "ROLLBACK", "SYNC"),
            ("BEGIN", "SYNC", allowed, "SYNC", fails, "SYNC", select, "SYNC", "COMMIT", "SYNC"),
            (DENIED, "SYNC", allowed, DENIED, "SYNC", select, "SYNC"),
        ):
            raw_pipeline(line, several)
        line.send("Terminate", raw.TERMINATE)
        line.until()


def pipeline(client: Client, steps: tuple[str, ...]) -> None:
    connection = client.connection.pgconn
    client.told("> pipeline", steps)
    connection.enter_pipeline_mode()
    for step in steps:
        connection.send_query_params(step.encode(), [b"1"] if "$1" in step else None)
    connection.pipeline_sync()
    for _ in (*steps, "SYNC"):
        while (found := connection.get_result()) is not None:
            client.told("  " + result(found))
            if found.status == pq.ExecStatus.PIPELINE_SYNC:
                break
    connection.exit_pipeline_mode()


def raw_pipeline(line: RawLine, steps: tuple[str, ...]) -> None:
    """All in one piece."""
    sent: list[bytes] = []
    for step in steps:
        if step == "SYNC":
            sent.append(raw.SYNC)
        else:
            values = (b"1",) if "$1" in step else ()
            sent += (raw.parse("", step), raw.bind("", "", *values), raw.execute())
    line.send(" | ".join(steps), *sent)
    for _ in range(steps.count("SYNC")):
        line.until(b"Z")
