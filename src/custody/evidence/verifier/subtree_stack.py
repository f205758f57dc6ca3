"""A tree's root out of complete subtrees (RFC 6962 §2.1), some of which others computed.

Law: a subtree is added where the tree ends, at a multiple of its width; so what is added in pieces
gives the root that its leaves would give one by one. At most 63 hashes are held.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from custody.evidence.tlog.merkle import EMPTY_ROOT, node_hash, perfect_root


class Subtree(NamedTuple):
    """The hash over ``2 ** level`` leaves."""

    level: int
    hash: bytes


class SubtreeStack:
    """A growing tree, of which only the root can be asked."""

    __slots__ = ("_complete", "size")

    def __init__(self) -> None:
        self.size = 0
        # By level; bit n of the size says whether entry n is in use.
        self._complete: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        self.add(0, leaf)

    def add(self, level: int, found: bytes) -> None:
        """Add a complete subtree; ``ValueError`` where none of this width can stand."""
        size, complete = self.size, self._complete
        if size & ((1 << level) - 1):
            raise ValueError("a subtree stands at a multiple of its width")
        self.size = size + (1 << level)
        while size >> level & 1:
            found = sha256(b"\x01" + complete[level] + found).digest()
            level += 1
        if level >= len(complete):
            complete += [b""] * (level + 1 - len(complete))
        complete[level] = found

    def root(self) -> bytes:
        root = b""
        for level, found in enumerate(self._complete):
            if self.size >> level & 1:
                root = node_hash(found, root) if root else found
        return root or EMPTY_ROOT


def subtrees(start: int, hashes: Sequence[bytes], cuts: Sequence[int]) -> tuple[Subtree, ...]:
    """The complete subtrees that a tree of ``start`` leaves grows by with these leaf hashes, left
    to right, divided at each size among ``cuts``, so that its root can be asked there.
    """
    found: list[Subtree] = []
    end = start + len(hashes)
    at = start
    for limit in sorted({end, *(cut for cut in cuts if start < cut < end)}):
        while at < limit:
            level = (limit - at).bit_length() - 1
            if at:
                level = min(level, (at & -at).bit_length() - 1)
            first = at - start
            found.append(Subtree(level, perfect_root(hashes[first : first + (1 << level)])))
            at += 1 << level
    return tuple(found)
