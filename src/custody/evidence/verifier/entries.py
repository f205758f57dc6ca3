"""Published entries by index.

Law: the widest bundle that can be read counts; what cannot be read is not there. One bundle is in
memory at a time.
"""

from custody.evidence.tlog.merkle import HASH_BYTES
from custody.evidence.tlog.tile import TILE_WIDTH, Bundle, Tile, TileError, decode_bundle
from custody.evidence.verifier.published_tree import PublishedTree


class Entries:
    """Published entries by index, asked for in rising order."""

    def __init__(self, published: PublishedTree, extent: int) -> None:
        self._published = published
        self.extent = extent
        self._index = -1
        self._entries: list[bytes] = []

    def get(self, index: int) -> bytes | None:
        """The stored bytes; ``None`` where they are not published or cannot be read."""
        if index >= self.extent:
            return None
        bundle, at = divmod(index, TILE_WIDTH)
        if bundle != self._index:
            self._index, self._entries = bundle, self._load(bundle)
        return self._entries[at] if at < len(self._entries) else None

    def hash_of(self, index: int) -> bytes:
        """The leaf hash that the tile has; empty where there is none."""
        bundle, at = divmod(index, TILE_WIDTH)
        for width in self._published.widths(Tile(0, bundle)):
            if width > at:
                data = self._published.read(Tile(0, bundle, width)) or b""
                return data[at * HASH_BYTES : (at + 1) * HASH_BYTES]
        return b""

    def _load(self, index: int) -> list[bytes]:
        for width in reversed(self._published.widths(Bundle(index))):
            bundle = Bundle(index, width)
            try:
                return decode_bundle(self._published.read(bundle) or b"", bundle)
            except TileError:
                continue
        return []
