"""A folder that only its owner may enter, gone when its user is done.

Law: made with mode 0700 in the owner's run-time folder (``XDG_RUNTIME_DIR``, which the system
clears at logout) where there is one; its files have mode 0600. After a kill -9 the folder stays
behind with a ticket that expires, and the next start clears it away.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "custody-run-"
YOUNG_S: Final = 60.0
"""A folder that has no lock yet may be about to get it."""
_LOCK: Final = "lock"
"""Locked while the folder is used: a process number says nothing to another container."""


@contextlib.contextmanager
def private_folder(environment: Mapping[str, str]) -> Iterator[Path]:
    """The folder; removed, whatever happens inside."""
    parent = _parent(environment)
    clear_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # mkdtemp makes it 0700
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
        finally:
            os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(text)


def clear_abandoned(parent: Path) -> None:
    """Remove folders of ours that nobody uses."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            if ours and _abandoned(folder, found.st_mtime):
                shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path, changed: float) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - changed > YOUNG_S
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _parent(environment: Mapping[str, str]) -> Path:
    given = environment.get("XDG_RUNTIME_DIR", "")
    if given and Path(given).is_dir() and os.access(given, os.W_OK):
        return Path(given)
    return Path(tempfile.gettempdir())
