"""A folder that only its owner may enter, gone when its user is done.

Law: made with mode 0700 in the owner's run-time folder (``XDG_RUNTIME_DIR``, which the system
clears at logout) where there is one; its files have mode 0600. After a kill -9 the folder stays
behind with a ticket that expires, and the next start clears it away.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "custody-run-"
_PID: Final = "pid"


@contextlib.contextmanager
def private_folder(environment: Mapping[str, str]) -> Iterator[Path]:
    """The folder; removed, whatever happens inside."""
    parent = _parent(environment)
    clear_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # mkdtemp makes it 0700
    try:
        write_private(folder / _PID, f"{os.getpid()}\n")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(text)


def clear_abandoned(parent: Path) -> None:
    """Remove folders of ours whose process is gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            if folder.stat().st_uid == os.getuid() and not _alive(int((folder / _PID).read_text())):
                shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _parent(environment: Mapping[str, str]) -> Path:
    given = environment.get("XDG_RUNTIME_DIR", "")
    if given and Path(given).is_dir() and os.access(given, os.W_OK):
        return Path(given)
    return Path(tempfile.gettempdir())
