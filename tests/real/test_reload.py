"""A changed configuration is taken in while the gateway runs, whole or not at all."""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from joserfc.jwk import ECKey, KeySet
from psycopg import errors
from psycopg.pq import PGconn, PollingStatus
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway
from tests.real.token_scene import ISSUER, WORKLOAD, TokenScene

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

NO_DELETES = """
[[rule]]
name = "no-deletes"
when = 'command.action == "DELETE"'
then = "deny"
reason = "nothing is deleted here"
"""
MASKED = '[[mask]]\ncolumns = ["people.name"]\nas = "redact"\n'
CARDS = '[[mask]]\ndetect = ["card"]\nas = "redact"\n'
CARD = "4111 1111 1111 1111"


@pytest.fixture
def start(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> Callable[[str], "Scene"]:
    postgres.execute(
        "CREATE TABLE people (id int, name text); INSERT INTO people VALUES (1, 'Ada')",
        database=database,
    )
    base = HEAD + target(postgres, database)

    def begin(more: str = "") -> Scene:
        return Scene(start_gateway(base + more), base)

    return begin


class Scene:
    def __init__(self, gateway: RunningGateway, base: str) -> None:
        self.gateway = gateway
        self.base = base
        self.ticket = gateway.ticket()

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.gateway.dsn(self.ticket, "orders"), autocommit=True)

    def write(self, more: str, base: str = "") -> None:
        self.gateway.config.write_text((base or self.base) + more)

    def reload(self, more: str, base: str = "") -> dict[str, Any]:
        self.write(more, base)
        done = self.gateway.custody("reload", "--json")
        (item,) = json.loads(done.stdout)["items"]
        return dict(item)

    def loaded(self) -> list[str]:
        """What the records of loaded configurations say, the oldest first."""
        return [item["text"] for item in self.gateway.items("search", "--oldest", "kind:config")]


def test_a_running_session_is_judged_by_the_new_rules_from_its_next_command(
    start: Callable[..., Scene],
) -> None:
    scene = start()
    with scene.connect() as connection:
        connection.execute("DELETE FROM people WHERE id = 0")
        for _ in range(6):  # prepared at the server from the fifth time on
            connection.execute("DELETE FROM people WHERE id = %s", (0,), prepare=True)
        assert scene.reload(NO_DELETES)["changed"] == ["rule"]
        with pytest.raises(errors.InsufficientPrivilege, match="nothing is deleted here"):
            connection.execute("DELETE FROM people WHERE id = 0")
        with pytest.raises(errors.InsufficientPrivilege, match="nothing is deleted here"):
            connection.execute("DELETE FROM people WHERE id = %s", (0,), prepare=True)
        assert connection.execute("SELECT name FROM people").fetchall() == [("Ada",)]
        scene.reload("")
        connection.execute("DELETE FROM people WHERE id = %s", (0,), prepare=True)
    first, second, third = scene.loaded()
    assert "reload by" not in first
    assert "changed: rule" in second
    assert "no-deletes" in second
    assert "changed: rule" in third
    assert scene.gateway.verify().returncode == 0


def test_a_session_whose_grant_is_gone_ends_and_none_begins(start: Callable[..., Scene]) -> None:
    scene = start()
    others = scene.base.replace('groups = ["agents"]', 'groups = ["others"]')
    assert others != scene.base
    with scene.connect() as connection:
        connection.execute("SELECT 1")
        assert scene.reload("", others)["sessions_ended"] == 1
        with pytest.raises(psycopg.OperationalError, match="was taken away"):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match=r"no target .* has a grant for"):
        scene.connect()
    (session,) = scene.gateway.items("sessions")
    assert session["reason"] == "grant.gone"


