"""The chains of open sessions: each session's counter, and the hash of its last leaf.

Law: a session's records are numbered from 0 without a hole, and each names the one before it, so
nothing can be taken out of a session unseen. Heartbeats bind all open chains at once, so that no
whole session can vanish between two of them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from custody.evidence.record.leaf import Leaf

OPENS: Final = frozenset(("session.start", "session.carry"))


class Chain:
    """One open session. ``n`` and ``last`` are those of its last record."""

    __slots__ = (
        "carried",
        "commitment",
        "key",
        "key_day",
        "key_hash",
        "last",
        "loop",
        "n",
        "unanswered",
    )

    def __init__(self, n: int = -1, last: str = "") -> None:
        self.n = n
        self.last = last
        self.loop = ""
        self.carried = False
        """It came over from the year before, and what was asked then is not known here."""
        self.unanswered: set[int] = set()
        self.key = b""
        self.key_day = ""
        self.key_hash = ""
        """Of that key's line."""
        self.commitment = ""
        """``key_hash`` where a leaf has yet to commit to it; else empty."""

    def committed(self, key: bytes, key_day: str, key_hash: str) -> None:
        """The session's newest leaf commits to the key of this day that it goes on with."""
        self.key, self.key_day, self.key_hash = key, key_day, key_hash
        self.commitment = ""

    def mark(self) -> tuple[int, str, str, str]:
        """Where it stands now, to return to."""
        return self.n, self.last, self.key_day, self.commitment

    def return_to(self, mark: tuple[int, str, str, str]) -> None:
        """Forget the records since. A key that was taken into use meanwhile stays, and is still to
        be committed to.
        """
        self.n, self.last, key_day, self.commitment = mark
        if self.key_day != key_day:
            self.commitment = self.key_hash
        self.unanswered = {number for number in self.unanswered if number <= self.n}


def open_digest(sessions: Iterable[tuple[str, int, str]]) -> str:
    """SHA-256, hexadecimal, of a line ``<session> <n> <last leaf hash>`` for each open session,
    sorted by session, each ended by a newline.
    """
    lines = [f"{session} {n} {last}\n" for session, n, last in sorted(sessions)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def links_of(chains: Mapping[str, Chain]) -> list[tuple[str, int, str]]:
    return [(session, chain.n, chain.last) for session, chain in chains.items()]


def follow(chains: dict[str, Chain], leaf: Leaf, leaf_hash: str) -> None:
    """Take up the next leaf of a stored log."""
    if leaf.type == "recovery":
        chains.clear()
    if not leaf.session:
        return
    if leaf.type in ("session.end", "login.refused"):
        chains.pop(leaf.session, None)
        return
    chain = chains.get(leaf.session)
    if chain is None:
        chain = chains[leaf.session] = Chain()
    chain.n = leaf.n
    chain.last = leaf_hash
    chain.loop = leaf.loop or chain.loop
    match leaf.type:
        case "session.carry":
            chain.carried = True
        case "command" if (
            leaf.facts.get("stage") == "execute" and leaf.facts.get("verdict") != "deny"
        ):
            chain.unanswered.add(leaf.n)
        case "response" | "response.unknown" if leaf.command is not None:
            chain.unanswered.discard(leaf.command)
        case _:
            pass
