"""Who reads evidence through a running gateway is in the evidence."""

import json
import os
import pwd
from collections.abc import Iterator

import psycopg
import pytest
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

CARD = "4111 1111 1111 1111"
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("read")
    folder = tmp_path_factory.mktemp("read") / "gateway"
    config = HEAD + target(postgres, "read") + '[[mask]]\ndetect = ["card"]\nas = "redact"\n'
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


def readings(gateway: RunningGateway, call: str) -> list[tuple[str, str]]:
    """Who read what, of each recorded reading by a call, the oldest first."""
    found = gateway.items("search", "--oldest", f"kind:evidence.read action:{call}")
    return [(item["identity"], item["detail"].get("about", "")) for item in found]


def test_a_reading_is_on_the_record_once_and_in_no_loop(gateway: RunningGateway) -> None:
    ticket = gateway.ticket()
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        connection.execute("SELECT 1")
    (command,) = gateway.commands()
    for _ in range(3):
        shown = json.loads(gateway.custody("show", command["session"], "--json").stdout)
        assert shown["recorded"] is True
    gateway.custody("timeline", command["loop"])
    assert readings(gateway, "show") == [(ME, command["session"])]
    assert readings(gateway, "timeline") == [(ME, command["loop"])]
    kinds = {item["kind"] for item in gateway.items("timeline", command["loop"])}
    assert "evidence.read" not in kinds
    assert gateway.verify().returncode == 0


def test_what_was_searched_for_is_masked(gateway: RunningGateway) -> None:
    gateway.custody("search", CARD)
    about = [each for _, each in readings(gateway, "search")]
    assert "‹card›" in about
    assert all(CARD not in each for each in about)


def test_without_a_gateway_the_reading_says_that_it_is_on_no_record(
    gateway: RunningGateway,
) -> None:
    gateway.stop()
    done = gateway.custody("search", "--json")
    assert json.loads(done.stdout)["recorded"] is False
    assert "this reading is on no record" in done.stderr
    gateway.start()
