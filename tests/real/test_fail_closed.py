"""Whatever fails under the gateway: no statement passes unrecorded, and the client is told.

Law: each scene counts what the target really did, over a connection that does not pass through the
gateway, and holds it against what clients were told and what the evidence says.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, allow_all, target
from tests.real.disks import (
    can_mount,
    filled,
    inside,
    on_read_only_disk,
    on_small_disk,
    refusing_writes,
    seen_by,
)
from tests.real.running import GatewayDiedError, RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

needs_mounts = pytest.mark.skipif(
    not can_mount(), reason="neither root nor user namespaces: no disk can be made small here"
)
RETURNS_WITHIN = 30.0


class Arrivals:
    """Sends numbered statements and knows which of them the client was told had worked."""

    def __init__(self, postgres: ScratchPostgres, database: str, gateway: RunningGateway) -> None:
        self._postgres, self._database, self._gateway = postgres, database, gateway
        postgres.execute("CREATE TABLE arrivals (number int)", database=database)
        self._ticket = gateway.ticket()
        self._next = 0
        self.acknowledged: set[int] = set()

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            self._gateway.dsn(self._ticket, "orders"), autocommit=True, connect_timeout=10
        )

    def send(self, connection: "psycopg.Connection[Any]", padding: int = 0) -> None:
        """Raises what the client sees."""
        self._next += 1
        number = self._next
        filler = os.urandom(padding // 2).hex()
        connection.execute(f"INSERT INTO arrivals VALUES ({number}) /* {filler} */".encode())
        self.acknowledged.add(number)

    def arrived(self) -> set[int]:
        rows = self._postgres.execute("SELECT number FROM arrivals", database=self._database)
        return {int(row) for row in rows.split()}

    def recorded(self) -> set[int]:
        texts = (item["text"] for item in self._gateway.commands())
        return {int(text.split("(")[1].split(")")[0]) for text in texts if "arrivals" in text}

    def wait_for_service(self, *, supervised: bool = False) -> None:
        """Until a statement passes again, on a connection of its own. Under a supervisor the
        gateway is started again where it ended rather than trust its disk.
        """
        deadline = time.monotonic() + RETURNS_WITHIN
        while True:
            try:
                with self.connect() as connection:
                    self.send(connection)
            except psycopg.Error:
                assert time.monotonic() < deadline, "service did not return by itself"
                time.sleep(0.2)
                if supervised and not self._gateway.alive:
                    self._gateway.start()
            else:
                return


def assert_proved(gateway: RunningGateway) -> None:
    done = gateway.verify()
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_for_first_checkpoint(gateway: RunningGateway) -> None:
    """The log may have broken in its first second, before anything was signed; `verify` then says
    that it is incomplete, and is right.
    """
    deadline = time.monotonic() + 10
    while not list(gateway.data.glob("evidence/log/*/checkpoint")):
        assert time.monotonic() < deadline, "nothing was ever signed"
        time.sleep(0.05)


MakeScene = Callable[..., tuple[RunningGateway, Arrivals]]
"""A gateway and its arrivals; given a size, its data lie on a disk of that size."""


@pytest.fixture
def make_scene(postgres: ScratchPostgres, database: str, tmp_path: Path) -> Iterator[MakeScene]:
    with contextlib.ExitStack() as ending:

        def make(disk: str = "") -> tuple[RunningGateway, Arrivals]:
            environment = {"TARGET_PASSWORD": postgres.password}
            config = allow_all(postgres, database)
            gateway = RunningGateway(tmp_path / "gateway", config, environment)
            ending.callback(gateway.end)
            gateway.start(wrapper=on_small_disk(gateway.data, disk) if disk else ())
            if disk:
                gateway.inside = inside(gateway.pid)
            return gateway, Arrivals(postgres, database, gateway)

        yield make


@needs_mounts
def test_a_full_disk_refuses_and_service_returns_with_it(
    make_scene: MakeScene,
) -> None:
    gateway, arrivals = make_scene("400m")
    with arrivals.connect() as connection:
        arrivals.send(connection)
    with filled(seen_by(gateway.pid, gateway.data)):
        refusals: list[str] = []
        deadline = time.monotonic() + 120
        while len(refusals) < 5:
            assert time.monotonic() < deadline, "the disk is full and nothing was refused"
            try:
                with arrivals.connect() as connection:
                    while len(refusals) < 5:
                        arrivals.send(connection, padding=400_000)
            except psycopg.Error as error:
                refusals.append(str(error))
        assert arrivals.arrived() == arrivals.acknowledged
        assert all("cannot record this" in words for words in refusals), refusals
    arrivals.wait_for_service()
    assert gateway.alive
    assert arrivals.arrived() == arrivals.acknowledged <= arrivals.recorded()
    assert_proved(gateway)


def test_a_disk_that_refuses_writes(
    make_scene: MakeScene,
) -> None:
    gateway, arrivals = make_scene()
    with arrivals.connect() as connection:
        arrivals.send(connection)
        with refusing_writes(gateway.pid):
            for _ in range(5):
                with pytest.raises(psycopg.Error):
                    arrivals.send(connection)
            with pytest.raises(psycopg.Error), arrivals.connect() as another:
                arrivals.send(another)
            assert arrivals.arrived() == arrivals.acknowledged
    arrivals.wait_for_service(supervised=True)
    assert arrivals.arrived() == arrivals.acknowledged <= arrivals.recorded()
    _wait_for_first_checkpoint(gateway)
    assert_proved(gateway)


@needs_mounts
def test_a_read_only_directory_is_refused_at_start(
    make_scene: MakeScene,
) -> None:
    gateway, arrivals = make_scene()
    gateway.stop()
    before = len(gateway.output())
    with pytest.raises(GatewayDiedError):
        gateway.start(wrapper=on_read_only_disk(gateway.data))
    said = gateway.output()[before:].decode()
    assert "ead-only" in said
    assert "Traceback" not in said
    gateway.start()
    arrivals.wait_for_service()


def test_a_dead_key_holder_stops_everything(
    make_scene: MakeScene,
) -> None:
    """Which child holds the keys is not said, so each child is killed in its turn."""
    gateway, arrivals = make_scene()
    for place in range(len(gateway.family()) - 1):
        children = [pid for pid in gateway.family() if pid != gateway.pid]
        if place >= len(children):
            break
        os.kill(sorted(children)[place], signal.SIGKILL)
        with contextlib.suppress(psycopg.Error), arrivals.connect() as connection:
            for _ in range(20):
                with contextlib.suppress(psycopg.Error):
                    arrivals.send(connection)
        arrivals.wait_for_service(supervised=True)
        assert arrivals.acknowledged <= arrivals.arrived() <= arrivals.recorded()
    assert_proved(gateway)


def test_a_dead_index_stops_nothing_and_comes_back(
    make_scene: MakeScene,
) -> None:
    gateway, arrivals = make_scene()
    arrivals.wait_for_service()
    for path in (gateway.data / "index").rglob("*"):
        if path.is_file():
            path.write_bytes(b"not an index" * 1000)
    with arrivals.connect() as connection:
        for _ in range(5):
            arrivals.send(connection)
    gateway.stop()
    for path in (gateway.data / "index").rglob("*"):
        if path.is_file():
            path.write_bytes(os.urandom(10_000))
    gateway.start()
    arrivals.wait_for_service()
    assert arrivals.arrived() == arrivals.acknowledged
    deadline = time.monotonic() + RETURNS_WITHIN
    while not gateway.custody("search", "arrivals", "--json", expect=None).stdout.count("INSERT"):
        assert time.monotonic() < deadline, "the index did not catch up"
        time.sleep(0.3)
    assert arrivals.acknowledged <= arrivals.recorded()
    assert_proved(gateway)


HOSTILE = {
    "not TOML": ("[gateway\nname = ", "custody.toml"),
    "not text": ("\udcff\udcfe", "custody.toml"),
    "unknown table": (HEAD + "[gatway]\nx = 1\n", "gatway"),
    "unknown key": (HEAD.replace('data = "data"', 'date = "data"'), "date"),
    "a rule that does not parse": (
        HEAD + '[[rule]]\nname = "r"\nwhen = "1 +"\nthen = "deny"\n',
        "r",
    ),
    "a rule about an unknown word": (
        HEAD + '[[rule]]\nname = "r"\nwhen = "comand.bounded"\nthen = "deny"\n',
        "r",
    ),
    "a question that nobody may answer": (
        HEAD + '[[rule]]\nname = "r"\nwhen = "true"\nthen = "ask"\n',
        "approvers",
    ),
    "an unknown detector": (HEAD + '[[mask]]\ndetect = ["crad"]\n', "detect"),
    "keys inside data": (HEAD.replace("[listen", 'keys = "data/keys"\n[listen'), "keys"),
    "an anchor inside data": (HEAD.replace("[listen", 'anchor = "data/anchor"\n[listen'), "anchor"),
    "no such address": (HEAD.replace("127.0.0.1:0", "127.0.0.1:99999"), "address"),
    "a capture of less than nothing": (HEAD + "[capture]\nresponse_bytes = -1\n", "response_bytes"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_config_is_refused_by_name(fault: str, tmp_path: Path) -> None:
    text, named = HOSTILE[fault]
    gateway = RunningGateway(tmp_path / "gateway", "", {})
    gateway.config.write_text(text, errors="surrogateescape")
    done = gateway.custody("serve", "-c", str(gateway.config), expect=3)
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "ready" not in done.stdout


def test_a_target_whose_password_is_not_there(
    start_gateway: StartGateway, postgres: ScratchPostgres, database: str
) -> None:
    config = HEAD + target(postgres, database).replace("TARGET_PASSWORD", "NO_SUCH_VARIABLE")
    try:
        gateway = start_gateway(config)
    except GatewayDiedError as died:
        said = str(died)
    else:
        with pytest.raises(psycopg.OperationalError) as refused:
            psycopg.connect(gateway.dsn(gateway.ticket(), "orders"))
        said = f"{refused.value} {gateway.last_words()}"
    assert "NO_SUCH_VARIABLE" in said
