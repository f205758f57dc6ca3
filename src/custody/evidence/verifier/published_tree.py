"""The published tree of one year: checkpoint, tiles and entry bundles, read from disk.

Law: reading only, and any file may be absent, of any length or content. At most one folder's names
are held for each kind of file, so memory does not grow with the log.
"""

from pathlib import Path
from typing import Final

from custody.evidence.tlog.tile import TILE_WIDTH, Bundle, Tile
from custody.evidence.verifier.file_access import names, read_bytes

MAX_FILE_BYTES: Final = 256 * (2 + 65_535)
"""The longest entry bundle; nothing longer is read."""


class PublishedTree:
    """The folder ``log/<year>``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: dict[str, tuple[str, frozenset[str]]] = {}

    def checkpoint(self) -> bytes | None:
        return self._read("checkpoint")

    def widths(self, full: Tile | Bundle) -> list[int]:
        """The widths in which a tile or bundle is there, smallest first. ``full`` names it."""
        found = self._widths(full)
        if not found:
            # A running gateway may have put a full one in place of the partial ones since.
            self._listed.clear()
            found = self._widths(full)
        return found

    def read(self, place: Tile | Bundle) -> bytes | None:
        return self._read(place.path)

    def _widths(self, full: Tile | Bundle) -> list[int]:
        folder, _, name = full.path.rpartition("/")
        listed = self._names(folder)
        found = [TILE_WIDTH] if name in listed else []
        if f"{name}.p" in listed:
            partial = names(self.folder / folder / f"{name}.p")
            found += [int(text) for text in partial if _is_width(text)]
        return sorted(found)

    def _read(self, path: str) -> bytes | None:
        return read_bytes(self.folder / path, MAX_FILE_BYTES + 1)

    def _names(self, folder: str) -> frozenset[str]:
        kind = folder.split("/")[1]
        known = self._listed.get(kind)
        if known is None or known[0] != folder:
            known = self._listed[kind] = (folder, names(self.folder / folder))
        return known[1]


def _is_width(text: str) -> bool:
    return (
        text.isascii()
        and text.isdigit()
        and text[0] != "0"
        and len(text) < 4
        and (int(text) < TILE_WIDTH)
    )
