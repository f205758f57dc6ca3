"""Long lists of constants, left out before a text is parsed.

Law: what is left out are whole elements of lists of constants, between others of their kind: rows
of VALUES, members of IN or ARRAY. They call nothing, name nothing, and any number of them parses as
a few do. Where they stood is kept, so that places in what is parsed are places in the text.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from custody.wire.sql.text.tree import TOKEN_NUMBERS, scan

LEAST_BYTES: Final = 64 * 1024
"""Of a text in which lists are looked for."""
LEAST_CONSTANTS: Final = 10_000
"""Of a list, NULL apart, so that no more of it is left out than would be masked as a whole."""
_KEPT: Final = 8
"""Elements at the beginning of a list; its last one is kept too."""

_CLASSES: Final[dict[str, bytes]] = {
    "c": b"ICONST FCONST SCONST BCONST XCONST TRUE_P FALSE_P",
    "n": b"NULL_P",
    "s": b"ASCII_45 ASCII_43",
    ",": b"ASCII_44",
    "(": b"ASCII_40",
    ")": b"ASCII_41",
    "[": b"ASCII_91",
    "v": b"VALUES",
    "i": b"IN_P",
    "a": b"ARRAY",
    "-": b"SQL_COMMENT C_COMMENT",
}
_CLASS_OF: Final[dict[int, str]] = {
    TOKEN_NUMBERS[name.decode()]: letter
    for letter, names in _CLASSES.items()
    for name in names.split()
}
_CONSTANT: Final = r"(?:s?c|n)"
_ROW: Final = rf"\((?:{_CONSTANT},)*{_CONSTANT}\),"
_ROWS: Final = re.compile(rf"(?:{_ROW}){{{_KEPT},}}")
_FIRST_ROWS: Final = re.compile(rf"(?:{_ROW}){{{_KEPT}}}")
_ANY_ROW: Final = re.compile(r"\((?:[^()]++|\((?:[^()]++|\([^()]*+\))*+\))*+\),")
"""Of VALUES, with calls in it, but not deep ones."""
_MEMBERS: Final = re.compile(rf"(?:(?<=i\()|(?<=a\[))(?:{_CONSTANT},){{{_KEPT},}}")
_FIRST_MEMBERS: Final = re.compile(rf"(?:{_CONSTANT},){{{_KEPT}}}")


class ShortenedText:
    """``text`` without the elements; ``place`` leads from it to the whole text."""

    def __init__(self, source: bytes, cuts: list[tuple[int, int]]) -> None:
        """``cuts`` are places in bytes of ``source``, in order and apart."""
        kept: list[str] = []
        self._places: Final[list[int]] = []
        self._missing: Final[list[int]] = []
        at = place = missing = 0
        for start, end in cuts:
            kept.append(source[at:start].decode())
            place += len(kept[-1])
            missing += len(source[start:end].decode())
            self._places.append(place)
            self._missing.append(missing)
            at = end
        kept.append(source[at:].decode())
        self.text: Final = "".join(kept)

    def place(self, place: int) -> int:
        """Characters of the whole text that stand before the character ``place`` of the shortened
        one.
        """
        cut = bisect_right(self._places, place)
        return place + (self._missing[cut - 1] if cut else 0)

    def left_out(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What is left out between these places of the shortened text, in places of the whole."""
        for cut in range(bisect_right(self._places, start), bisect_right(self._places, end - 1)):
            before = self._missing[cut - 1] if cut else 0
            yield self._places[cut] + before, self._places[cut] + self._missing[cut]


def shortened(source: bytes) -> ShortenedText | None:
    """``None`` where there is nothing to leave out. Raises ``SyntaxFaultError``."""
    if len(source) < LEAST_BYTES:
        return None
    starts, classes = _classified(source)
    cuts = sorted(
        [
            *_cuts(_rows(classes), _FIRST_ROWS, starts, classes),
            *_cuts(_MEMBERS.finditer(classes), _FIRST_MEMBERS, starts, classes),
        ]
    )
    return ShortenedText(source, cuts) if cuts else None


def _classified(source: bytes) -> tuple["array[int]", str]:
    """Where each token begins that is no comment, and one letter for each."""
    starts = array("I")
    letters: list[str] = []
    class_of = _CLASS_OF.get
    for token in scan(source):
        letter = class_of(token.token, "o")
        if letter != "-":
            letters.append(letter)
            starts.append(token.start)
    return starts, "".join(letters)


def _rows(classes: str) -> Iterator[re.Match[str]]:
    """Runs of rows of VALUES: others in parentheses may be arguments, whose number matters."""
    at = classes.find("v")
    while at >= 0:
        at += 1
        while (row := _ROWS.match(classes, at) or _ANY_ROW.match(classes, at)) is not None:
            if row.re is _ROWS:
                yield row
            at = row.end()
        at = classes.find("v", at)


def _cuts(
    runs: Iterable[re.Match[str]], first: re.Pattern[str], starts: "array[int]", classes: str
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for run in runs:
        begin, end = run.span()
        kept = first.match(classes, begin)
        enough = classes.count("c", begin, end) >= LEAST_CONSTANTS
        if enough and kept is not None and kept.end() < end < len(starts):
            found.append((starts[kept.end()], starts[end]))
    return found
