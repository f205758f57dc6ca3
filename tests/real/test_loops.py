"""Loops against a real server: trees, kills, budgets, room, revoked identities.

Law: everything goes through the operator's own commands and an unchanged driver; times are those
that an operator is promised.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway

from custody.app.admin.client import ask_gateway
from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

LIMITED = """
[[grant]]
name = "a-few"
groups = ["few"]
targets = ["orders"]
effects = ["read"]
concurrency = 2

[[grant]]
name = "counted"
groups = ["counted"]
targets = ["orders"]
effects = ["read", "write"]
budget = { rows = 100, then = "end" }

[[grant]]
name = "paused"
groups = ["paused"]
targets = ["orders"]
effects = ["read"]
budget = { commands = 3, then = "pause" }
"""


def config(server: ScratchPostgres, database: str, more: str = "") -> str:
    return HEAD + target(server, database) + LIMITED + more


class Operator:
    """What an operator, or a tool of the gateway's own host, asks of a running gateway."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.gateway = gateway
        self.connections: list[psycopg.Connection[Any]] = []

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        path = self.gateway.data / "run" / "admin.sock"
        document = ask_gateway(path, name, arguments)
        assert document is not None
        item: dict[str, Any] = document["items"][0]
        return item

    def start(self, group: str = "agents", **more: Any) -> dict[str, Any]:
        return self.call("loop.start", subject="ada", groups=[group], **more)

    def child(self, parent: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.call("loop.start", ticket=parent["access_token"], **more)

    def enter(self, loop: dict[str, Any]) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self.gateway.dsn(loop["access_token"], "orders"), autocommit=True, connect_timeout=10
        )
        self.connections.append(connection)
        return connection


@pytest.fixture
def operator(
    start_gateway: StartGateway, postgres: ScratchPostgres, database: str
) -> Iterator[Operator]:
    made = Operator(start_gateway(config(postgres, database)))
    yield made
    for connection in made.connections:
        connection.close()


def seconds_until_closed(
    connections: list[psycopg.Connection[Any]], act: Callable[[], object]
) -> float:
    """From the act to the moment at which each connection that waits in a query was ended."""
    ended: list[float] = []

    def wait(connection: psycopg.Connection[Any]) -> None:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("SELECT pg_sleep(30)")
        assert "this loop has ended" in str(caught.value)
        ended.append(time.monotonic())

    threads = [threading.Thread(target=wait, args=(each,)) for each in connections]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    act()
    for thread in threads:
        thread.join()
    assert len(ended) == len(connections)
    return max(ended) - began


def test_a_kill_ends_the_sessions_of_a_loop_and_its_children_within_a_second(
    operator: Operator,
) -> None:
    top, other = operator.start(purpose="the top"), operator.start()
    child = operator.child(top, effects=["read"])
    grandchild = operator.child(child)
    with operator.enter(other) as bystander:
        sessions = [operator.enter(each) for each in (top, child, grandchild)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match='this loop may have "read"'):
            sessions[1].execute("CREATE TABLE made_by_a_child (number int)")
        sessions[0].execute("CREATE TABLE made_by_its_parent (number int)")
        loop = top["loop"]["id"]
        took = seconds_until_closed(sessions, lambda: operator.gateway.custody("kill", loop))
        print(f"closed {took:.3f} s after `custody kill` began")
        assert took < 3  # the command's own start included
        assert bystander.execute("SELECT 1").fetchone() == (1,)
    for each in (top, child, grandchild):
        with pytest.raises(psycopg.OperationalError, match="revoked"):
            operator.enter(each)
    again = operator.gateway.custody("kill", loop, expect=None)
    assert again.returncode != 0
    assert "There is no loop" in again.stderr


def test_a_kill_over_the_socket_takes_less_than_a_second(operator: Operator) -> None:
    loop = operator.start()
    sessions = [operator.enter(loop), operator.enter(operator.child(loop))]
    took = seconds_until_closed(
        sessions, lambda: operator.call("kill", id=loop["loop"]["id"], actor="root")
    )
    print(f"closed after {took * 1000:.1f} ms")
    assert took < 1


def test_one_session_is_killed_and_its_loop_goes_on(operator: Operator) -> None:
    loop = operator.start()
    with operator.enter(loop) as two:
        one = operator.enter(loop)
        operator.gateway.custody("kill", found(operator, one))
        with pytest.raises(psycopg.Error):
            one.execute("SELECT 1")
        assert two.execute("SELECT 1").fetchone() == (1,)


def found(operator: Operator, connection: psycopg.Connection[Any]) -> str:
    """The session of a connection, by what it says."""
    connection.execute("SELECT 'here I am'")
    (item,) = [each for each in operator.gateway.commands() if "here I am" in each["text"]]
    session: str = item["session"]
    return session