def test_a_session_ends_where_its_target_is_gone(
    start: Callable[..., Scene], postgres: ScratchPostgres, database: str
) -> None:
    scene = start()
    other = HEAD + target(postgres, database, name="crm")
    with scene.connect() as connection:
        connection.execute("SELECT 1")
        assert scene.reload("", other)["sessions_ended"] == 1
    with psycopg.connect(scene.gateway.dsn(scene.ticket, "crm"), autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("[[rule]]\nname = 'x'\nwhen = 'nonsense('\nthen = 'deny'\n", "rule[0].when"),
        ("[oops]\n", "oops"),
        ("= 3\n", "TOML"),
    ],
)
@pytest.mark.parametrize("by", ["command", "signal"])
def test_a_file_with_a_fault_changes_nothing_and_is_on_the_record(
    start: Callable[..., Scene], broken: str, says: str, by: str
) -> None:
    scene = start(NO_DELETES)
    with scene.connect() as connection:
        scene.write(broken)
        if by == "command":
            done = scene.gateway.custody("reload", expect=3)
            assert says in done.stderr
            assert str(scene.gateway.config) in done.stderr
        else:
            os.kill(scene.gateway.pid, signal.SIGHUP)
            wait_for(lambda: b"was not reloaded" in scene.gateway.output())
        with pytest.raises(errors.InsufficientPrivilege, match="nothing is deleted here"):
            connection.execute("DELETE FROM people WHERE id = 0")
    scene.write(NO_DELETES)
    assert len(scene.loaded()) == 1
    (refused,) = scene.gateway.items("search", "kind:admin action:config.reload")
    assert "refused" in refused["text"]


def test_a_hangup_reloads_and_the_log_says_so(start: Callable[..., Scene]) -> None:
    scene = start()
    with scene.connect() as connection:
        scene.write(NO_DELETES)
        os.kill(scene.gateway.pid, signal.SIGHUP)
        wait_for(lambda: b"the configuration was reloaded" in scene.gateway.output())
        with pytest.raises(errors.InsufficientPrivilege, match="nothing is deleted here"):
            connection.execute("DELETE FROM people WHERE id = 0")
    assert "reload by SIGHUP" in scene.loaded()[-1]


def test_what_cannot_change_is_named_with_its_cure(start: Callable[..., Scene]) -> None:
    scene = start()
    scene.write("", scene.base.replace("gw1.example.com", "gw2.example.com"))
    done = scene.gateway.custody("reload", expect=3)
    assert "gateway.name" in done.stderr
    assert "Restart" in done.stderr


def test_masks_that_come_and_go_hold_from_the_next_record(start: Callable[..., Scene]) -> None:
    scene = start()
    with scene.connect() as connection:
        connection.execute("SELECT '4111 1111 1111 1111' AS before")
        assert scene.reload(CARDS)["notes"] == []
        connection.execute("SELECT '4111 1111 1111 1111' AS masked")
        notes = scene.reload("")["notes"]
        assert notes == ["detector card is no longer masked"]
        connection.execute("SELECT '4111 1111 1111 1111' AS behind")
    texts = [item["text"] for item in scene.gateway.commands() if "AS" in item["text"]]
    assert [CARD in text for text in texts] == [True, False, True]
    assert "detector card is no longer masked" in scene.loaded()[-1]


def test_a_first_mask_of_a_column_ends_sessions_that_could_not_follow_it(
    start: Callable[..., Scene],
) -> None:
    scene = start()
    with scene.connect() as connection:
        connection.execute("SELECT name FROM people")
        assert scene.reload(MASKED)["sessions_ended"] == 1
    with scene.connect() as connection:
        connection.execute("SELECT name FROM people").fetchall()
        assert scene.reload(MASKED + CARDS)["sessions_ended"] == 0
    session = scene.gateway.commands()[-1]["session"]
    shown = scene.gateway.items("show", session)
    captured = [item["response"]["captured"] for item in shown if "response" in item]
    assert [["‹people.name›"]] in captured
    assert [["Ada"]] not in captured


