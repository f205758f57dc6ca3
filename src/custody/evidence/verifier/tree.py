"""The tree: every tile of every level computed again from the entries, up to the signed root.

Law: entries are hashed as they are stored, before anybody parses them. Where an entry and its tile
disagree, the hash above both says which of the two was altered; the signed root says it last.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product

from custody.evidence.tlog.checkpoint import Checkpoint
from custody.evidence.tlog.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hash, node_hash, perfect_root
from custody.evidence.tlog.tile import (
    MAX_LEVEL,
    TILE_HEIGHT,
    TILE_WIDTH,
    Bundle,
    Tile,
    TileError,
    decode_bundle,
    level_width,
    split_hashes,
)
from custody.evidence.verifier.full_tiles import AT_ONCE, FullTiles
from custody.evidence.verifier.published_tree import PublishedTree
from custody.evidence.verifier.report import FaultKind, Findings, VerifyFault
from custody.evidence.verifier.worker_pool import map_in_order

Progress = Callable[[int], None]
_Hashes = list[bytes]
_UNKNOWN = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class _Place:
    """A tile under examination: ``required`` hashes are signed, ``available`` are published."""

    level: int
    index: int
    required: int
    available: int

    @property
    def full(self) -> Tile:
        return Tile(self.level, self.index)

    @property
    def signed(self) -> Tile:
        return Tile(self.level, self.index, self.required)


@dataclass(frozen=True, slots=True)
class _Edge:
    """The signed part of an unfinished tile: as computed, and as stored where that differs."""

    place: _Place
    choices: tuple[_Hashes, ...]


@dataclass(slots=True)
class TreeCheck:
    """Checks one log's published files against its checkpoint.

    After ``run``, ``extent`` is how many entries are published: the signed size, or more where
    publishing ran ahead of signing.
    """

    published: PublishedTree
    checkpoint: Checkpoint
    findings: Findings
    processes: int = 1
    extent: int = 0
    _rows: list[_Hashes] = field(default_factory=lambda: [[] for _ in range(MAX_LEVEL + 1)])
    _done: list[int] = field(default_factory=lambda: [0] * (MAX_LEVEL + 1))
    _edges: list[_Edge] = field(default_factory=list)

    def run(self, progress: Progress) -> None:
        self.extent = max(self.checkpoint.size, self._published())
        for index, root in enumerate(self._full_roots()):
            if root:
                self._done[0] += 1
                self._hand_up(0, root)
            else:
                self._check_entries(index)
            progress((index + 1) * TILE_WIDTH)
        for index in range(self._done[0], -(-self.extent // TILE_WIDTH)):
            self._check_entries(index)
            progress(min((index + 1) * TILE_WIDTH, self.extent))
        for level in range(1, MAX_LEVEL + 1):
            if self._rows[level]:
                self._check(self._place(level, self._done[level]), self._rows[level])
        self._check_root()

    def _full_roots(self) -> Iterator[bytes]:
        """For each tile that is signed in full: its root, or nothing where that is in doubt."""
        full = self.checkpoint.size // TILE_WIDTH
        pieces = [range(at, min(at + AT_ONCE, full)) for at in range(0, full, AT_ONCE)]
        with closing(
            map_in_order(FullTiles(self.published.folder).roots, pieces, self.processes)
        ) as found:
            for roots in found:
                yield from roots

    def _check_entries(self, index: int) -> None:
        place = self._place(0, index)
        self._check(place, self._leaf_hashes(place))

    def _published(self) -> int:
        """How far entry bundles reach, from the signed size on."""
        index = self.checkpoint.size // TILE_WIDTH
        while widths := self.published.widths(Bundle(index)):
            if widths[-1] < TILE_WIDTH:
                return index * TILE_WIDTH + widths[-1]
            index += 1
        return index * TILE_WIDTH

    def _place(self, level: int, index: int) -> _Place:
        start = index * TILE_WIDTH
        required = level_width(self.checkpoint.size, level) - start
        available = level_width(self.extent, level) - start
        return _Place(level, index, max(0, min(TILE_WIDTH, required)), min(TILE_WIDTH, available))

    def _leaf_hashes(self, place: _Place) -> _Hashes:
        """From the widest bundle that is whole; empty where none has what is signed."""
        entries: list[bytes] = []
        widest = b""
        widths = self.published.widths(Bundle(place.index))
        for width in reversed([width for width in widths if width <= place.available]):
            bundle = Bundle(place.index, width)
            data = self.published.read(bundle) or b""
            if entries:
                # A shorter bundle is the beginning of a longer one, to the byte.
                if data != widest[: sum(map(len, entries[:width])) + 2 * width]:
                    sentence = f"{bundle.path} contradicts a longer one."
                    self._add(FaultKind.ENTRIES_ALTERED, bundle.path, sentence)
                continue
            try:
                entries, widest = decode_bundle(data, bundle), data
            except TileError as error:
                self._add(FaultKind.ENTRIES_ALTERED, bundle.path, error.fault)
        if not any(width >= place.required for width in widths):
            path = Bundle(place.index, place.required).path
            self._add(FaultKind.ENTRIES_MISSING, path, f"{path} is missing.")
        if len(entries) < place.required:
            return []
        return [leaf_hash(entry) for entry in entries]

    def _check(self, place: _Place, computed: _Hashes) -> None:
        """Compare a tile with what was computed for it, and hand its hash to the level above."""
        stored = self._stored(place)
        best = self._resolve(place, computed, stored)
        self._check_widths(place, best, len(stored))
        self._done[place.level] += 1
        if place.level == MAX_LEVEL or place.available < TILE_WIDTH:
            return
        complete = len(best) == TILE_WIDTH
        root = perfect_root(best) if complete else self._parent(place) or _UNKNOWN
        self._hand_up(place.level, root)

    def _hand_up(self, level: int, root: bytes) -> None:
        """A full tile's own hash to the level above, which is checked when it is full."""
        above = self._rows[level + 1]
        above.append(root)
        if len(above) == TILE_WIDTH:
            self._rows[level + 1] = []
            self._check(self._place(level + 1, self._done[level + 1]), above)

    def _stored(self, place: _Place) -> _Hashes:
        """The hashes of a tile file that holds what is signed, the widest within ``available``."""
        widths = self.published.widths(place.full)
        if place.required and not any(width >= place.required for width in widths):
            path = place.signed.path
            self._add(FaultKind.TILE_MISSING, path, f"{path} is missing.")
        for width in reversed(widths):
            if place.required <= width <= place.available:
                return self._hashes(Tile(place.level, place.index, width))
        # Written since this check began: only its first hashes are looked at.
        for width in widths:
            if width > place.available:
                return self._hashes(Tile(place.level, place.index, width))[: place.available]
        return []

    def _hashes(self, tile: Tile) -> _Hashes:
        try:
            return split_hashes(self.published.read(tile) or b"", tile)
        except TileError as error:
            self._add(FaultKind.TILE_ALTERED, tile.path, error.fault)
            return []

    def _resolve(self, place: _Place, computed: _Hashes, stored: _Hashes) -> _Hashes:
        """The hashes to go on with: the computed ones, unless it is they that are wrong."""
        agree = not stored or not computed or computed[: len(stored)] == stored
        best = computed or stored
        choices = (best,) if agree else (computed, stored)
        if not agree and len(stored) == len(computed) == TILE_WIDTH:
            parent = self._parent(place)
            entries_wrong = perfect_root(stored) == parent
            self._blame(place, computed, stored, entries_wrong=entries_wrong)
            best = stored if entries_wrong else computed
            choices = (best,)
        elif not agree and not place.required:
            self._blame(place, computed, stored, entries_wrong=False)
        if 0 < place.required < TILE_WIDTH:
            signed = tuple(choice[: place.required] for choice in choices)
            self._edges.append(_Edge(place, signed))
        return best

    def _parent(self, place: _Place) -> bytes | None:
        """A full tile's own hash, as the stored tile above it has it."""
        index, at = divmod(place.index, TILE_WIDTH)
        above = Tile(place.level + 1, index)
        for width in self.published.widths(above):
            if width > at:
                data = self.published.read(Tile(above.level, index, width)) or b""
                return data[at * HASH_BYTES : (at + 1) * HASH_BYTES]
        return None

    def _check_widths(self, place: _Place, best: _Hashes, compared: int) -> None:
        """The other widths of the same tile: each is a beginning of the longest."""
        others = [width for width in self.published.widths(place.full) if width != compared]
        whole = b"".join(best) if others else b""
        for width in others:
            tile = Tile(place.level, place.index, width)
            data = self.published.read(tile) or b""
            if len(data) != width * HASH_BYTES or data[: len(whole)] != whole[: len(data)]:
                self._add(
                    FaultKind.TILE_ALTERED,
                    tile.path,
                    f"{tile.path} is not the hash of what is below.",
                )

    def _check_root(self) -> None:
        """The signed root over the edge of the tree; where files disagree, it decides."""
        for chosen in product(*(range(len(edge.choices)) for edge in self._edges)):
            rows = [edge.choices[choice] for edge, choice in zip(self._edges, chosen, strict=True)]
            if _edge_root(rows) == self.checkpoint.root:
                for edge, choice in zip(self._edges, chosen, strict=True):
                    if len(edge.choices) > 1:
                        self._blame(edge.place, *edge.choices, entries_wrong=choice == 1)
                return
        for edge in self._edges:
            if len(edge.choices) > 1:
                self._blame(edge.place, *edge.choices, entries_wrong=False)
        self._add(
            FaultKind.TREE_ROOT,
            "checkpoint",
            f"The tree of {self.checkpoint.size} entries does not have the root that is signed.",
        )

    def _blame(
        self, place: _Place, computed: _Hashes, stored: _Hashes, *, entries_wrong: bool
    ) -> None:
        width = min(len(computed), len(stored))
        differing = [at for at in range(width) if computed[at] != stored[at]]
        start = place.index * TILE_WIDTH
        if not entries_wrong:
            path = Tile(place.level, place.index, len(stored)).path
            self._add(FaultKind.TILE_ALTERED, path, f"{path} is not the hash of what is below it.")
            return
        for at in differing:
            if place.level:
                path = Tile(place.level - 1, start + at).path
                self._add(
                    FaultKind.ENTRIES_ALTERED,
                    path,
                    f"{path} and all below it is not what was signed.",
                )
            else:
                path = Bundle(place.index, len(computed)).path
                sentence = f"Record {start + at} in {path} is not what was signed."
                self._add(FaultKind.RECORD_ALTERED, path, sentence, start + at)

    def _add(self, kind: FaultKind, path: str, sentence: str, index: int | None = None) -> None:
        self.findings.add(VerifyFault(kind, sentence, self.checkpoint.origin, index, path=path))


def _edge_root(rows: list[_Hashes]) -> bytes:
    """The root over the unfinished tiles, lowest level first; each stands left of those below."""
    root = b""
    for row in rows:
        end = len(row)
        for height in range(TILE_HEIGHT):
            if len(row) >> height & 1:
                part = perfect_root(row[end - (1 << height) : end])
                root = node_hash(part, root) if root else part
                end -= 1 << height
    return root or EMPTY_ROOT
