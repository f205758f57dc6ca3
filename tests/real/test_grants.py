"""Least privilege by evidence, as an operator would do it: use, suggest, paste, use again."""

import json
import os
import subprocess

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import ALL_EFFECTS, HEAD, target
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

WIDE = f"""
[[grant]]
name = "wide"
groups = ["agents"]
targets = ["*"]
effects = {ALL_EFFECTS}
"""
WORK = (
    "BEGIN",
    "INSERT INTO orders (item) SELECT name FROM items",
    "UPDATE orders SET item = 'paper' WHERE id = 1",
    "SELECT item FROM orders WHERE id = 1",
    "COMMIT",
    "SHOW search_path",
)
ELSEWHERE = (
    "SELECT * FROM payroll",
    "DELETE FROM payroll",
    "INSERT INTO orders (item) SELECT name FROM payroll",
    "CREATE TABLE mine (id int)",
    "GRANT SELECT ON orders TO public",
    "DO $$ BEGIN PERFORM 1; END $$",
)


def test_the_same_work_passes_under_what_was_suggested_and_nothing_else_does(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    prepare(postgres, database)
    server = target(postgres, database).partition("[[grant]]")[0]
    gateway = start_gateway(HEAD + server + WIDE)
    work(gateway)
    listed(gateway)
    end_loops(gateway)
    asked = ("grants", "suggest", "--identity", "ada", "--since", "1h", "--objects")
    suggested = gateway.custody(*asked).stdout
    unused = gateway.custody("grants", "unused").stdout
    assert "effects define, execute, grant, unknown" in unused
    assert gateway.stop() == 0
    # The same without a gateway, but for the times of what it rests on.
    assert "[[grant]]" in gateway.custody(*asked).stdout

    gateway.config.write_text(HEAD + server + suggested)
    gateway.custody("policy", "check")
    gateway.start()
    work(gateway)
    listed(gateway)
    with connect(gateway) as connection:
        for statement in ELSEWHERE:
            with pytest.raises(
                psycopg.errors.InsufficientPrivilege, match="the grants there allow"
            ):
                connection.execute(statement)
    refused = gateway.custody(*asked).stderr
    assert "still refused" in refused
    again = gateway.custody(*asked).stdout
    assert effects(again) == effects(suggested)


def prepare(postgres: ScratchPostgres, database: str) -> None:
    with psycopg.connect(postgres.dsn(database), autocommit=True) as direct:
        direct.execute("CREATE TABLE items (name text)")
        direct.execute("INSERT INTO items VALUES ('tape'), ('cards')")
        direct.execute("CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY, item text)")
        direct.execute("CREATE TABLE payroll (name text, pay int)")


def connect(gateway: RunningGateway) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(gateway.dsn(gateway.ticket(ttl="2m"), "orders"), autocommit=True)


def work(gateway: RunningGateway) -> None:
    with connect(gateway) as connection:
        for statement in WORK:
            connection.execute(statement)
        rows = connection.execute("SELECT count(*) FROM items").fetchone()
        assert rows == (2,)


def listed(gateway: RunningGateway) -> None:
    """The questions that psql asks the catalogue are work too."""
    done = subprocess.run(
        ["psql", gateway.dsn(gateway.ticket(ttl="2m"), "orders"), "-XAtc", "\\d orders"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )
    assert "item|text" in done.stdout, done.stderr
    assert done.stderr == ""


def end_loops(gateway: RunningGateway) -> None:
    """A loop runs, and counts, until it ends or expires."""
    listing = json.loads(gateway.custody("ticket", "list", "--json").stdout)
    for ticket in listing["items"]:
        if ticket["state"] == "valid":
            gateway.custody("ticket", "revoke", ticket["id"])


def effects(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("targets", "effects", "obj"))]
