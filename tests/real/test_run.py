"""`custody run` with a real gateway, a real PostgreSQL and unchanged scripts."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey
from tests.real.configs import HEAD, target
from tests.real.run_scene import RunScene, run_scene, ticket_is_refused
from tests.real.running import running_gateway

from custody.demo.scratch_postgres import ScratchPostgres
from custody.operations.certificates.x509 import (
    authority_certificate,
    new_key,
    server_certificate,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("psql") is None, reason="no psql on this machine"),
]

STRANGER = ECKey.generate_key("P-256")
PYTHON = (sys.executable, "-c")
WHOAMI = "SELECT name FROM whoami"

PSYCOPG = f"""
import psycopg
with psycopg.connect() as connection:
    print(connection.execute("{WHOAMI}").fetchone()[0])
"""
PSYCOPG2 = f"""
import psycopg2
connection = psycopg2.connect("")
cursor = connection.cursor()
cursor.execute("{WHOAMI}")
print(cursor.fetchone()[0])
"""
ASYNCPG = f"""
import asyncio, asyncpg
async def main():
    connection = await asyncpg.connect()
    print(await connection.fetchval("{WHOAMI}"))
    await connection.close()
asyncio.run(main())
"""
PG8000 = f"""
import os, pg8000.native
from urllib.parse import urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
connection = pg8000.native.Connection(
    url.username, password=url.password, host=url.hostname, port=url.port, database=url.path[1:]
)
print(connection.run("{WHOAMI}")[0][0])
connection.close()
"""
BY_URL = f"""
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    print(connection.execute("{WHOAMI}").fetchone()[0])
"""

CLIENTS = {
    "psql": ("psql", "-XAtc", WHOAMI),
    "psql by service": ("psql", "-XAtc", WHOAMI, "service=orders"),
    "psql by name": ("psql", "-XAtc", WHOAMI, "orders"),
    "psycopg": (*PYTHON, PSYCOPG),
    "psycopg2": (*PYTHON, PSYCOPG2),
    "asyncpg": (*PYTHON, ASYNCPG),
}


@pytest.fixture(scope="module")
def scene(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunScene]:
    with run_scene(postgres, tmp_path_factory.mktemp("run")) as scene:
        yield scene


@pytest.mark.parametrize("client", CLIENTS)
def test_an_unchanged_client_is_led_through_the_gateway(scene: RunScene, client: str) -> None:
    if client == "psycopg2" and importlib.util.find_spec("psycopg2") is None:
        pytest.skip("psycopg2 is not installed")
    ran = scene.run("--target", "orders", "--", *CLIENTS[client])
    assert ran.stdout == "run_orders\n"
    assert ran.stderr.startswith("custody: loop_")


@pytest.mark.parametrize("script", [PG8000, BY_URL], ids=["pg8000", "psycopg"])
def test_a_url_in_the_environment_is_led_through_loopback(scene: RunScene, script: str) -> None:
    url = "postgresql://app:the-real-password@db.internal:5432/run_orders"
    ran = scene.run(
        *("--local", "--target", "orders", "--", *PYTHON, script),
        environment=scene.environment(DATABASE_URL=url),
    )
    assert ran.stdout == "run_orders\n"


JDBC = """
import java.sql.*;
public class Ask {
    public static void main(String[] words) throws Exception {
        try (Connection connection = DriverManager.getConnection(System.getenv("JDBC_URL"));
             Statement statement = connection.createStatement();
             ResultSet rows = statement.executeQuery("SELECT name FROM whoami")) {
            rows.next();
            System.out.println(rows.getString(1));
        }
    }
}
"""


@pytest.mark.skipif("CUSTODY_TEST_JDBC" not in os.environ, reason="names no driver's jar")
def test_jdbc_is_led_through_loopback(scene: RunScene, tmp_path: Path) -> None:
    (tmp_path / "Ask.java").write_text(JDBC)
    ran = scene.run(
        *("--local", "--target", "orders", "--", "java", "-cp", os.environ["CUSTODY_TEST_JDBC"]),
        str(tmp_path / "Ask.java"),
        environment=scene.environment(JDBC_URL="jdbc:postgresql://db:5432/run_orders?user=app"),
    )
    assert ran.stdout == "run_orders\n"


def test_several_targets_are_reached_by_their_names(scene: RunScene) -> None:
    script = """
        psql -XAtc 'SELECT name FROM whoami'
        psql -XAtc 'SELECT name FROM whoami' service=stock
        psql -XAtc 'SELECT name FROM whoami' service=orders
    """
    ran = scene.run("--target", "stock", "--target", "orders", "--", "sh", "-c", script)
    assert ran.stdout.split() == ["run_stock", "run_stock", "run_orders"]


def test_urls_of_several_targets_are_told_apart(scene: RunScene) -> None:
    script = 'psql -XAtc "SELECT name FROM whoami" $A; psql -XAtc "SELECT name FROM whoami" $B'
    ran = scene.run(
        *("--local", "--map", "B=orders", "--", "sh", "-c", script),
        environment=scene.environment(A="postgres://db/run_stock", B="postgres://db"),
    )
    assert ran.stdout.split() == ["run_stock", "run_orders"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -TERM $$"), 143),
        (("psql", "-Xqc", "SELECT nothing"), 1),
        (("no-such-command",), 127),
        (("/etc/passwd",), 126),
    ],
)
def test_the_exit_code_is_the_commands(
    scene: RunScene, command: tuple[str, ...], code: int
) -> None:
    scene.run("--", *command, expect=code)
    assert not list(scene.home.glob("custody-run-*"))


def test_the_loop_ends_with_the_command(scene: RunScene) -> None:
    ran = scene.run("--purpose", "nightly", "--", "sh", "-c", "cat $CUSTODY_TICKET_FILE; env")
    ticket, _, rest = ran.stdout.partition("CUSTODY_")
    ticket = ran.stdout[:46]
    assert ticket.startswith("ct_")
    assert rest
    loop = ran.stderr.split()[1]
    told = scene.loops()[loop]
    assert (told["reason"], told["purpose"]) == ("ended", "nightly")
    assert told["ended"] is not None
    assert ticket_is_refused(scene.gateway, ticket)


def test_no_secret_is_in_an_argument_or_the_environment(scene: RunScene) -> None:
    script = """
