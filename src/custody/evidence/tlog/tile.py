"""C2SP tlog-tiles: a Merkle tree and its entries as static files.

Law: a path names its content for ever: the same path never holds two different contents, and no
empty tile exists. Levels above 0 hash only full tiles below them. No files here, only names and
bytes. Standard library only.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from custody.evidence.tlog.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_SIZE,
    SubtreeHash,
    node_hash,
    perfect_root,
)
from custody.model.errors import CustodyError

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
MAX_LEVEL: Final = 7
"""256^8 records are more than a signed 64-bit size can count; the spec's own limit is 63."""
MAX_ENTRY_BYTES: Final = 65_535
CHECKPOINT_PATH: Final = "checkpoint"


class TileError(CustodyError):
    """Bytes that are no tile, no bundle, or a path that is not canonical."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a tile of hashes stands. ``width`` is 256 for a full tile, else 1 to 255."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Where a bundle of entries stands; index and width as those of the level 0 tile."""

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        return f"tile/entries/{_numbered(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One static file: its path below the log's directory, with ``/``, and its bytes."""

    path: str
    data: bytes


def parse_path(path: str) -> Tile | Bundle:
    """The tile or bundle that a path names; ``TileError`` unless the path is canonical."""
    fault = TileError("tile.path", f"{path!r} is not the path of a tile or an entry bundle.")
    parts = path.split("/")
    width = TILE_WIDTH
    if len(parts) > 3 and parts[-2].endswith(".p"):
        width = _decimal(parts.pop(), fault)
        parts[-1] = parts[-1].removesuffix(".p")
        if not 0 < width < TILE_WIDTH:
            raise fault
    if len(parts) < 3 or parts[0] != "tile":
        raise fault
    index = 0
    for part in parts[2:]:
        digits = part.removeprefix("x")
        if len(digits) != 3 or not (digits.isascii() and digits.isdigit()):
            raise fault
        index = index * 1000 + int(digits)
        if index > MAX_SIZE:
            raise fault
    found: Tile | Bundle
    if parts[1] == "entries":
        found = Bundle(index, width)
    else:
        level = _decimal(parts[1], fault)
        if level > 63:
            raise fault
        found = Tile(level, index, width)
    # Only one spelling is canonical: compare with our own (leading groups of zeroes, stray x).
    if found.path != path:
        raise fault
    return found


def level_width(size: int, level: int) -> int:
    """How many hashes a tree of ``size`` has at a tile level."""
    return size >> (TILE_HEIGHT * level)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of ``size``, level by level, left to right."""
    for level in range(MAX_LEVEL + 1):
        full, width = divmod(level_width(size, level), TILE_WIDTH)
        for index in range(full):
            yield Tile(level, index)
        if width:
            yield Tile(level, full, width)


def split_hashes(data: bytes, tile: Tile) -> list[bytes]:
    """A tile's hashes; ``TileError`` unless the length is exact."""
    if len(data) != tile.width * HASH_BYTES:
        raise TileError(
            "tile.length", f"{tile.path} has {len(data)} bytes, not {tile.width * HASH_BYTES}."
        )
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle; each entry at most 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        parts += (_entry_length(entry), entry)
    return b"".join(parts)


