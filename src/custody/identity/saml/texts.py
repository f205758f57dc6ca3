"""Texts that become names of people and groups.

Law: a text is taken whole and unchanged, or the login is refused: nothing is trimmed, folded,
normalised or cut, so two different names can never become one.
"""

import unicodedata
from typing import Final

from custody.identity.saml.element import Element
from custody.model.errors import CustodyError

CHARACTERS_AT_MOST: Final = 1_024
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Controls, zero-width and direction marks: what nobody sees must not tell names apart."""


def name_in(element: Element) -> str:
    """The text of an element without children. Raises ``CustodyError`` ``identity.text``."""
    text = element.text
    if element.children:
        raise _unfit("holds elements")
    if not text or len(text) > CHARACTERS_AT_MOST:
        raise _unfit("is empty or too long")
    if text != text.strip():
        raise _unfit("has blanks at an end")
    if any(unicodedata.category(character) in _UNSEEN for character in text):
        raise _unfit("has characters that cannot be seen")
    return text


def _unfit(how: str) -> CustodyError:
    return CustodyError(
        "identity.text",
        f"A name in the SAML assertion {how}.",
        "Names of people and groups are taken as they are, so the directory has to mend them.",
    )
