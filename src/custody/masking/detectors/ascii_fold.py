"""How a text is read by the detectors: plain ASCII, one character for one.

Law: folding only deletes characters (zero-width, combining, control) or replaces one by one, so
that every place in the folded text has one place in the original. Digits of any script become
ASCII digits, dashes and spaces of any kind become ``-`` and a space.
"""

import re
import unicodedata
from typing import Final

from custody.masking.marks import OWN

BORDER: Final = "\x1f"
"""Stands between values that are looked at together; no pattern may match across it."""
FOREIGN: Final = "\x1c"
"""Stands for a letter that has no ASCII likeness."""
OTHER: Final = "\x1d"
DELETED: Final = "\x1b"
"""A control character that every folding deletes."""

_KEPT_CONTROLS: Final = frozenset("\t\n\r" + OWN + BORDER)
_INVISIBLE: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5")
"""Fillers and blanks that Unicode does not count among its format characters."""
_DASHES: Final = frozenset("\u2212\u00ad\u2043\u02d7")
_DOTS: Final = frozenset("\u00b7\u2022\u2027\u30fb\u3002\u2219\u22c5")


def _fold(char: str) -> str | None:  # noqa: PLR0911 - one return for each class of characters
    if char in _KEPT_CONTROLS:
        return char
    category = unicodedata.category(char)
    if category in {"Cc", "Cf", "Mn", "Me"} or char in _INVISIBLE:
        return None
    if char.isascii():
        return char
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    if category == "Pd" or char in _DASHES:
        return "-"
    if category == "Zs":
        return " "
    if char in _DOTS:
        return "."
    likeness = unicodedata.normalize("NFKC", char)[0]
    if likeness.isascii() and likeness.isprintable():
        return likeness
    return FOREIGN if category.startswith("L") else OTHER


class _Table(dict[int, str | None]):
    """Filled as characters are met; bounded by the number of characters that exist."""

    def __missing__(self, code: int) -> str | None:
        folded = self[code] = _fold(chr(code))
        return folded


_TABLE: Final = _Table()
_STRANGE: Final = re.compile(r"[^ -~\t\n\r\x1a\x1f]+")
"""All that folding changes: most texts are plain, and runs of the rest are short."""


def fold(text: str) -> str:
    """The folded text. As long as ``text`` unless something was deleted."""
    return _STRANGE.sub(_fold_run, text)


def _fold_run(found: re.Match[str]) -> str:
    return found.group().translate(_TABLE)


def places(text: str) -> list[int]:
    """For each character of ``fold(text)``, its index in ``text``; and the end, ``len(text)``."""
    kept = [at for at, char in enumerate(text) if _TABLE[ord(char)] is not None]
    kept.append(len(text))
    return kept


def plain(text: str) -> str:
    """``text`` in one canonical spelling, for hashing: compatibility forms composed, invisible
    characters gone.
    """
    if text.isascii() and text.isprintable():
        return text
    visible = "".join(char for char in text if _TABLE[ord(char)] is not None)
    return unicodedata.normalize("NFKC", visible)


def is_encodable(text: str) -> bool:
    """Whether ``text`` is free of lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encodable(text: str) -> str:
    """``text`` with lone surrogates, which no encoding can carry, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
