"""Other spellings of a text: escapes of JSON, addresses, XML and quotes inside quotes, read back.

Law: a reading only shortens, never crosses a border between values, and knows for each of its
characters where that one stood, so that a find can be replaced where it was written.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from custody.masking.detectors.ascii_fold import BORDER

_BORDER: Final = ord(BORDER)
_DEEPEST: Final = 3
"""Escapes of escapes of escapes are still read."""
_BACKSLASH: Final = re.compile(
    r"\\u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})|\\u\{?([0-9A-Fa-f]{4,6})\}?"
    r"|\\U([0-9A-Fa-f]{8})|\\x([0-9A-Fa-f]{2})(?![0-9A-Fa-f])|\\([0-3][0-7]{2})|\\([nrtbfv\"'/\\])"
)
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|lt|gt|amp|quot|apos|nbsp);")
_DOUBLED: Final = re.compile(r"(?<=\w)(?:''(?!')|\"\"(?!\"))|(?:''|\"\")(?=\w)")
_WHITE: Final = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " ", "v": " "}
CUE: Final = (
    rb"\\(?:u[0-9A-Fa-f{]|U0|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[nrt\"'/\\])"
    rb"|%[2-7][0-9A-Fa-f]|&(?:#[0-9xX]|lt;|gt;|amp;|quot;|apos;)|[A-Za-z0-9]''|''[A-Za-z0-9]"
    rb"|[A-Za-z0-9]\"\"|\"\"[A-Za-z0-9]"
)


_Way = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


class Reading:
    """A text as it reads. Where its characters stood is worked out only where somebody asks."""

    __slots__ = ("_source", "_way", "text")

    def __init__(self, text: str, source: "Reading | None" = None, way: _Way | None = None) -> None:
        self.text: Final = text
        self._source: Final = source
        self._way: Final = way

    def places(self) -> Sequence[int]:
        """For each character of ``text`` where it began, and the end."""
        if self._source is None or self._way is None:
            return range(len(self.text) + 1)
        pattern, read = self._way
        old = self._source.places()
        places: list[int] = []
        at = 0
        for found in pattern.finditer(self._source.text):
            start, end = found.span()
            places += old[at:start]
            places += [old[start]] * len(read(found))
            at = end
        places += old[at:]
        return places


def _backslash(found: re.Match[str]) -> str:
    high, low, four, eight, two, octal, sign = found.groups()
    if high is not None:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    if sign is not None:
        return _WHITE.get(sign, sign)
    code = int(octal, 8) if octal is not None else int(four or eight or two, 16)
    valid = code <= 0x10FFFF and not 0xD800 <= code < 0xE000 and code != _BORDER
    return chr(code) if valid else "\ufffd"


def _percent(found: re.Match[str]) -> str:
    data = bytes.fromhex(found.group().replace("%", ""))
    return data.decode("utf-8", "replace").replace(BORDER, " ")


def _entity(found: re.Match[str]) -> str:
    return html.unescape(found.group())[:1].replace(BORDER, " ") or " "


def _doubled(found: re.Match[str]) -> str:
    return found.group()[0]


_WAYS: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    ("\\", _BACKSLASH, _backslash),
    ("%", _PERCENT, _percent),
    ("&", _ENTITY, _entity),
    ("''", _DOUBLED, _doubled),
    ('""', _DOUBLED, _doubled),
)


def readings(text: str) -> Iterator[Reading]:
    """What ``text`` says once its escapes are read; nothing where it has none. Each level of
    escapes inside escapes is a reading of its own.
    """
    reading = Reading(text)
    for _ in range(_DEEPEST):
        known = reading
        for sign, pattern, read in _WAYS:
            if sign in reading.text:
                new = pattern.sub(read, reading.text)
                if new != reading.text:
                    reading = Reading(new, reading, (pattern, read))
        if reading is known:
            return
        yield reading
