"""Reading many leaves: what ``leaf.parse`` says, several times faster for the usual kinds.

Law: this parser accepts no leaf that ``leaf.parse`` refuses, and reads each as ``leaf.parse`` does.
A leaf's shape is all of it but hashes, ids, numbers and its place; the first leaf of each shape
goes through ``leaf.parse``, which alone decides about shapes. A leaf of another shape always does.
"""

import re
from typing import Final

from custody.evidence.record.leaf import Fact, Leaf, parse

_SHAPES_AT_MOST: Final = 256
_HASH: Final = ".{64}"
_HEXADECIMAL: Final = b"0123456789abcdef"
_NUMBER: Final = "0|[1-9][0-9]{0,14}"
"""Below 2^53, whatever the digits."""

_USUAL: Final = re.compile(
    rf'\{{(?:"command":({_NUMBER}),)?+'
    rf'"ct":"({_HASH})",'
    rf'(?:"durable":({_NUMBER}),)?+'
    r'(?:"effects":\[([a-z",]{0,99})\],)?+'
    r'(?:"loop":"(loop_[a-z2-7]{20})",)?+'
    rf'(?:"mask":"({_HASH})",)?+'
    rf'(?:"n":({_NUMBER}),)?+'
    r'(?:"outcome":"([a-z]{1,99})",)?+'
    rf'"pc":"({_HASH})",'
    rf'(?:"policy":"({_HASH})",)?+'
    rf'(?:"prev":"({_HASH})",)?+'
    r'"seg":"([0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{3,6})",'
    r'(?:"session":"(ses_[a-z2-7]{20})",)?+'
    r'(?:"stage":"([a-z]{1,99})",)?+'
    rf'"t":({_NUMBER}),'
    r'"type":"([a-z.]{1,99})",'
    r'"v":"custody-leaf/([12])"'
    r'(?:,"verdict":"([a-z]{1,99})")?+\}',
    re.ASCII,
).fullmatch
"""Sorted keys, no spaces, at most 2 KiB: as the gateway writes records of sessions, but for those
that commit to a key. Each key has
one place here, so none occurs twice. That a hash is one is looked at afterwards, for those that
differ from leaf to leaf all at once: digit by digit it takes as long as all else.
"""

_Shape = tuple[object, ...]


class LeafReader:
    """Reads leaves, and learns their shapes as it goes; holds at most 256 of them."""

    __slots__ = ("_facts",)

    def __init__(self) -> None:
        self._facts: dict[_Shape, dict[str, Fact]] = {}
        """By shape: the facts that are the same in every leaf of it, which is all but ``command``.
        Leaves share them.
        """

    def read(self, data: bytes) -> Leaf:
        """Raises ``LeafError``, whatever the bytes, where ``leaf.parse`` does."""
        match = _USUAL(data.decode("ascii")) if data.isascii() else None
        if match is None:
            return parse(data)
        (
            command, ct, durable, effects, loop, mask, n, outcome, pc,
            policy, prev, seg, session, stage, t, kind, version, verdict,
        ) = match.groups()  # fmt: skip
        if (ct + pc + (prev or "")).encode().translate(None, _HEXADECIMAL):
            return parse(data)
        # Of ``n``, its absence, 0 and the rest differ: what goes with it differs.
        shape = (
            command is None, effects, loop is None, mask, n and n != "0", outcome,
            policy, prev is None, session is None, stage, kind, verdict,
            version, durable is None,
        )  # fmt: skip
        facts = self._facts.get(shape)
        if facts is None:
            leaf = parse(data)
            self._learn(shape, leaf)
            return leaf
        if command is not None:
            facts = {"command": int(command), **facts}
        return Leaf(
            kind,
            int(t),
            seg,
            pc,
            ct,
            loop or "",
            session or "",
            -1 if n is None else int(n),
            prev or "",
            facts,
            2 if version == "2" else 1,
            -1 if durable is None else int(durable),
        )

    def _learn(self, shape: _Shape, leaf: Leaf) -> None:
        if len(self._facts) >= _SHAPES_AT_MOST:
            self._facts.clear()
        self._facts[shape] = {name: fact for name, fact in leaf.facts.items() if name != "command"}
