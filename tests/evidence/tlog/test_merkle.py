"""The tree against RFC 6962's public vectors and against a naive model of its text."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.tlog import naive_tree

from custody.evidence.tlog import merkle
from custody.evidence.tlog.merkle import MerkleError

# The vectors that the Certificate Transparency implementations share.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def subtree_of(entries: list[bytes]) -> Callable[[int, int], bytes]:
    """Only complete subtrees are ever asked for."""

    def subtree(level: int, index: int) -> bytes:
        part = entries[index << level : (index + 1) << level]
        assert len(part) == 1 << level
        return naive_tree.root(part)

    return subtree


def hexadecimal(hashes: tuple[bytes, ...]) -> list[str]:
    return [each.hex() for each in hashes]


def test_the_published_roots() -> None:
    for size, root in enumerate(ROOTS):
        assert merkle.tree_root(size, subtree_of(ENTRIES[:size])).hex() == root


@pytest.mark.parametrize(("index", "size", "expected"), INCLUSION)
def test_the_published_inclusion_proofs(index: int, size: int, expected: list[str]) -> None:
    proof = merkle.inclusion_proof(index, size, subtree_of(ENTRIES))
    assert hexadecimal(proof) == expected
    leaf = merkle.leaf_hash(ENTRIES[index])
    merkle.check_inclusion(leaf, index, size, bytes.fromhex(ROOTS[size]), proof)


@pytest.mark.parametrize(("old", "new", "expected"), CONSISTENCY)
def test_the_published_consistency_proofs(old: int, new: int, expected: list[str]) -> None:
    proof = merkle.consistency_proof(old, new, subtree_of(ENTRIES))
    assert hexadecimal(proof) == expected
    merkle.check_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), proof)


@given(st.integers(1, 80), st.data())
def test_proofs_are_those_of_the_naive_tree(size: int, data: st.DataObject) -> None:
    entries = [b"%d" % number for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root = naive_tree.root(entries)
    subtree = subtree_of(entries)

    included = merkle.inclusion_proof(index, size, subtree)
    assert list(included) == naive_tree.path(index, entries)
    merkle.check_inclusion(merkle.leaf_hash(entries[index]), index, size, root, included)

    consistent = merkle.consistency_proof(index, size, subtree)
    assert list(consistent) == naive_tree.proof(index, entries)
    merkle.check_consistency(index, naive_tree.root(entries[:index]), size, root, consistent)


@given(st.integers(1, 40), st.data())
def test_no_proof_proves_anything_else(size: int, data: st.DataObject) -> None:
    entries = [b"%d" % number for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    proof = list(merkle.inclusion_proof(index, size, subtree_of(entries)))
    leaf, root = merkle.leaf_hash(entries[index]), naive_tree.root(entries)
    other_index = (
        data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
        if (size > 1)
        else 1
    )
    wrong: list[tuple[bytes, int, int, bytes, list[bytes]]] = [
        (leaf, other_index, size, root, proof),
        (merkle.leaf_hash(b"other"), index, size, root, proof),
        (leaf, index, size, naive_tree.root([*entries, b"more"]), proof),
        (leaf, index, size, root, [*proof, root]),
        (leaf, size, size, root, proof),
        (leaf, -1, size, root, proof),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        wrong.append((leaf, index, size, root, [*proof[:at], flipped, *proof[at + 1 :]]))
        wrong.append((leaf, index, size, root, proof[:at] + proof[at + 1 :]))
    for case in wrong:
        with pytest.raises(MerkleError):
            merkle.check_inclusion(*case)


@given(st.integers(1, 40), st.data())
def test_no_two_histories_are_consistent(size: int, data: st.DataObject) -> None:
    entries = [b"%d" % number for number in range(size)]
    old = data.draw(st.integers(1, size))
    proof = list(merkle.consistency_proof(old, size, subtree_of(entries)))
    old_root, root = naive_tree.root(entries[:old]), naive_tree.root(entries)
    rewritten = naive_tree.root([b"rewritten", *entries[1:old]])
    wrong: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
        (old, rewritten, size, root, proof),
        (old, old_root, size, naive_tree.root([b"rewritten", *entries[1:]]), proof),
        (old, old_root, size, root, [*proof, root]),
        (0, old_root, size, root, []),
        (size + 1, old_root, size, root, proof),
    ]
    if proof:
        wrong.append((old, old_root, size, root, proof[:-1]))
    for case in wrong:
        with pytest.raises(MerkleError):
            merkle.check_consistency(*case)


def test_the_empty_tree_is_consistent_with_every_tree_and_needs_no_proof() -> None:
    root = bytes.fromhex(ROOTS[3])
    merkle.check_consistency(0, merkle.EMPTY_ROOT, 3, root, [])
    merkle.check_consistency(0, merkle.EMPTY_ROOT, 0, merkle.EMPTY_ROOT, [])
    with pytest.raises(MerkleError):
        merkle.check_consistency(0, merkle.EMPTY_ROOT, 0, root, [])


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda subtree: merkle.inclusion_proof(8, 8, subtree), "merkle.no-such-leaf"),
        (lambda subtree: merkle.inclusion_proof(0, 0, subtree), "merkle.no-such-leaf"),
        (lambda subtree: merkle.consistency_proof(9, 8, subtree), "merkle.no-such-size"),
    ],
)
def test_questions_about_leaves_that_are_not_there(
    ask: Callable[[merkle.SubtreeHash], object], code: str
) -> None:
    with pytest.raises(MerkleError) as caught:
        ask(subtree_of(ENTRIES))
    assert caught.value.code == code
