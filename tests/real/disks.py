"""Disks that fill up or refuse, without privileges where the system has user namespaces.

Law: what is mounted here is seen by the gateway's own process family alone and is gone with it.
"""

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

SMALL = """
set -e
cp -a "$1" "$1.seed"
mount -t tmpfs -o size="$2",mode=700 tmpfs "$1"
cp -a "$1.seed/." "$1/"
rm -rf "$1.seed"
shift 2
exec "$@"
"""
READ_ONLY = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
shift 1
exec "$@"
"""
_UNSHARE = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-rm")


def can_mount() -> bool:
    """Whether a mount in a namespace of its own works here."""
    with contextlib.suppress(OSError):
        done = subprocess.run(
            [*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
        return done.returncode == 0
    return False


def on_small_disk(folder: Path, size: str) -> tuple[str, ...]:
    """Words to put before a command, so that ``folder`` is a file system of ``size`` to it."""
    return (*_UNSHARE, "sh", "-c", SMALL, "small-disk", str(folder), size)


def on_read_only_disk(folder: Path) -> tuple[str, ...]:
    return (*_UNSHARE, "sh", "-c", READ_ONLY, "read-only-disk", str(folder))


def inside(pid: int) -> tuple[str, ...]:
    """Words to put before a command, so that it sees what that process sees."""
    user = () if os.geteuid() == 0 else ("-U", "--preserve-credentials")
    return ("nsenter", "-t", str(pid), "-m", *user)


def seen_by(pid: int, path: Path) -> Path:
    """The same path, as that process sees it."""
    return Path(f"/proc/{pid}/root{path}")


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte more fits below ``folder`` until this ends."""
    ballast = folder / "ballast"
    piece = b"\0" * 65536
    with ballast.open("wb", buffering=0) as file:
        while piece:
            try:
                file.write(piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece = piece[: len(piece) // 2]
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def refusing_writes(pid: int) -> Iterator[None]:
    """Every write of that process to a file fails with EFBIG (setrlimit(2), RLIMIT_FSIZE)."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
