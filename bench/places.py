"""The places that are compared: PostgreSQL direct, behind PgBouncer, behind Custody.

Law: all three lead to the same server and the same tables, in clear text over loopback, in one run;
Custody records, judges, masks and captures, as its ordinary configuration does.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.real.configs import HEAD, RULES, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.postgres_installation import account_for_root
from custody.demo.scratch_postgres import ScratchPostgres

DATABASE = "bench"
MASKS = """
[[mask]]
columns = ["users.ssn", "*.password"]
as = "token"
[[mask]]
detect = ["card", "email", "phone", "iban", "ssn", "secret"]
as = "token"
"""
MORE_RULES = """
[[rule]]
name = "no-schema-changes-by-agents"
when = '"define" in command.effects && identity.kind == "agent"'
then = "deny"
reason = "agents do not change schemas"
[[rule]]
name = "payments-are-read-only"
when = '"write" in command.effects && "public.payments" in command.objects'
then = "deny"
reason = "payments are written by the ledger alone"
"""


class Place(msgspec.Struct, frozen=True):
    """Where a client connects to."""

    name: str
    host: str
    port: int
    user: str
    password: str
    database: str

    def environment(self, *, tls: bool = False) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGSSLMODE": "require" if tls else "disable",
        }

    def dsn(self, *, tls: bool = False) -> str:
        return (
            f"host={self.host} port={self.port} user={self.user} password={self.password}"
            f" dbname={self.database} sslmode={'require' if tls else 'disable'}"
        )


def direct(server: ScratchPostgres) -> Place:
    return Place("direct", server.host, server.port, server.superuser, server.password, DATABASE)


def configuration(server: ScratchPostgres) -> str:
    """The measured target is reached in clear text, as the other places are; connects use the
    other target.
    """
    tls = "require" if server.certificate else "off"
    secure = target(server, DATABASE, name="secure", tls=tls)
    return HEAD + target(server, DATABASE) + RULES + MORE_RULES + MASKS + secure


@contextlib.contextmanager
def custody(server: ScratchPostgres, room: Path) -> Iterator[tuple[Place, RunningGateway]]:
    """A gateway with its ordinary work to do."""
    environment = {"TARGET_PASSWORD": server.password}
    room.mkdir(parents=True, exist_ok=True)
    with running_gateway(room / "gateway", configuration(server), environment) as gateway:
        ticket = gateway.ticket(ttl="8h")
        yield Place("custody", "127.0.0.1", gateway.port, "anything", ticket, "orders"), gateway


@contextlib.contextmanager
def pgbouncer(server: ScratchPostgres) -> Iterator[Place | None]:
    """PgBouncer in session mode, which is what keeps prepared statements working in every version;
    ``None`` with a word of why, where it cannot be had.
    """
    program = _find_pgbouncer()
    if program is None:
        print("pgbouncer: not here (apt-get install pgbouncer); the comparison goes without it")
        yield None
        return
    account = account_for_root()
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="custody-pgbouncer-") as folder:
        room = Path(folder)
        _write_config(room, server, port)
        if account is not None:
            for path in (room, *room.iterdir()):
                os.chown(path, account.user, account.group)
        process = subprocess.Popen(
            [program, "-q", room / "pgbouncer.ini"],
            cwd=room,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
            extra_groups=None if account is None else [],
        )
        try:
            _wait_for(port)
            yield Place("pgbouncer", "127.0.0.1", port, server.superuser, server.password, DATABASE)
        finally:
            process.terminate()
            process.wait(10)


def _write_config(room: Path, server: ScratchPostgres, port: int) -> None:
    (room / "users.txt").write_text(f'"{server.superuser}" "{server.password}"\n')
    (room / "pgbouncer.ini").write_text(f"""
[databases]
{DATABASE} = host={server.host} port={server.port} dbname={DATABASE}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {room}/users.txt
pool_mode = session
default_pool_size = 64
max_client_conn = 200
log_connections = 0
log_disconnections = 0
logfile = {room}/pgbouncer.log
pidfile = {room}/pgbouncer.pid
server_tls_sslmode = disable
""")


def _find_pgbouncer() -> str | None:
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("pgbouncer: installing it with apt-get")
        done = subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "pgbouncer"],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            check=False,
            timeout=300,
        )
        if done.returncode == 0:
            # Debian starts a service of its own; this run does not need it.
            subprocess.run(["service", "pgbouncer", "stop"], capture_output=True, check=False)
            found = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.025)
    raise RuntimeError("pgbouncer did not open its port")
