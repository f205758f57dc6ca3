"""A text with its integers blanked, for caching what does not depend on their values.

Law: two texts with the same blanked text have the same tokens in the same places, except for the
digits of whole decimal integers below 2³¹. Whether a meaning may be shared between them is not
said here: only a statement that says ``blind`` of itself may be.
"""

import re
from typing import Final

# No quote, dollar, backslash, comment or non-ASCII character can start a token that hides another.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_ \t\r\n,.()=<>+\-*/%;\[\]:]+")
# Nine digits stay below 2³¹: more would be another kind of token. A point, a letter or an
# underscore beside the digits makes them part of something else.
_INTEGER: Final = re.compile(r"(?<![A-Za-z0-9_.])[0-9]{1,9}(?![A-Za-z0-9_.])")
_ZEROS: Final = tuple("0" * length for length in range(10))
_LONGEST: Final = 8_192


def _zeros(match: re.Match[str]) -> str:
    return _ZEROS[match.end() - match.start()]


def blank_integers(text: str) -> str | None:
    """The text with every integer's digits turned to zeros; ``None`` if it cannot be done safely.

    Places do not move: an integer keeps its length.
    """
    if len(text) > _LONGEST or _PLAIN.fullmatch(text) is None or "--" in text or "/*" in text:
        return None
    return _INTEGER.sub(_zeros, text)
