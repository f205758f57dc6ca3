"""Full tiles and the entries below them: most of a log, and the same computation for each.

Law: ``FullTiles.roots`` returns a tile's root only if the tile is complete, no partial copy of it
or of its entries exists, and it matches the hash of each of its entries. For any other tile it
returns ``b""``, and ``tree.py`` examines that tile.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from custody.evidence.tlog.merkle import perfect_root
from custody.evidence.tlog.tile import (
    TILE_WIDTH,
    Bundle,
    Tile,
    TileError,
    decode_bundle,
    split_hashes,
)
from custody.evidence.verifier.published_tree import PublishedTree

AT_ONCE: Final = 256
"""How many tiles are one piece of work; 65,536 entries."""
_ALONE: Final = [TILE_WIDTH]


@dataclass(slots=True)
class FullTiles:
    """The tiles of level 0 in the folder ``log/<year>``."""

    folder: Path
    _published: PublishedTree = field(init=False)

    def __post_init__(self) -> None:
        self._published = PublishedTree(self.folder)

    def roots(self, tiles: range) -> list[bytes]:
        """For each, the root over its hashes; empty where the tile needs a closer look."""
        return [self._root(index) for index in tiles]

    def _root(self, index: int) -> bytes:
        tile, bundle, published = Tile(0, index), Bundle(index), self._published
        if published.widths(tile) != _ALONE or published.widths(bundle) != _ALONE:
            return b""
        try:
            stored = split_hashes(published.read(tile) or b"", tile)
            entries = decode_bundle(published.read(bundle) or b"", bundle)
        except TileError:
            return b""
        # ``merkle.leaf_hash``, spelt out: once for each record, its call would count.
        computed = [sha256(b"\x00" + entry).digest() for entry in entries]
        return perfect_root(computed) if computed == stored else b""