def test_a_connection_that_waits_through_such_a_reload_is_turned_away(
    start: Callable[..., Scene],
) -> None:
    scene = start()
    early = PGconn.connect_start(scene.gateway.dsn(scene.ticket, "orders").encode())
    early.connect_poll()  # it is connected, and the gateway waits for its first words
    scene.reload(MASKED)
    for _ in range(200):
        polled = early.connect_poll()
        if polled in {PollingStatus.OK, PollingStatus.FAILED}:
            break
        time.sleep(0.05)
    assert polled == PollingStatus.FAILED
    assert b"opened too early" in early.error_message
    early.finish()
    with scene.connect() as connection:
        assert connection.execute("SELECT name FROM people").fetchall() == [("Ada",)]


def test_a_targets_place_and_credential_are_those_of_new_sessions(
    start: Callable[..., Scene], postgres: ScratchPostgres, database: str
) -> None:
    scene = start()
    elsewhere = f"{database}_elsewhere"
    postgres.create_database(elsewhere)
    with scene.connect() as before:
        scene.reload("", HEAD + target(postgres, elsewhere))
        with scene.connect() as behind:
            assert behind.execute("SELECT current_database()").fetchone() == (elsewhere,)
        assert before.execute("SELECT count(*) FROM people").fetchone() == (1,)
    password = f'password = "plain:{postgres.password}x"'
    wrong = (HEAD + target(postgres, elsewhere)).replace(
        'password = "env:TARGET_PASSWORD"', password
    )
    scene.reload("", wrong)
    with pytest.raises(psycopg.OperationalError):
        scene.connect()
    assert postgres.password.encode() not in scene.gateway.output()


def test_a_budget_and_a_listeners_settings_change_too(start: Callable[..., Scene]) -> None:
    scene = start()
    with scene.connect() as connection:
        connection.execute("SELECT 1")
        tight = scene.base.replace("[[grant]]", "[[grant]]\nbudget = { commands = 3 }")
        assert tight != scene.base
        noticed = tight.replace("[listen.postgres]", '[listen.postgres]\nnotice = "be careful"')
        assert scene.reload("", noticed)["changed"] == ["listen", "grant"]
        for _ in range(2):
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.Error, match="budget"):
            connection.execute("SELECT 1")
    dsn = scene.gateway.dsn(scene.gateway.ticket(), "orders")
    with psycopg.connect(dsn, autocommit=True) as other:
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_a_provider_vouches_from_its_reload_on_and_no_longer_than_it_is_there(
    start: Callable[..., Scene],
) -> None:
    scene = start()
    key = ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"}, auto_kid=True)
    keys = json.dumps(KeySet([key]).as_dict(private=False))
    (scene.gateway.folder / "keys.json").write_text(keys)
    tokens = TokenScene(scene.gateway, key)
    vouched = WORKLOAD.format(name="ci", issuer=ISSUER, password="true")

    def connect() -> "psycopg.Connection[Any]":
        dsn = scene.gateway.tls_dsn(tokens.token(), "orders")
        return psycopg.connect(dsn, autocommit=True)

    with pytest.raises(psycopg.OperationalError):
        connect()
    assert scene.reload(vouched)["changed"] == ["workload"]
    with connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    scene.reload("")
    with pytest.raises(psycopg.OperationalError):
        connect()


def test_reloads_at_once_go_one_after_the_other_and_a_kill_leaves_a_sound_log(
    start: Callable[..., Scene],
) -> None:
    scene = start()
    with ThreadPoolExecutor(4) as threads:
        scene.write(NO_DELETES)
        done = list(threads.map(lambda _: scene.gateway.custody("reload"), range(4)))
    assert [each.stdout for each in done].count("changed: rule\n") == 1
    scene.write("")
    os.kill(scene.gateway.pid, signal.SIGHUP)
    scene.gateway.kill()
    scene.gateway.start()
    assert scene.gateway.verify().returncode == 0


def test_a_gateway_that_does_not_run_says_so(start: Callable[..., Scene]) -> None:
    scene = start()
    scene.gateway.stop()
    assert "No gateway runs" in scene.gateway.custody("reload", expect=1).stderr


def wait_for(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.05)
