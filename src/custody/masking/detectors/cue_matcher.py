"""Whether anything in a text is worth a closer look: one pass for most of what goes by.

Law: a cue that matches is always reported. An automaton of many cues is fast on what people write
and slow on what keeps all of them busy (RE2 then builds states faster than it uses them), so a
long text goes through several small ones, whose cost stays bounded.
"""

from collections.abc import Sequence
from typing import Any, Final

import re2

_SET_MEMORY: Final = 16 << 20
_SHORT: Final = 1024
"""Bytes up to which one large automaton is the cheapest whatever the text."""


def re2_options(memory: int, *, latin: bool) -> Any:  # noqa: ANN401 - re2 publishes no types
    """``latin``: the text is bytes, one for each character, of which only ASCII occurs."""
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    if latin:
        options.encoding = re2.Options.Encoding.LATIN1
    return options


class Cues:
    """Cues by number; each belongs to a lane."""

    __slots__ = ("_all", "_lanes")

    def __init__(self, cues: Sequence[tuple[str, bytes]]) -> None:
        self._all: Final = _compile([cue for _, cue in cues])
        self._lanes: Final[list[tuple[Any, list[int]]]] = []
        for lane in sorted({lane for lane, _ in cues}):
            numbers = [at for at, (name, _) in enumerate(cues) if name == lane]
            self._lanes.append((_compile([cues[at][1] for at in numbers]), numbers))

    def match(self, data: bytes) -> Sequence[int]:
        """The numbers of the cues that match somewhere in ``data``."""
        if len(data) <= _SHORT:
            found: Sequence[int] = self._all.Match(data) or ()
            return found
        return [numbers[at] for lane, numbers in self._lanes for at in lane.Match(data) or ()]


def _compile(cues: Sequence[bytes]) -> Any:  # noqa: ANN401 - re2 publishes no types
    automaton = re2.Set.SearchSet(re2_options(_SET_MEMORY, latin=True))
    for cue in cues:
        automaton.Add(cue)
    automaton.Compile()
    return automaton
