"""Tiles and bundles: the spec's own examples, canonical paths, and growth against the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.tlog import naive_tree

from custody.evidence.tlog import merkle
from custody.evidence.tlog.tile import (
    Bundle,
    EntryBundles,
    Resource,
    Tile,
    TiledTree,
    TileError,
    decode_bundle,
    encode_bundle,
    parse_path,
    tile_subtree,
    tiles_of,
)

PATHS = [
    (Tile(0, 0), "tile/0/000"),
    (Tile(0, 1234067), "tile/0/x001/x234/067"),
    (Tile(1, 273, 112), "tile/1/273.p/112"),
    (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
    (Tile(63, 999_999, 255), "tile/63/x999/999.p/255"),
    (Bundle(5), "tile/entries/005"),
    (Bundle(1000, 9), "tile/entries/x001/000.p/9"),
]
NOT_PATHS = [
    "",
    "checkpoint",
    "tile/0",
    "tile/0/",
    "tile/0/0",
    "tile/0/0000",
    "tile/0/x000/001",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/00/001",
    "tile/64/001",
    "tile/-1/001",
    "tile/0/001.p/0",
    "tile/0/001.p/256",
    "tile/0/001.p/01",
    "tile/0/001.p/",
    "tile/0/001.p/-1",
    "tile/0/\u0661\u0662\u0663",
    "tile/0/001.p/\u0661",
    "tile/0/001/",
    "/tile/0/001",
    "tile/entries/01",
    "tile/entries/001.p/300",
    "tile/other/001",
    "tile/0/" + "x999/" * 7 + "999",
]


def grown(size: int) -> TiledTree:
    tree = TiledTree()
    for number in range(size):
        tree.append(merkle.leaf_hash(b"%d" % number))
    return tree


@pytest.mark.parametrize(("place", "path"), PATHS)
def test_a_place_and_its_path(place: Tile | Bundle, path: str) -> None:
    assert place.path == path
    assert parse_path(path) == place


@pytest.mark.parametrize("path", NOT_PATHS)
def test_only_the_canonical_path_is_read(path: str) -> None:
    with pytest.raises(TileError):
        parse_path(path)


@given(st.text("tile/0123456789xp.entries-\u0661 ", max_size=40))
def test_what_is_read_as_a_path_is_written_the_same(path: str) -> None:
    try:
        place = parse_path(path)
    except TileError:
        return
    assert place.path == path


def test_the_spec_example_of_seventy_thousand() -> None:
    tiles = list(tiles_of(70_000))
    assert [tile for tile in tiles if tile.width != 256] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert len([tile for tile in tiles if tile.level == 0]) == 274
    assert Tile(1, 0) in tiles
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_a_tree_of_seventy_thousand_gives_out_those_tiles() -> None:
    tree = grown(70_000)
    given_out = {each.path: each.data for each in tree.take()}
    assert set(given_out) == {tile.path for tile in tiles_of(70_000)}
    # Each hash of level 1 is the root over one full tile below it.
    below = given_out["tile/0/272"]
    hashes = [below[at : at + 32] for at in range(0, 8192, 32)]
    assert given_out["tile/1/001.p/17"][-32:] == merkle.perfect_root(hashes)


@given(st.lists(st.integers(0, 300), max_size=6))
def test_growth_in_steps_is_the_naive_tree(steps: list[int]) -> None:
    tree, bundles = TiledTree(), EntryBundles()
    served: dict[str, bytes] = {}
    entries: list[bytes] = []
    for step in steps:
        for _ in range(step):
            entry = b"entry %d" % len(entries)
            entries.append(entry)
            tree.append(merkle.leaf_hash(entry))
            bundles.append(entry)
        for each in [*tree.take(), *bundles.take()]:
            assert served.setdefault(each.path, each.data) == each.data
        assert all(tile.path in served for tile in tiles_of(len(entries)))
        assert tree.root() == naive_tree.root(entries)
        assert not tree.take()
        assert not bundles.take()
    size = len(entries)
    subtree = tile_subtree(size, lambda tile: served[tile.path])
    assert merkle.tree_root(size, subtree) == tree.root()
    if size:
        index = size * 2 // 3
        assert list(merkle.inclusion_proof(index, size, subtree)) == naive_tree.path(index, entries)
    stored = [
        entry
        for tile in tiles_of(size)
        if tile.level == 0
        for entry in decode_bundle(
            served[Bundle(tile.index, tile.width).path], Bundle(tile.index, tile.width)
        )
    ]
    assert stored == entries


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 65_535, 65_536, 66_000])
def test_a_tree_resumes_where_it_was(size: int) -> None:
    tree = grown(size)
    served = {each.path: each.data for each in tree.take()}
    resumed = TiledTree.resume(size, lambda tile: served[tile.path])
    for number in range(600):
        leaf = merkle.leaf_hash(b"%d" % number)
        resumed.append(leaf)
        tree.append(leaf)
        assert resumed.root() == tree.root()
    assert resumed.take() == tree.take()


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert decode_bundle(data, Bundle(0, len(entries))) == entries


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x00\x01", b"\x00\x01ab", b"\x00\x00\x00\x00", b"\x00\x00\x00", b"\xff\xffa"],
)
def test_a_bundle_holds_exactly_its_width(data: bytes) -> None:
    with pytest.raises(TileError):
        decode_bundle(data, Bundle(0, 1))


@given(st.binary(max_size=600), st.integers(1, 256))
def test_garbage_is_refused_or_is_exactly_a_bundle(data: bytes, width: int) -> None:
    try:
        entries = decode_bundle(data, Bundle(0, width))
    except TileError:
        return
    assert encode_bundle(entries) == data


def test_an_entry_is_at_most_65535_bytes() -> None:
    assert decode_bundle(encode_bundle([b"a" * 65_535]), Bundle(0, 1)) == [b"a" * 65_535]
    with pytest.raises(TileError):
        encode_bundle([b"a" * 65_536])
    with pytest.raises(TileError):
        EntryBundles().append(b"a" * 65_536)


def test_bundles_resume_with_their_unfinished_bytes() -> None:
    bundles = EntryBundles(257, encode_bundle([b"first"]))
    bundles.append(b"second")
    expected = [Resource("tile/entries/001.p/2", encode_bundle([b"first", b"second"]))]
    assert bundles.take() == expected
    with pytest.raises(TileError):
        EntryBundles(257)
    with pytest.raises(TileError):
        EntryBundles(258, encode_bundle([b"first"]))


def test_a_tile_of_the_wrong_length_is_refused() -> None:
    subtree = tile_subtree(3, lambda _: b"short")
    with pytest.raises(TileError):
        merkle.tree_root(3, subtree)
