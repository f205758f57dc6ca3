"""A disk in memory that loses what was not synced, fills up, and fails when told to.

Law: crueller than a real one. At a crash every unsynced page and every unsynced change of a
directory is kept or lost on its own, whatever was kept beside it.
"""

import errno
import random
from collections.abc import Callable
from pathlib import Path

from custody.evidence.disk.files import SyncFailedError
from custody.model.errors import LogFailureError

PAGE = 512


class Content:
    """One file's bytes: what is seen, and what would survive."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.kept = bytearray()
        self.unsynced: list[tuple[int, bytes]] = []

    def write(self, data: bytes, offset: int) -> None:
        _put(self.seen, data, offset)
        self.unsynced.append((offset, bytes(data)))

    def sync(self) -> None:
        self.kept = bytearray(self.seen)
        self.unsynced.clear()

    def crash(self, chance: random.Random) -> None:
        for offset, data in self.unsynced:
            for start in range(0, len(data), PAGE):
                if chance.random() < 0.5:
                    _put(self.kept, data[start : start + PAGE], offset + start)
        self.seen = bytearray(self.kept)
        self.unsynced.clear()


Change = tuple[Path, Content | None]
"""A name in a directory now means this, or nothing."""


class SimulatedDisk:
    """``Files``. ``fail_from`` is the number of the first operation that changes something and
    fails; all after it fail, too, unless ``fails`` says otherwise.
    """

    def __init__(self) -> None:
        self.operations = 0
        self.fails: Callable[[int, str, Path], int | None] = lambda _number, _what, _path: None
        """``fails(number, operation, path)``: the errno to fail with, or ``None``."""
        self.capacity: int | None = None
        self._names: dict[Path, Content] = {}
        self._kept: dict[Path, Content] = {}
        self._changes: list[Change] = []
        self._directories: set[Path] = {Path("/")}
        self._locked: set[Path] = set()

    def crash(self, seed: int) -> None:
        """The power fails: what was not synced is kept or lost, each part by chance."""
        chance = random.Random(seed)
        for path, content in self._changes:
            if chance.random() < 0.5:
                _name(self._kept, path, content)
        self._names = dict(self._kept)
        self._changes.clear()
        for content in {id(each): each for each in self._names.values()}.values():
            content.crash(chance)
        self._locked.clear()
        self.fails = lambda _number, _what, _path: None

    def copy(self) -> "SimulatedDisk":
        """What a snapshot of the whole disk would hold."""
        copied = SimulatedDisk()
        contents: dict[int, Content] = {}
        for path, content in self._names.items():
            if id(content) not in contents:
                contents[id(content)] = Content()
                contents[id(content)].write(bytes(content.seen), 0)
                contents[id(content)].sync()
            copied._names[path] = contents[id(content)]
        copied._kept = dict(copied._names)
        copied._directories = set(self._directories)
        return copied

    def files(self) -> dict[Path, bytes]:
        return {path: bytes(content.seen) for path, content in self._names.items()}

    def put(self, path: Path, data: bytes) -> None:
        """Change a file from outside: tampering, restoring."""
        content = Content()
        content.write(data, 0)
        content.sync()
        self._names[path] = self._kept[path] = content

    def drop(self, path: Path) -> None:
        self._names.pop(path, None)
        self._kept.pop(path, None)

    def spill(self, source: Path, target: Path) -> None:
        """Write the files below ``source`` to a real directory."""
        for path, data in self.files().items():
            if path.is_relative_to(source):
                real = target / path.relative_to(source)
                real.parent.mkdir(parents=True, exist_ok=True)
                real.write_bytes(data)

    # ``Files``

    def create(self, path: Path) -> "SimulatedFile":
        self.act("create", path)
        if path in self._names:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        self._need_directory(path)
        self._change(path, Content())
        return SimulatedFile(self, path, self._names[path])

    def open(self, path: Path, *, write: bool = False) -> "SimulatedFile":
        del write
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return SimulatedFile(self, path, self._names[path])

    def names(self, directory: Path) -> list[str]:
        start = f"{directory}/".replace("//", "/")
        paths = map(str, (*self._names, *self._directories))
        below = {path.removeprefix(start) for path in paths if path.startswith(start)}
        return sorted(name for name in below if name and "/" not in name)

    def make_directory(self, path: Path) -> None:
        self.act("make_directory", path)
        self._directories |= {path, *path.parents}

    def link(self, source: Path, target: Path) -> None:
        self.act("link", target)
        if target in self._names:
            raise FileExistsError(errno.EEXIST, "exists", str(target))
        self._need_directory(target)
        self._change(target, self._names[source])

    def rename(self, source: Path, target: Path) -> None:
        self.act("rename", target)
        if source not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
        self._need_directory(target)
        self._change(target, self._names[source])
        self._change(source, None)

    def remove(self, path: Path) -> None:
        self.act("remove", path)
        self._change(path, None)

    def remove_directory(self, path: Path) -> None:
        self.act("remove_directory", path)
        if self.names(path):
            raise OSError(errno.ENOTEMPTY, "not empty", str(path))
        self._directories.discard(path)

    def sync_directory(self, path: Path) -> None:
        self.act("sync", path, SyncFailedError)
        for changed, content in self._changes:
            if changed.parent == path:
                _name(self._kept, changed, content)
        self._changes = [change for change in self._changes if change[0].parent != path]

    def lock(self, path: Path) -> "SimulatedFile":
        if path in self._locked:
            raise LogFailureError("log.locked", "Another process is writing the log.")
        if path not in self._names:
            self._names[path] = self._kept[path] = Content()
        self._locked.add(path)
        return SimulatedFile(self, path, self._names[path])

    def act(self, what: str, path: Path, failure: type[OSError] = OSError) -> None:
        """Count an operation, and fail it where it was told to fail."""
        number = self.operations
        self.operations += 1
        code = self.fails(number, what, path)
        if code is not None:
            raise failure(code, errno.errorcode[code])

    def grow(self, path: Path, by: int) -> None:
        if self.capacity is not None and by > 0:
            used = sum(len(content.seen) for content in self._names.values())
            if used + by > self.capacity:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def unlock(self, path: Path) -> None:
        self._locked.discard(path)

    def _change(self, path: Path, content: Content | None) -> None:
        _name(self._names, path, content)
        self._changes.append((path, content))

    def _need_directory(self, path: Path) -> None:
        if path.parent not in self._directories:
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(path.parent))


class SimulatedFile:
    """``OpenFile``."""

    def __init__(self, disk: SimulatedDisk, path: Path, content: Content) -> None:
        self._disk = disk
        self._path = path
        self._content = content

    def write_at(self, data: bytes, offset: int) -> None:
        self._disk.act("write", self._path)
        self._disk.grow(self._path, offset + len(data) - len(self._content.seen))
        self._content.write(data, offset)

    def read_at(self, length: int, offset: int) -> bytes:
        return bytes(self._content.seen[offset : offset + length])

    def size(self) -> int:
        return len(self._content.seen)

    def sync(self) -> None:
        self._disk.act("sync", self._path, SyncFailedError)
        self._content.sync()

    def close(self) -> None:
        if self._path.name == "lock":
            self._disk.unlock(self._path)


def _put(target: bytearray, data: bytes, offset: int) -> None:
    if len(target) < offset:
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(data)] = data


def _name(names: dict[Path, Content], path: Path, content: Content | None) -> None:
    if content is None:
        names.pop(path, None)
    else:
        names[path] = content