import os, pathlib
ticket = pathlib.Path(os.environ["CUSTODY_TICKET_FILE"]).read_text()
assert ticket.startswith("ct_")
assert not [name for name, value in os.environ.items() if ticket in value]
assert "CUSTODY_ID_TOKEN" not in os.environ
seen = 0
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        told = (process / "cmdline").read_bytes()
    except OSError:
        continue
    seen += 1
    assert ticket.encode() not in told, process
assert seen > 2
folder = pathlib.Path(os.environ["CUSTODY_TICKET_FILE"]).parent
assert folder.stat().st_mode & 0o777 == 0o700
assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
print("private")
"""
    ran = scene.ci("--target", "orders", "--", *PYTHON, script, token=scene.token())
    assert ran.stdout == "private\n"


def test_the_terminals_interrupt_cancels_the_statement_and_not_the_run(scene: RunScene) -> None:
    leader, follower = os.openpty()
    words = scene.words("-q", "--", "psql", "-X")
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_SESSION, *words],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=scene.environment(PAGER=""),
        start_new_session=True,
    )
    os.close(follower)
    heard = _heard(leader, b"orders=>", b"orders=#")
    os.write(leader, b"SELECT pg_sleep(60);\n")
    time.sleep(1)
    os.write(leader, b"\x03")
    heard = _heard(leader, b"canceling statement")
    os.write(leader, b"SELECT 'go' || 'es on';\n\\q\n")
    heard += _heard(leader, b"goes on")
    assert process.wait(20) == 0
    os.close(leader)


_IN_SESSION = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def _heard(terminal: int, *words: bytes) -> bytes:
    heard = b""
    deadline = time.monotonic() + 30
    while not any(word in heard for word in words):
        assert time.monotonic() < deadline, heard
        try:
            heard += os.read(terminal, 4096)
        except OSError:
            raise AssertionError(heard) from None
    return heard


def test_after_a_kill_the_loop_ends_by_expiry_and_the_next_start_clears_up(
    scene: RunScene,
) -> None:
    script = "echo runs; exec psql -Xc 'SELECT pg_sleep(60)'"
    words = scene.words("--ttl", "3s", "--", "sh", "-c", script)
    process = subprocess.Popen(
        words, env=scene.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stdout is not None
    loop = process.stderr.readline().split()[1]
    assert process.stdout.readline() == "runs\n"
    (left,) = scene.home.glob("custody-run-*")
    ticket = (left / "ticket").read_text()
    process.send_signal(signal.SIGKILL)
    told, wrong = process.communicate(timeout=30)  # psql has the pipe: it ends with its session
    assert told == ""
    assert "expired" in wrong
    assert ticket_is_refused(scene.gateway, ticket)
    assert scene.loops()[loop]["reason"] == "expired"
    assert left.exists()
    scene.run("--", "true")
    assert not left.exists()


def test_a_run_inside_a_run_is_a_child_in_its_parents_timeline(scene: RunScene) -> None:
    inner = "custody run --target orders --purpose sub -- psql -Xqc 'SELECT 2 AS inside'"
    script = f"psql -Xqc 'SELECT 1 AS outside'; {inner}; psql -Xqc 'SELECT 3 AS after'"
    ran = scene.run("--", "sh", "-c", script)
    parent, child = (line.split()[1] for line in ran.stderr.splitlines())
    loops = scene.loops()
    assert loops[child]["parent"] == parent
    assert (loops[child]["identity"], loops[child]["purpose"]) == (loops[parent]["identity"], "sub")
    shown = scene.gateway.custody("timeline", parent, "--json").stdout
    commands = [
        (item["loop"], item["text"])
        for item in json.loads(shown)["items"]
        if item["kind"] == "command"
    ]
    assert commands == [
        (parent, "SELECT 1 AS outside"),
        (child, "SELECT 2 AS inside"),
        (parent, "SELECT 3 AS after"),
    ]
    told = scene.gateway.custody("timeline", parent).stdout
    assert f"└─ {child}" in told
    alone = scene.gateway.custody("timeline", child, "--json").stdout
    assert {item["loop"] for item in json.loads(alone)["items"]} == {child}
    listed = scene.gateway.custody("loops").stdout.splitlines()
    above = next(number for number, line in enumerate(listed) if line.startswith(parent))
    assert listed[above + 1].startswith(f"└─ {child}")


def test_a_child_is_never_wider_than_its_parent(scene: RunScene) -> None:
    inner = ("custody", "run", "--target", "stock", "--", "psql", "-Xc", "SELECT 1")
    ran = scene.run("--target", "orders", "--", *inner, expect=1)
    assert "The parent loop itself was not started for the target stock." in ran.stderr


def test_what_outlives_its_loop_starts_nothing_beside_it(scene: RunScene) -> None:
    later = "(sleep 1; custody run -- true 2>&1; echo code $?) & exec 2>/dev/null"
    ran = scene.run("--", "sh", "-c", later)
    assert "the loop is over" in ran.stdout
    assert "code 1" in ran.stdout


@pytest.mark.parametrize(
    ("words", "group", "said"),
    [
        ((), "nobody", "Ask the operator of this gateway for a grant"),
        (("--target", "nothing"), "agents", "Those that there are: orders, stock."),
        (("--effect", "grant", "--ttl", "9h"), "agents", "Ask for 8h or less."),
    ],
)
def test_what_is_not_granted_is_refused_with_what_to_do(
    scene: RunScene, words: tuple[str, ...], group: str, said: str
) -> None:
    ran = scene.run(*words, "--", "true", group=group, expect=1)
    assert said in ran.stderr
    assert not list(scene.home.glob("custody-run-*"))


CANCELLED = """
import os, psycopg, threading
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    threading.Timer(0.5, connection.cancel).start()
    try:
        connection.execute("SELECT pg_sleep(30)")
    except psycopg.errors.QueryCanceled:
        print("cancelled")
