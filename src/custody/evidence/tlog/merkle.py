"""RFC 6962 §2.1: the Merkle tree's hashes and its two proofs.

Law: bytes in, bytes out. A leaf hash and a node hash can never be taken for one another (their
first bytes differ), and a check either passes or raises; it never returns a maybe.
Standard library only.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from custody.model.errors import CustodyError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
MAX_SIZE: Final = 2**63 - 1
"""The largest tree size; what other implementations read into a signed 64-bit integer."""

SubtreeHash = Callable[[int, int], bytes]
"""``subtree(level, index)``: the hash over the leaves ``index << level`` to
``(index + 1) << level``. Asked only for subtrees that are complete at the size in question."""


class MerkleError(CustodyError):
    """A proof that does not prove, or a question about leaves that the tree does not have."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes, at least one."""
    row = hashes
    while len(row) > 1:
        row = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(row[::2], row[1::2], strict=True)
        ]
    return row[0]


def range_root(start: int, end: int, subtree: SubtreeHash) -> bytes:
    """MTH(D[start:end]) for a non-empty range as RFC 6962 divides them: ``start`` is a multiple
    of the smallest power of two that is not below ``end - start``.
    """
    hashes = [subtree(level, index) for level, index in _perfect_parts(start, end)]
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def tree_root(size: int, subtree: SubtreeHash) -> bytes:
    return range_root(0, size, subtree) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, subtree: SubtreeHash) -> tuple[bytes, ...]:
    """PATH(index, D[size]): from the leaf's sibling up to the root's child (§2.1.1)."""
    if not 0 <= index < size:
        raise MerkleError("merkle.no-such-leaf", f"A tree of {size} records has no record {index}.")
    start, end = 0, size
    path: list[bytes] = []
    while end - start > 1:
        split = start + _left_width(end - start)
        if index < split:
            path.append(range_root(split, end, subtree))
            end = split
        else:
            path.append(range_root(start, split, subtree))
            start = split
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, subtree: SubtreeHash) -> tuple[bytes, ...]:
    """PROOF(old, D[new]) (§2.1.2); empty where ``old`` is 0 or equals ``new``."""
    if not 0 <= old <= new:
        raise MerkleError("merkle.no-such-size", f"A tree of {new} records never had {old}.")
    if old in (0, new):
        return ()
    start, end = 0, new
    path: list[bytes] = []
    while end != old:
        split = start + _left_width(end - start)
        if old <= split:
            path.append(range_root(split, end, subtree))
            end = split
        else:
            path.append(range_root(start, split, subtree))
            start = split
    if start:
        path.append(range_root(start, end, subtree))
    return tuple(reversed(path))


def check_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ``MerkleError`` unless ``leaf`` is record ``index`` of the tree (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size <= MAX_SIZE:
        raise MerkleError("merkle.no-such-leaf", f"A tree of {size} records has no record {index}.")
    node, last = index, size - 1
    found = leaf
    for sibling in proof:
        if last == 0:
            raise MerkleError("merkle.proof-length", "The inclusion proof is too long.")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise MerkleError("merkle.proof-length", "The inclusion proof is too short.")
    if found != root:
        raise MerkleError(
            "merkle.not-included", f"The proof does not lead from record {index} to the root."
        )


def check_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ``MerkleError`` unless the new tree begins with the old one (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new <= MAX_SIZE:
        raise MerkleError("merkle.no-such-size", f"A tree of {new} records never had {old}.")
    if old in (0, new):
        _check_without_proof(old, old_root, new, new_root)
        if proof:
            raise MerkleError("merkle.proof-length", "The consistency proof should be empty.")
        return
    found_old, found_new = _climb(old, old_root, new, iter(proof))
    if found_old != old_root or found_new != new_root:
        raise MerkleError(
            "merkle.inconsistent", f"The tree of {new} records does not begin with that of {old}."
        )


def _climb(old: int, old_root: bytes, new: int, hashes: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Both roots as the proof has them; ``MerkleError`` for one that is too long or short."""
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found_new = _next_hash(hashes) if node else old_root
    for sibling in hashes:
        if last == 0:
            raise MerkleError("merkle.proof-length", "The consistency proof is too long.")
        if node & 1 or node == last:
            found_old = node_hash(sibling, found_old)
            found_new = node_hash(sibling, found_new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found_new = node_hash(found_new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise MerkleError("merkle.proof-length", "The consistency proof is too short.")
    return found_old, found_new


def _check_without_proof(old: int, old_root: bytes, new: int, new_root: bytes) -> None:
    expected = EMPTY_ROOT if old == 0 else new_root
    if old_root != expected or (new == 0 and new_root != EMPTY_ROOT):
        raise MerkleError("merkle.inconsistent", f"Two different trees of {old} records.")


def _next_hash(hashes: Iterator[bytes]) -> bytes:
    found = next(hashes, None)
    if found is None:
        raise MerkleError("merkle.proof-length", "The consistency proof is too short.")
    return found


def _left_width(width: int) -> int:
    """The largest power of two below ``width`` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def _perfect_parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees, left to right, that ``start`` to ``end`` is made of."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level