def decode_bundle(data: bytes, bundle: Bundle) -> list[bytes]:
    """A bundle's entries; ``TileError`` unless it holds exactly its width."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    while at + 2 <= end and len(entries) < bundle.width:
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        entries.append(data[start:at])
    if at != end or len(entries) != bundle.width:
        raise TileError(
            "tile.bundle", f"{bundle.path} does not hold exactly {bundle.width} entries."
        )
    return entries


def tile_subtree(size: int, read: Callable[[Tile], bytes]) -> SubtreeHash:
    """Answers for proofs out of tiles. ``read`` gives a tile's bytes, of the exact width that the
    tile has at ``size``; it may cache.
    """

    def subtree(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, start = divmod(index << height, TILE_WIDTH)
        available = level_width(size, tile_level) - tile_index * TILE_WIDTH
        tile = Tile(tile_level, tile_index, min(TILE_WIDTH, available))
        return perfect_root(split_hashes(read(tile), tile)[start : start + (1 << height)])

    return subtree


class TiledTree:
    """A tree that grows by leaf hashes and gives out the tiles that came of it.

    ``append`` only keeps the hash; a tile's nodes are hashed in one go once it is full, and
    ``root`` hashes those of the unfinished tiles, at most 255 on a level. Held are the unfinished
    tiles and what ``take`` has not fetched yet.
    """

    __slots__ = ("_full", "_open", "_taken", "size")

    def __init__(self) -> None:
        self.size = 0
        self._taken = 0
        self._full: list[Resource] = []
        self._open: list[list[bytes]] = [[] for _ in range(MAX_LEVEL + 1)]

    @classmethod
    def resume(cls, size: int, read: Callable[[Tile], bytes]) -> "TiledTree":
        """The tree as it was at ``size``, from its unfinished tiles. The caller compares the root
        with a signed one before it trusts what ``read`` gave.
        """
        tree = cls()
        tree.size = tree._taken = size
        for level in range(MAX_LEVEL + 1):
            index, width = divmod(level_width(size, level), TILE_WIDTH)
            if width:
                tile = Tile(level, index, width)
                tree._open[level] = split_hashes(read(tile), tile)
        return tree

    @property
    def held_bytes(self) -> int:
        """Of full tiles that ``take`` has not fetched."""
        return len(self._full) * TILE_WIDTH * HASH_BYTES

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash (``merkle.leaf_hash``) at index ``size``."""
        self.size += 1
        unfinished = self._open[0]
        unfinished.append(leaf)
        if len(unfinished) == TILE_WIDTH:
            self._finish(0)

    def root(self) -> bytes:
        root = b""
        for hashes in self._open:
            end = len(hashes)
            for height in range(TILE_HEIGHT):
                if len(hashes) >> height & 1:
                    start = end - (1 << height)
                    found = perfect_root(hashes[start:end])
                    root = node_hash(found, root) if root else found
                    end = start
        return root or EMPTY_ROOT

    def take(self) -> list[Resource]:
        """The tiles that are new since the last call: full ones, then the partial ones of the
        present size. Write them before a checkpoint of this size is shown.
        """
        tiles = self._full
        for level, unfinished in enumerate(self._open):
            count = level_width(self.size, level)
            if unfinished and count != level_width(self._taken, level):
                tile = Tile(level, count // TILE_WIDTH, count % TILE_WIDTH)
                tiles.append(Resource(tile.path, b"".join(unfinished)))
        self._full, self._taken = [], self.size
        return tiles

    def _finish(self, level: int) -> None:
        """A tile is full: its root is a hash of the level above."""
        hashes = self._open[level]
        tile = Tile(level, level_width(self.size, level + 1) - 1)
        self._full.append(Resource(tile.path, b"".join(hashes)))
        above = self._open[level + 1]
        above.append(perfect_root(hashes))
        hashes.clear()
        if len(above) == TILE_WIDTH:
            self._finish(level + 1)


class EntryBundles:
    """Entries that gather into bundles, in step with a ``TiledTree``."""

    __slots__ = ("_full", "_open", "_taken", "size")

    def __init__(self, size: int = 0, unfinished: bytes = b"") -> None:
        """Empty, or as it was at ``size`` with the partial bundle's bytes."""
        if unfinished:
            decode_bundle(unfinished, Bundle(size // TILE_WIDTH, size % TILE_WIDTH))
        elif size % TILE_WIDTH:
            raise TileError("tile.bundle", "The partial entry bundle is missing.")
        self.size = self._taken = size
        self._open = [unfinished]
        self._full: list[Resource] = []

    @property
    def held_bytes(self) -> int:
        """Of full bundles that ``take`` has not fetched."""
        return sum(len(each.data) for each in self._full)

    def append(self, entry: bytes) -> None:
        size = len(entry)
        if size > MAX_ENTRY_BYTES:
            raise _too_long(size)
        self._open += (size.to_bytes(2, "big"), entry)
        self.size += 1
        if not self.size % TILE_WIDTH:
            path = Bundle(self.size // TILE_WIDTH - 1).path
            self._full.append(Resource(path, b"".join(self._open)))
            self._open.clear()

    def take(self) -> list[Resource]:
        """The bundles that are new since the last call; full ones, then the partial one."""
        bundles = self._full
        index, width = divmod(self.size, TILE_WIDTH)
        if width and self.size != self._taken:
            bundles.append(Resource(Bundle(index, width).path, b"".join(self._open)))
        self._full, self._taken = [], self.size
        return bundles


def _entry_length(entry: bytes) -> bytes:
    if len(entry) > MAX_ENTRY_BYTES:
        raise _too_long(len(entry))
    return len(entry).to_bytes(2, "big")


def _too_long(size: int) -> TileError:
    return TileError("tile.entry-length", f"An entry of {size} bytes is over 65,535.")


def _numbered(index: int, width: int) -> str:
    """1234067 is ``x001/x234/067``."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    name = "/".join(reversed(groups))
    return name if width == TILE_WIDTH else f"{name}.p/{width}"


def _decimal(text: str, fault: TileError) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise fault
    return int(text)