"""


def test_a_statement_is_cancelled_through_loopback_too(scene: RunScene) -> None:
    ran = scene.run(
        *("--local", "--target", "orders", "--", *PYTHON, CANCELLED),
        environment=scene.environment(DATABASE_URL="postgres://db/run_orders"),
    )
    assert ran.stdout == "cancelled\n"


def test_a_listener_with_a_certificate_of_its_own_is_trusted_by_the_systems_authorities(
    postgres: ScratchPostgres, database: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    key, own = new_key(), new_key()
    authority = authority_certificate(key, "a company", now)
    certificate = server_certificate(own, key, authority, ["db.localhost", "localhost"], now)
    encoding = serialization.Encoding.PEM
    (tmp_path / "system.pem").write_bytes(authority.public_bytes(encoding))
    (tmp_path / "own.pem").write_bytes(certificate.public_bytes(encoding))
    (tmp_path / "own.key").write_bytes(
        own.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    listener = f'cert = "{tmp_path}/own.pem"\nkey = "{tmp_path}/own.key"\n'
    postgres.execute("CREATE TABLE whoami AS SELECT 'own' AS name", database=database)
    config = HEAD + listener + target(postgres, database)
    home = tmp_path / "home"
    home.mkdir()
    with running_gateway(
        tmp_path / "gateway", config, {"TARGET_PASSWORD": postgres.password}
    ) as gateway:
        scene = RunScene(gateway, home, STRANGER)
        system = scene.environment(SSL_CERT_FILE=str(tmp_path / "system.pem"))
        for client in ("psql", "asyncpg"):
            ran = scene.run("--", *CLIENTS[client], environment=system)
            assert ran.stdout == "own\n"
        ran = scene.run("--", *CLIENTS["psql"], expect=2)
        assert "certificate verify failed" in ran.stderr