def refused_soon(operator: Operator, loop: dict[str, Any]) -> bool:
    """Within seconds nobody comes in any more; whoever still does moves nothing."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with operator.enter(loop) as late, pytest.raises(psycopg.Error):
                late.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return "revoked" in str(error) or "has ended" in str(error)
    return False


def test_a_budget_of_rows_ends_a_loop_in_the_middle_of_its_work(operator: Operator) -> None:
    loop = operator.start("counted")
    connection = operator.enter(loop)
    rows = 0
    try:
        while True:
            rows += len(connection.execute("SELECT generate_series(1, 30)").fetchall())
    except psycopg.Error:
        pass  # by its FATAL, by a refusal, or by the closed connection: whichever came first
    assert rows == 120  # the answer that crosses the limit arrives, and is the last
    assert refused_soon(operator, loop)
    said = json.dumps(operator.gateway.items("timeline", loop["loop"]["id"]))
    assert "budget.exceeded" in said or "budget.rows" in said


def test_a_childs_rows_are_its_parents_too(operator: Operator) -> None:
    top = operator.start("counted")
    child = operator.child(top)
    with operator.enter(top) as above, operator.enter(child) as below:
        below.execute("SELECT generate_series(1, 60)").fetchall()
        above.execute("SELECT generate_series(1, 60)").fetchall()
        time.sleep(0.3)
        for each in (above, below):
            with pytest.raises(psycopg.Error):
                each.execute("SELECT 1")


def test_a_paused_loop_goes_on_once_the_operator_lets_it_and_across_a_restart(
    operator: Operator,
) -> None:
    loop = operator.start("paused")
    name = loop["loop"]["id"]
    connection = operator.enter(loop)
    for _ in range(3):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        connection.execute("SELECT 1")
    assert f"its budget of 3 commands and is paused; `custody loops resume {name}`" in str(
        caught.value
    )
    operator.gateway.stop()
    operator.gateway.start()
    connection = operator.enter(loop)
    (listed,) = [each for each in operator.gateway.items("loops") if each["id"] == name]
    assert listed["paused"] == "commands"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is paused"):
        connection.execute("SELECT 1")
    operator.gateway.custody("loops", "resume", name)
    for _ in range(3):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is paused"):
        connection.execute("SELECT 1")


def test_what_was_used_is_known_after_a_kill_of_the_gateway(operator: Operator) -> None:
    loop = operator.start("paused")
    connection = operator.enter(loop)
    for _ in range(2):
        connection.execute("SELECT 1")
    time.sleep(1.5)  # figures are kept every second
    operator.gateway.kill()
    operator.gateway.start()
    connection = operator.enter(loop)
    connection.execute("SELECT 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is paused"):
        connection.execute("SELECT 1")


def test_a_grant_has_room_for_so_many_loops_of_one_identity(operator: Operator) -> None:
    first = operator.start("few")
    operator.start("few")
    with pytest.raises(Exception, match="run by grant 'a-few' already"):
        operator.start("few")
    assert operator.call("loop.end", token=first["access_token"]) == {"ended": True}
    operator.start("few")


def test_a_revoked_identity_is_out_at_once_and_until_it_is_restored(operator: Operator) -> None:
    loop = operator.start()
    sessions = [operator.enter(loop), operator.enter(operator.child(loop))]
    words = ("--issuer", "local", "ada")
    took = seconds_until_closed(
        sessions, lambda: operator.gateway.custody("identity", "revoke", *words)
    )
    assert took < 3  # the command's own start included
    with pytest.raises(Exception, match="revoked"):
        operator.start()
    listed = operator.gateway.custody("identity", "list", "--json").stdout
    assert [item["subject"] for item in json.loads(listed)["items"]] == ["ada"]
    operator.gateway.custody("identity", "restore", *words)
    with operator.enter(operator.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_local_loops_end_at_the_next_start_where_they_are_switched_off(
    operator: Operator,
) -> None:
    loop, ticket = operator.start(), operator.gateway.ticket()
    gateway = operator.gateway
    gateway.stop()
    gateway.config.write_text(gateway.config.read_text() + "\n[login]\nlocal = false\n")
    gateway.start()
    for secret in (loop["access_token"], ticket):
        with pytest.raises(psycopg.OperationalError, match="revoked"):
            psycopg.connect(gateway.dsn(secret, "orders"))
    with pytest.raises(Exception, match="proved identities only"):
        operator.start()
    refused = gateway.custody(
        "ticket", "create", "--subject", "a", "--group", "agents", "--ttl", "1h", expect=None
    )
    assert refused.returncode != 0
    assert "local = false" in refused.stderr


def test_the_evidence_of_all_this_verifies(operator: Operator) -> None:
    loop = operator.start(purpose="to be proved", commands=1)
    operator.child(loop)
    connection = operator.enter(loop)
    connection.execute("SELECT 1")
    with pytest.raises(psycopg.Error, match="budget"):
        connection.execute("SELECT 1")
    time.sleep(0.5)
    operator.gateway.stop()
    assert operator.gateway.verify().returncode in (0, 2)
