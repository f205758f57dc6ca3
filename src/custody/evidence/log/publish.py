"""Publishing: from durable leaves to a signed tree of static files.

Law: entries, then tiles, then the signature (the anchor is durable before the key-holder gives it),
then the checkpoint; so a checkpoint that can be read is a promise that can be kept. Only durable
records are ever counted, and a file that exists already must say the same.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from custody.evidence.disk.files import (
    Files,
    add_file,
    make_durable_directory,
    read_if_there,
    replace_file,
)
from custody.evidence.keys.keyring import KeyService, log_key
from custody.evidence.tlog.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.tlog.merkle import HASH_BYTES
from custody.evidence.tlog.tile import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    Bundle,
    EntryBundles,
    Resource,
    Tile,
    TiledTree,
    TileError,
    decode_bundle,
    encode_bundle,
)


class Cut(NamedTuple):
    """The tree as it stands at one moment."""

    checkpoint: Checkpoint
    files: tuple[Resource, ...]
    end: int
    """How many files were ever cut."""


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
        self._settled = 0
        self._superseded: list[str] = []
        """Full files of the cut before: their partial ones are no longer needed."""
        self._known_directories: set[Path] = set()

    @property
    def size(self) -> int:
        return self._tree.size

    @property
    def dirty(self) -> bool:
        return self.signed is None or self.signed.size != self._tree.size

    @property
    def held_bytes(self) -> int:
        """Of files that are not written yet."""
        cut = sum(len(each.data) for each in self._unwritten)
        return cut + self._bundles.held_bytes + self._tree.held_bytes

    def add(self, leaf: bytes, leaf_hash: bytes) -> None:
        self._bundles.append(leaf)
        self._tree.append(leaf_hash)

    def extend(self, leaves: Iterable[tuple[bytes, bytes]]) -> None:
        """Add leaves with their hashes."""
        append_entry, append_hash = self._bundles.append, self._tree.append
        for leaf, leaf_hash in leaves:
            append_entry(leaf)
            append_hash(leaf_hash)

    def root(self) -> bytes:
        return self._tree.root()

    def cut(self) -> Cut:
        self._unwritten += self._bundles.take()
        self._unwritten += self._tree.take()
        checkpoint = Checkpoint(self.origin, self._tree.size, self._tree.root())
        files = tuple(self._unwritten)
        return Cut(checkpoint, files, self._settled + len(files))

    def write(self, cut: Cut) -> None:
        """Expose it. Raises ``OSError`` or ``LogFailureError``; may then be tried again."""
        if self.signed is not None and self.signed.size > cut.checkpoint.size:
            return  # a later cut went ahead of this one
        directories: set[Path] = set()
        for resource in cut.files:
            path = self._directory / PurePosixPath(resource.path)
            self._need_directory(path.parent)
            add_file(self._files, path, resource.data)
            directories.add(path.parent)
        for directory in sorted(directories):
            self._files.sync_directory(directory)
        self._need_directory(self._directory)
        note = sign_checkpoint(cut.checkpoint, log_key(self._keys, self.origin), self._keys.sign)
        replace_file(self._files, self._directory / CHECKPOINT_PATH, note)
        self.note = note
        self.signed = cut.checkpoint
        self._remove_superseded()
        self._superseded = [each.path for each in cut.files if ".p/" not in each.path]

    def resume(self, size: int, root: bytes) -> bool:
        """Go on from the files of a tree of this size; false where they do not have this root."""
        try:
            tree = TiledTree.resume(size, self._tile)
            unfinished = self._bundle(Bundle(size // TILE_WIDTH, size % TILE_WIDTH))
            bundles = EntryBundles(size, unfinished)
        except (OSError, TileError):
            return False
        if tree.root() != root:
            return False
        self._tree, self._bundles = tree, bundles
        return True

    def _need_directory(self, directory: Path) -> None:
        if directory not in self._known_directories:
            make_durable_directory(self._files, directory)
            self._known_directories.add(directory)

    def _remove_superseded(self) -> None:
        """Partial tiles may go once the full one was published (C2SP tlog-tiles); one written each
        second would otherwise fill the disk. A reader of the last checkpoint had a second to read.
        """
        for path in self._superseded:
            partial = self._directory / PurePosixPath(f"{path}.p")
            with contextlib.suppress(OSError):  # they do no harm if they stay
                for name in self._files.names(partial):
                    self._files.remove(partial / name)
                self._files.remove_directory(partial)
                self._known_directories.discard(partial)

    def _tile(self, tile: Tile) -> bytes:
        """A tile at the width that is asked for, out of the full one where that is there."""
        data = self._read(tile.path)
        if data is None:
            data = self._read(Tile(tile.level, tile.index).path) or b""
        return data[: tile.width * HASH_BYTES]

    def _bundle(self, bundle: Bundle) -> bytes:
        data = self._read(bundle.path) if bundle.width else b""
        if data is None:
            full = Bundle(bundle.index)
            entries = decode_bundle(self._read(full.path) or b"", full)
            data = encode_bundle(entries[: bundle.width])
        return data

    def _read(self, path: str) -> bytes | None:
        return read_if_there(self._files, self._directory / PurePosixPath(path))

    def drop_published(self) -> None:
        """Forget the files of leaves that a signed checkpoint covers: they are on disk."""
        if self.signed is not None and self._tree.size <= self.signed.size:
            self._bundles.take()
            self._tree.take()

    def settle(self, cut: Cut) -> None:
        """Forget the files of a cut that was written; back in the event loop."""
        done = cut.end - self._settled
        if done > 0:
            del self._unwritten[:done]
            self._settled = cut.end


def log_directory(evidence: Path, origin: str) -> Path:
    """``log/<year>`` of the origin NAME/YEAR."""
    return evidence / "log" / origin.rpartition("/")[2]
