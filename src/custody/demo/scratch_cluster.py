"""A throwaway PostgreSQL cluster on disk, before it runs.

Law: everything that the server needs is made inside one room, which the account that runs it owns;
its superuser's password is in a file only while initdb reads it.
"""

import datetime as dt
import ipaddress
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from custody.demo.postgres_installation import (
    PostgresInstallation,
    ProgramSource,
    UnixAccount,
    account_for_root,
    copy_within_reach,
    find_installation,
    within_reach,
)
from custody.model.errors import CustodyError

HOST: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"


class Cluster(msgspec.Struct, frozen=True):
    """What the server's programs made, and who may run it."""

    installation: PostgresInstallation
    account: UnixAccount | None
    """``None``: the account that we run under ourselves."""
    room: Path
    removed_at_end: Path
    """What is removed at the end: the room, or the cluster's data where the room was given."""

    @property
    def data(self) -> Path:
        return self.room / "cluster"

    @property
    def log(self) -> Path:
        return self.room / "postgres.log"


def plan_cluster(directory: Path | None, source: ProgramSource) -> Cluster:
    """Find the programs, the account and a room that the account reaches."""
    account = account_for_root()
    installation = find_installation(source)
    if directory is None:
        room = Path(tempfile.mkdtemp(prefix="custody-postgres-", dir=_open_place()))
    else:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        room = directory.resolve()
    planned = Cluster(installation, account, room, room)
    return (
        planned
        if directory is None
        else msgspec.structs.replace(planned, removed_at_end=planned.data)
    )


def make_cluster(planned: Cluster, password: str) -> Cluster:
    """Run initdb. The cluster that comes back may use a copy of the programs in its room."""
    account, room = planned.account, planned.room
    installation = planned.installation
    if account is not None:
        if not within_reach(room):
            raise CustodyError(
                "scratch.unreachable",
                f"The account {account.name}, which runs PostgreSQL, cannot reach {room}.",
                "Choose a folder whose parents are open to others.",
            )
        os.chown(room, account.user, account.group)
        installation = copy_within_reach(installation, room)
    password_file = room / "password"
    _write_private(password_file, password.encode(), account)
    try:
        done = subprocess.run(  # noqa: S603  # a program that we found, arguments of our own
            [
                *(installation.programs / "initdb", "-D", planned.data, "-U", SUPERUSER),
                *("--auth=scram-sha-256", "--pwfile", password_file, "--no-sync"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            env=plain_environment(room),
            cwd=room,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
            extra_groups=None if account is None else [],
        )
    finally:
        password_file.unlink()
    if done.returncode != 0:
        raise CustodyError("scratch.initdb", f"initdb said: {done.stderr.strip()}")
    return msgspec.structs.replace(planned, installation=installation)


def make_certificate(cluster: Cluster) -> Path:
    """A certificate for 127.0.0.1 and localhost that is its own authority, good for a day, where
    the server looks for it. Gives the copy that clients verify with.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = signed.public_bytes(serialization.Encoding.PEM)
    _write_private(cluster.data / "server.key", private, cluster.account)
    _write_private(cluster.data / "server.crt", public, cluster.account)
    (cluster.room / "server.crt").write_bytes(public)
    return cluster.room / "server.crt"


def plain_environment(home: Path) -> dict[str, str]:
    """Without PGHOST, PGDATA and their kind, which would bend what is started here."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C"}


def _open_place() -> Path:
    """Where temporary folders go; if others cannot pass there, a place where they can."""
    own = Path(tempfile.gettempdir())
    return own if within_reach(own / "room") else Path("/var/tmp")  # noqa: S108  # mkdtemp below it


def _write_private(path: Path, content: bytes, account: UnixAccount | None) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    if account is not None:
        os.chown(path, account.user, account.group)
