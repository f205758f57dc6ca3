"""A throwaway real PostgreSQL server, for the demo and the tests.

Law: it listens on loopback alone, asks for passwords (scram-sha-256), never runs as root, and is
gone with its data when the context ends or the process that started it dies, however it dies.
"""

import contextlib
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from custody.demo import scratch_keeper
from custody.demo.postgres_installation import ProgramSource
from custody.demo.scratch_cluster import (
    HOST,
    SUPERUSER,
    Cluster,
    make_certificate,
    make_cluster,
    plain_environment,
    plan_cluster,
)
from custody.model.errors import CustodyError

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_ATTEMPTS = 5
_SETTINGS: Final = {
    # The data is thrown away: no reason to wait for a disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "log_min_messages": "warning",
}


class ScratchPostgres:
    """A running server. Its superuser is ``postgres``, with a password made for this run."""

    host: Final = HOST
    superuser: Final = SUPERUSER

    def __init__(
        self, cluster: Cluster, port: int, password: str, certificate: Path | None
    ) -> None:
        self.programs: Final = cluster.installation.programs
        """Where the server's own psql, pgbench and so on are."""
        self.version: Final = cluster.installation.version
        self.directory: Final = cluster.room
        self.log: Final = cluster.log
        """What the server itself had to say."""
        self.port: Final = port
        self.password: Final = password
        self.certificate: Final = certificate
        """The certificate that clients verify the server with, where TLS is on."""

    def dsn(
        self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """A connection string as libpq reads it; for the superuser, its password is known."""
        word = self.password if password is None and user == SUPERUSER else password
        pairs = {"host": self.host, "port": str(self.port), "dbname": database, "user": user}
        if word is not None:
            pairs["password"] = word
        return " ".join(f"{key}={_conninfo_value(value)}" for key, value in pairs.items())

    def execute(self, script: str, *, database: str = "postgres") -> str:
        """Run SQL as superuser with the server's own psql, each statement by itself; gives its
        bare output. Raises ``CustodyError`` with the server's words.
        """
        done = subprocess.run(  # noqa: S603  # a program that we found, arguments of our own
            [
                *(self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-h", self.host, "-p", str(self.port), "-U", self.superuser, "-d", database),
                *("-f", "-"),
            ],
            input=script,
            env={**plain_environment(self.directory), "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode != 0:
            raise CustodyError("scratch.sql", f"The scratch server said: {done.stderr.strip()}")
        return done.stdout

    def create_role(self, name: str, password: str, *, options: str = "") -> None:
        """A role that can log in. ``options`` are SQL's own words, such as ``SUPERUSER``."""
        self.execute(f"CREATE ROLE {_name(name)} LOGIN {options} PASSWORD {_literal(password)};")

    def create_database(self, name: str, *, owner: str = SUPERUSER) -> None:
        self.execute(f"CREATE DATABASE {_name(name)} OWNER {_name(owner)};")


@contextlib.contextmanager
def scratch_postgres(
    directory: Path | None = None,
    *,
    source: ProgramSource = ProgramSource.ANY,
    tls: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[ScratchPostgres]:
    """Start a server on a free loopback port, in ``directory`` (made if absent; it stays, without
    the data) or in one of its own, which goes with it. Ready within a few seconds.

    Raises ``CustodyError``: no server to be found, no account to run it, it did not start, or it
    was built without TLS (``scratch.no-tls``; the wheel's is).
    """
    planned = plan_cluster(directory, source)
    try:
        password = secrets.token_urlsafe(18)
        cluster = make_cluster(planned, password)
        certificate = make_certificate(cluster) if tls else None
        chosen = {**_SETTINGS, **({"ssl": "on"} if tls else {}), **(settings or {})}
        with _running(cluster, chosen) as port:
            yield ScratchPostgres(cluster, port, password, certificate)
    finally:
        shutil.rmtree(planned.removed_at_end, ignore_errors=True)


@contextlib.contextmanager
def _running(cluster: Cluster, settings: Mapping[str, str]) -> Iterator[int]:
    for _ in range(_ATTEMPTS):
        port = _free_port()
        keeper = _start(cluster, {**settings, "port": str(port)})
        try:
            if _became_ready(cluster, keeper):
                yield port
                return
        finally:
            _stop(keeper)
        # Another process may take the port between our look and the server's start.
        if "Address already in use" not in _last_words(cluster):
            break
    if "SSL is not supported by this build" in _last_words(cluster):
        raise CustodyError(
            "scratch.no-tls",
            f"The PostgreSQL in {cluster.installation.programs} was built without TLS.",
            "Install a PostgreSQL server on this machine, or do without TLS.",
        )
    raise CustodyError(
        "scratch.start",
        f"The scratch PostgreSQL did not start. Its last words: {_last_words(cluster)}",
        "Most often the machine is short of memory or of shared memory.",
    )


def _start(cluster: Cluster, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    account = cluster.account
    user, group = (-1, -1) if account is None else (account.user, account.group)
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return subprocess.Popen(  # noqa: S603  # our own script and a program that we found
        [
            *(sys.executable, "-I", "-S", scratch_keeper.__file__),
            *(str(cluster.room), str(cluster.removed_at_end), str(user), str(group)),
            *(str(cluster.installation.programs / "postgres"), "-D", str(cluster.data), *options),
        ],
        stdin=subprocess.PIPE,
        env=plain_environment(cluster.room),
        # A Ctrl-C at the terminal is the parent's to handle.
        start_new_session=True,
    )


def _stop(keeper: "subprocess.Popen[bytes]") -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    try:
        keeper.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def _became_ready(cluster: Cluster, keeper: "subprocess.Popen[bytes]") -> bool:
    """The eighth line of ``postmaster.pid`` says ``ready`` (PostgreSQL, ``pidfile.h``)."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and keeper.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            lines = (cluster.data / "postmaster.pid").read_text().splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return True
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _last_words(cluster: Cluster) -> str:
    try:
        return "\n".join(cluster.log.read_text(errors="replace").splitlines()[-5:])
    except FileNotFoundError:
        return "none"


def _conninfo_value(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _name(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _literal(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
