"""Where the files of days stand, and who may change them.

Law: only the owner of an index writes in its folder. A reader that must bring the index up to date
does so in a private copy of the days that change, and leaves every byte of the original, its
directory's too, as it was.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

_NAME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.db", re.ASCII)


class DayFile(NamedTuple):
    path: Path
    alone: bool
    """Nobody writes it while it is read, so it can be read without a lock or a file beside it."""


class DayFiles(Protocol):
    def days(self) -> list[str]:
        """The days that have a file, oldest first."""
        ...

    def to_read(self, day: str) -> DayFile: ...

    def to_write(self, day: str) -> Path:
        """Where the day's file is, or is to be made."""
        ...

    def forget(self, day: str) -> None: ...

    def give(self, path: Path) -> None:
        """A file that was just made goes to the index's owner."""
        ...

    def writing(self) -> AbstractContextManager[bool]:
        """Hold the writer's lock; gives False at once where another process holds it."""
        ...


class OwnDayFiles:
    """Those of the index's owner: the gateway, and who rebuilds its index."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.give(folder)

    def days(self) -> list[str]:
        return _days(self._folder)

    def to_read(self, day: str) -> DayFile:
        return DayFile(_path(self._folder, day), alone=False)

    def to_write(self, day: str) -> Path:
        return _path(self._folder, day)

    def forget(self, day: str) -> None:
        _unlink(_path(self._folder, day))

    def give(self, path: Path) -> None:
        """To whom the data belongs, where root makes it: the gateway's account must open it."""
        owner = self._folder.parent.stat()
        if os.geteuid() == 0 and path.stat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid)

    @contextmanager
    def writing(self) -> Iterator[bool]:
        lock = self._folder / "lock"
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self.give(lock)
            held = False
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = True
            yield held
        finally:
            os.close(descriptor)


class PrivateDayFiles:
    """Another's index, and in front of it a private folder for what is brought up to date."""

    def __init__(self, original: Path, private: Path) -> None:
        self._original: Final = original
        self._private: Final = private
        self._forgotten: Final[set[str]] = set()

    def days(self) -> list[str]:
        theirs = (day for day in _days(self._original) if day not in self._forgotten)
        return sorted({*theirs, *_days(self._private)})

    def to_read(self, day: str) -> DayFile:
        path = _path(self._private, day)
        if path.exists():
            return DayFile(path, alone=False)
        theirs = _path(self._original, day)
        log = Path(f"{theirs}-wal")
        if log.exists() and log.stat().st_size:
            return DayFile(self.to_write(day), alone=False)
        return DayFile(theirs, alone=True)

    def to_write(self, day: str) -> Path:
        path = _path(self._private, day)
        theirs = _path(self._original, day)
        if not path.exists() and day not in self._forgotten and theirs.exists():
            log = Path(f"{theirs}-wal")
            if log.exists():
                shutil.copyfile(log, f"{path}-wal")
            shutil.copyfile(theirs, path)
        return path

    def forget(self, day: str) -> None:
        self._forgotten.add(day)
        _unlink(_path(self._private, day))

    def give(self, path: Path) -> None:
        """It stays whose it is."""

    @contextmanager
    def writing(self) -> Iterator[bool]:
        yield True


def _path(folder: Path, day: str) -> Path:
    return folder / f"{day}.db"


def _days(folder: Path) -> list[str]:
    try:
        names = [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(match[1] for name in names if (match := _NAME.fullmatch(name)))


def _unlink(path: Path) -> None:
    # The file itself first: without it, nobody reads what stands beside it.
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)
