"""The file operations that the log uses, behind one small interface.

Law: nothing else in this room's writing half touches the disk, so a test can lose, refuse or fail
any single operation. A failed sync is its own error: after it nobody knows what is on disk.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Protocol

from custody.model.errors import LogFailureError

_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o700


class SyncFailedError(OSError):
    """The kernel could not make data durable; it may have dropped the pages."""


class OpenFile(Protocol):
    def write_at(self, data: bytes, offset: int) -> None:
        """All of it, or ``OSError``."""
        ...

    def read_at(self, length: int, offset: int) -> bytes:
        """Shorter only at the end of the file."""
        ...

    def size(self) -> int: ...

    def sync(self) -> None:
        """Data and size durable, or ``SyncFailedError``."""
        ...

    def close(self) -> None: ...


class Files(Protocol):
    def create(self, path: Path) -> OpenFile:
        """A new file for its owner only; ``FileExistsError`` if there is one."""
        ...

    def open(self, path: Path, *, write: bool = False) -> OpenFile: ...

    def names(self, directory: Path) -> list[str]:
        """Sorted; empty where there is no such directory."""
        ...

    def make_directory(self, path: Path) -> None:
        """With its parents; existing ones are kept."""
        ...

    def link(self, source: Path, target: Path) -> None: ...

    def rename(self, source: Path, target: Path) -> None: ...

    def remove(self, path: Path) -> None: ...

    def remove_directory(self, path: Path) -> None:
        """An empty one."""
        ...

    def sync_directory(self, path: Path) -> None: ...

    def lock(self, path: Path) -> OpenFile:
        """Hold the file's lock until it is closed; ``LogFailureError`` if another holds it."""
        ...


class DiskFile:
    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write_at(self, data: bytes, offset: int) -> None:
        written = os.pwrite(self._descriptor, data, offset)
        while written < len(data):
            more = os.pwrite(self._descriptor, memoryview(data)[written:], offset + written)
            written += more

    def read_at(self, length: int, offset: int) -> bytes:
        parts: list[bytes] = []
        while length > 0 and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            length -= len(part)
            offset += len(part)
        return b"".join(parts)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise SyncFailedError(error.errno, error.strerror) from error

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class DiskFiles:
    """The operating system's files."""

    def create(self, path: Path) -> OpenFile:
        return DiskFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _FILE_MODE))

    def open(self, path: Path, *, write: bool = False) -> OpenFile:
        return DiskFile(os.open(path, os.O_RDWR if write else os.O_RDONLY))

    def names(self, directory: Path) -> list[str]:
        try:
            return sorted(entry.name for entry in directory.iterdir())
        except FileNotFoundError:
            return []

    def make_directory(self, path: Path) -> None:
        path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def remove(self, path: Path) -> None:
        path.unlink()

    def remove_directory(self, path: Path) -> None:
        path.rmdir()

    def sync_directory(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise SyncFailedError(error.errno, error.strerror) from error
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> OpenFile:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LogFailureError(
                "log.locked",
                f"Another process is writing the evidence log at {path.parent}.",
                "Use the running gateway, or stop it first.",
            ) from None
        return DiskFile(descriptor)


def read_whole(files: Files, path: Path) -> bytes:
    """A file's bytes. ``FileNotFoundError`` where there is none."""
    opened = files.open(path)
    try:
        return opened.read_at(opened.size(), 0)
    finally:
        opened.close()


def read_if_there(files: Files, path: Path) -> bytes | None:
    try:
        return read_whole(files, path)
    except FileNotFoundError:
        return None


def add_file(files: Files, path: Path, data: bytes) -> None:
    """Put a file that must not change: under a temporary name, synced, linked into place.

    An existing file must hold the same bytes. The caller syncs the directory.
    """
    existing = read_if_there(files, path)
    if existing is not None:
        if existing != data:
            raise LogFailureError(
                "log.conflict",
                f"{path} exists with other content.",
                "Run `custody verify` on the data directory before anything else.",
            )
        return
    temporary = _write_temporary(files, path, data)
    files.link(temporary, path)
    files.remove(temporary)


def replace_file(files: Files, path: Path, data: bytes) -> None:
    """Put a file in the place of another, so that a crash leaves the old or the new one; synced."""
    files.rename(_write_temporary(files, path, data), path)
    files.sync_directory(path.parent)


def make_durable_directory(files: Files, path: Path) -> None:
    """A directory that a crash does not lose; its parents, too, where they are new.

    One that is there already may be a killed process's, made and not synced: its name is synced,
    too.
    """
    to_sync = [path.parent]
    present = path
    while present != present.parent and present.name not in files.names(present.parent):
        present = present.parent
        to_sync.append(present.parent)
    if present != path:
        files.make_directory(path)
    for parent in to_sync:
        files.sync_directory(parent)


def _write_temporary(files: Files, path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.new")
    try:
        opened = files.create(temporary)
    except FileExistsError:  # left behind by a crash
        files.remove(temporary)
        opened = files.create(temporary)
    try:
        opened.write_at(data, 0)
        opened.sync()
    finally:
        opened.close()
    return temporary
