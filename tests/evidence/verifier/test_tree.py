"""The tree check alone, on trees of several levels: the altered file is named, and no other."""

from pathlib import Path

import pytest
from tests.evidence.verifier.tampering import flip

from custody.evidence.tlog.checkpoint import Checkpoint
from custody.evidence.tlog.merkle import leaf_hash
from custody.evidence.tlog.tile import Bundle, EntryBundles, Tile, TiledTree, encode_bundle
from custody.evidence.verifier.published_tree import PublishedTree
from custody.evidence.verifier.report import FaultKind, Findings, VerifyFault
from custody.evidence.verifier.tree import TreeCheck

SIZE = 66_500
"""Level 0: 259 full tiles and one of 196; level 1: one full and one of 3; level 2: one of 1."""


def publish(folder: Path, size: int, *sizes: int) -> Checkpoint:
    """A tree of ``size`` that was also published at the smaller ``sizes``."""
    tree, bundles = TiledTree(), EntryBundles()
    for number in range(size):
        if number in sizes:
            put(folder, tree, bundles)
        entry = b"entry %d" % number
        tree.append(leaf_hash(entry))
        bundles.append(entry)
    put(folder, tree, bundles)
    return Checkpoint("gw1.example.com/2026", size, tree.root())


def put(folder: Path, tree: TiledTree, bundles: EntryBundles) -> None:
    for each in [*tree.take(), *bundles.take()]:
        path = folder / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.data)


def faults(folder: Path, checkpoint: Checkpoint) -> list[VerifyFault]:
    findings = Findings()
    TreeCheck(PublishedTree(folder), checkpoint, findings).run(lambda _done: None)
    return findings.faults


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    folder = tmp_path_factory.mktemp("log")
    return folder, publish(folder, SIZE, 100, 300, 65_536)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 513])
def test_whole_trees_of_any_size(tmp_path: Path, size: int) -> None:
    assert faults(tmp_path, publish(tmp_path, size)) == []


def test_a_whole_tree_of_three_levels(log: tuple[Path, Checkpoint]) -> None:
    assert faults(*log) == []


@pytest.mark.parametrize(
    ("path", "at", "kind", "index"),
    [
        (Tile(0, 0).path, 5, FaultKind.TILE_ALTERED, None),
        (Tile(0, 200).path, 8191, FaultKind.TILE_ALTERED, None),
        (Tile(0, 259, 196).path, 0, FaultKind.TILE_ALTERED, None),
        (Tile(1, 0).path, 4096, FaultKind.TILE_ALTERED, None),
        (Tile(1, 1, 3).path, 95, FaultKind.TILE_ALTERED, None),
        (Tile(2, 0, 1).path, 31, FaultKind.TILE_ALTERED, None),
        # Partial tiles of older sizes, which nobody needs any more.
        (Tile(0, 0, 100).path, 3, FaultKind.TILE_ALTERED, None),
        (Tile(1, 0, 1).path, 3, FaultKind.TILE_ALTERED, None),
        (Bundle(0, 100).path, 30, FaultKind.ENTRIES_ALTERED, None),
        (Bundle(0).path, 4, FaultKind.RECORD_ALTERED, 0),
        (Bundle(200).path, 9, FaultKind.RECORD_ALTERED, 51_200),
        (Bundle(259, 196).path, 9, FaultKind.RECORD_ALTERED, 66_304),
        (Bundle(3).path, 1, FaultKind.ENTRIES_ALTERED, None),
    ],
)
def test_a_flip_names_its_file(
    log: tuple[Path, Checkpoint], path: str, at: int, kind: FaultKind, index: int | None
) -> None:
    folder, checkpoint = log
    flip(folder / path, at)
    try:
        found = faults(folder, checkpoint)
    finally:
        flip(folder / path, at)
    assert (kind, path, index) in [(fault.kind, fault.path, fault.index) for fault in found]
    assert FaultKind.TREE_ROOT not in [fault.kind for fault in found]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (Tile(0, 7).path, FaultKind.TILE_MISSING),
        (Tile(0, 259, 196).path, FaultKind.TILE_MISSING),
        (Tile(1, 0).path, FaultKind.TILE_MISSING),
        (Tile(1, 1, 3).path, FaultKind.TILE_MISSING),
        (Tile(2, 0, 1).path, FaultKind.TILE_MISSING),
        (Bundle(7).path, FaultKind.ENTRIES_MISSING),
        (Bundle(259, 196).path, FaultKind.ENTRIES_MISSING),
    ],
)
def test_a_missing_file_is_named_and_the_rest_still_proves(
    log: tuple[Path, Checkpoint], path: str, kind: FaultKind
) -> None:
    folder, checkpoint = log
    data = (folder / path).read_bytes()
    (folder / path).unlink()
    try:
        found = faults(folder, checkpoint)
    finally:
        (folder / path).write_bytes(data)
    assert [(fault.kind, fault.path) for fault in found] == [(kind, path)]


def test_an_entry_changed_with_its_tile_is_named_by_the_tile_above(
    log: tuple[Path, Checkpoint],
) -> None:
    folder, checkpoint = log
    entries = [b"other %d" % number for number in range(256)]
    changed = {
        Bundle(5).path: encode_bundle(entries),
        Tile(0, 5).path: b"".join(leaf_hash(entry) for entry in entries),
    }
    kept = {path: (folder / path).read_bytes() for path in changed}
    for path, data in changed.items():
        (folder / path).write_bytes(data)
    try:
        found = faults(folder, checkpoint)
    finally:
        for path, data in kept.items():
            (folder / path).write_bytes(data)
    assert [(fault.kind, fault.path) for fault in found] == [
        (FaultKind.ENTRIES_ALTERED, Tile(0, 5).path)
    ]


def test_published_ahead_of_the_signature(tmp_path: Path) -> None:
    """A crash, or a running gateway, between the tiles and the checkpoint."""
    signed = publish(tmp_path, 700)
    publish(tmp_path, 1000, 700)
    assert faults(tmp_path, signed) == []
    flip(tmp_path / Tile(0, 3, 232).path, 3)
    assert [fault.kind for fault in faults(tmp_path, signed)] == [FaultKind.TILE_ALTERED]


def test_partial_tiles_may_go_once_the_full_one_is_there(tmp_path: Path) -> None:
    signed = publish(tmp_path, 700)
    publish(tmp_path, 1024, 700)
    (tmp_path / Tile(0, 2, 188).path).unlink()
    (tmp_path / Bundle(2, 188).path).unlink()
    assert faults(tmp_path, signed) == []


def test_another_root_is_not_this_trees(log: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = log
    other = Checkpoint(checkpoint.origin, checkpoint.size, bytes(32))
    assert [fault.kind for fault in faults(folder, other)] == [FaultKind.TREE_ROOT]
