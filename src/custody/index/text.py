"""When two texts are equal, what a word is, and which texts are candidates for a part of a text.

Law: the index and the check of its candidates use these functions and no others, so that a search
finds exactly what a plain scan of the same texts would.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

LONGEST_WORD: Final = 128
"""Longer runs of letters (encoded data) are found as parts of a text, not as words."""
MOST_TRIGRAMS: Final = 32
"""Of one text asked for: more only cost, since every candidate is checked anyway."""
SEPARATOR: Final = "\x1f"
"""Between names in one column: ASCII's unit separator, which no name is written with."""

_WORD: Final = re.compile(r"\w+")


def fold(text: str) -> str:
    """The text as it is compared: without case, and without what SQLite's tokenizers stop at."""
    folded = text.casefold().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return folded.encode("utf-8", "replace").decode("utf-8")


def words(folded: str) -> Iterable[str]:
    """The distinct words of a folded text, in no order."""
    return {word for word in _WORD.findall(folded) if len(word) <= LONGEST_WORD}


def is_word(folded: str) -> bool:
    return len(folded) <= LONGEST_WORD and _WORD.fullmatch(folded) is not None


def word_query(word: str, *, prefix: bool) -> str:
    """The FTS5 query for a folded word. It holds word characters only, so nothing to escape."""
    return f'"{word}"*' if prefix else f'"{word}"'


def trigram_query(folded: str) -> str | None:
    """The FTS5 query whose hits include every text that holds this one; ``None`` below three
    characters, where only a scan can tell.
    """
    trigrams = sorted({folded[at : at + 3] for at in range(len(folded) - 2)})
    if not trigrams:
        return None
    step = -(-len(trigrams) // MOST_TRIGRAMS)
    return " AND ".join('"' + each.replace('"', '""') + '"' for each in trigrams[::step])


def pack(names: Sequence[str]) -> str:
    """Names in one column, each between separators, so that a whole name can be looked for."""
    if not names:
        return ""
    clean = (name.replace(SEPARATOR, " ") for name in names)
    return SEPARATOR + SEPARATOR.join(clean) + SEPARATOR


def unpack(packed: str) -> tuple[str, ...]:
    return tuple(packed[1:-1].split(SEPARATOR)) if packed else ()
