"""A root out of pieces is the root out of leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.evidence.tlog.merkle import leaf_hash
from custody.evidence.tlog.tile import TiledTree
from custody.evidence.verifier.subtree_stack import SubtreeStack, subtrees

HASHES = [leaf_hash(bytes([number % 256, number // 256])) for number in range(700)]


def root_of(size: int) -> bytes:
    tree = TiledTree()
    for found in HASHES[:size]:
        tree.append(found)
    return tree.root()


@given(st.lists(st.integers(0, len(HASHES)), max_size=5), st.sets(st.integers(0, len(HASHES))))
def test_any_pieces_give_the_roots_of_their_leaves(ends: list[int], cuts: set[int]) -> None:
    spine, roots = SubtreeStack(), {0: SubtreeStack().root()}
    for end in sorted(ends):
        for level, found in subtrees(spine.size, HASHES[spine.size : end], tuple(cuts)):
            spine.add(level, found)
            roots[spine.size] = spine.root()
        assert spine.size == end
    assert all(roots[size] == root_of(size) for size in {*cuts, *ends} if size <= spine.size)


def test_leaves_alone() -> None:
    spine = SubtreeStack()
    for found in HASHES[:300]:
        spine.append(found)
    assert spine.root() == root_of(300)


@pytest.mark.parametrize(("size", "level"), [(1, 1), (2, 2), (6, 2), (255, 8)])
def test_a_piece_stands_only_at_a_multiple_of_its_width(size: int, level: int) -> None:
    spine = SubtreeStack()
    for found in HASHES[:size]:
        spine.append(found)
    with pytest.raises(ValueError, match="multiple"):
        spine.add(level, HASHES[0])
