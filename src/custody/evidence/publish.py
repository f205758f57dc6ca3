"""Publishing: from durable leaves to a signed tree of static files.

Law: entries, then tiles, then the signature (the anchor is durable before the key-holder gives it),
then the checkpoint; so a checkpoint that can be read is a promise that can be kept. Only durable
records are ever counted, and a file that exists already must say the same.
"""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from custody.evidence.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.files import (
    Files,
    add_file,
    make_durable_directory,
    read_whole,
    replace_file,
)
from custody.evidence.keyring import KeyService, log_key
from custody.evidence.tile import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    Bundle,
    EntryBundles,
    Resource,
    TiledTree,
    TileError,
)


class Cut(NamedTuple):
    """The tree as it stands at one moment."""

    checkpoint: Checkpoint
    files: tuple[Resource, ...]


class Publisher:
    """One year's tree. ``add`` and ``cut`` belong to the event loop, ``write`` to a thread."""

    def __init__(
        self,
        files: Files,
        evidence: Path,
        origin: str,
        keys: KeyService,
        signed: Checkpoint | None = None,
    ) -> None:
        self.origin = origin
        self.signed = signed
        """The last checkpoint that was exposed."""
        self.note = b""
        """That checkpoint as a signed note."""
        self._files = files
        self._directory = log_directory(evidence, origin)
        self._keys = keys
        self._tree = TiledTree()
        self._bundles = EntryBundles()
        self._unwritten: list[Resource] = []
        self._known_directories: set[Path] = set()

    @property
    def size(self) -> int:
        return self._tree.size

    @property
    def dirty(self) -> bool:
        return self.signed is None or self.signed.size != self._tree.size

    @property
    def held_bytes(self) -> int:
        """Of files that could not be written yet."""
        return sum(len(each.data) for each in self._unwritten)

    def add(self, leaf: bytes, leaf_hash: bytes) -> None:
        self._bundles.append(leaf)
        self._tree.append(leaf_hash)

    def root(self) -> bytes:
        return self._tree.root()

    def cut(self) -> Cut:
        self._unwritten += self._bundles.take()
        self._unwritten += self._tree.take()
        checkpoint = Checkpoint(self.origin, self._tree.size, self._tree.root())
        return Cut(checkpoint, tuple(self._unwritten))

    def write(self, cut: Cut) -> None:
        """Expose it. Raises ``OSError`` or ``LogFailureError``; may then be tried again."""
        if self.signed is not None and self.signed.size > cut.checkpoint.size:
            return  # a later cut went ahead of this one
        directories: set[Path] = set()
        for resource in cut.files:
            path = self._directory / PurePosixPath(resource.path)
            if path.parent not in self._known_directories:
                make_durable_directory(self._files, path.parent)
                self._known_directories.add(path.parent)
            add_file(self._files, path, resource.data)
            directories.add(path.parent)
        for directory in sorted(directories):
            self._files.sync_directory(directory)
        make_durable_directory(self._files, self._directory)
        note = sign_checkpoint(cut.checkpoint, log_key(self._keys, self.origin), self._keys.sign)
        replace_file(self._files, self._directory / CHECKPOINT_PATH, note)
        self.note = note
        self.signed = cut.checkpoint

    def resume(self, size: int, root: bytes) -> bool:
        """Go on from the files of a tree of this size; false where they do not have this root."""
        try:
            tree = TiledTree.resume(size, lambda tile: self._read(tile.path))
            partial = Bundle(size // TILE_WIDTH, size % TILE_WIDTH)
            unfinished = self._read(partial.path) if partial.width else b""
            bundles = EntryBundles(size, unfinished)
        except (OSError, TileError):
            return False
        if tree.root() != root:
            return False
        self._tree, self._bundles = tree, bundles
        return True

    def _read(self, path: str) -> bytes:
        return read_whole(self._files, self._directory / PurePosixPath(path))

    def pass_over(self) -> None:
        """Forget the files of leaves that a signed checkpoint covers: they are on disk."""
        if self.signed is not None and self._tree.size <= self.signed.size:
            self._bundles.take()
            self._tree.take()

    def settle(self, cut: Cut) -> None:
        """Forget the files of a cut that was written; back in the event loop."""
        del self._unwritten[: len(cut.files)]


def log_directory(evidence: Path, origin: str) -> Path:
    """``log/<year>`` of the origin NAME/YEAR."""
    return evidence / "log" / origin.rpartition("/")[2]
