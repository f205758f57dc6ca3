"""What stands in evidence where a value stood.

Law: a mark is made from the value by a keyed one-way function, or from no value at all, and the
masker recognises its own marks; so masking twice changes nothing. A mark that someone else wrote
in the same shape is not recognised and is masked like any other text.
"""

import hmac
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

_LETTERS: Final = str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")
"""Consonants only: no digits for a number detector to read, no words, no known prefixes."""
_DIGEST_LETTERS: Final = 20
"""80 bits: two values of one kind do not share a token by chance."""
_CHECK_LETTERS: Final = 4
_TAIL: Final = 4
_LONG_ENOUGH: Final = 8
_LABEL_LIMIT: Final = 64
_MARK: Final = re.compile(r"‹([^‹›:]{1,64})(?::([^‹›]{4,24}))?›")  # noqa: RUF001 - marks use these
_UNSAFE: Final = re.compile(r"[^\w.*-]")
OWN: Final = "\x1a"
"""Stands for each character of an own mark while detectors look at a text."""


class MaskForm(StrEnum):
    """What becomes of a masked value: the ``as`` of a mask rule."""

    REDACT = "redact"
    TOKEN = "token"  # noqa: S105 - the name of a form, not a password
    LAST4 = "last4"


class MarkKind:
    """What a value was found to be: a name for its mark, and how the mark is made."""

    __slots__ = ("form", "identity", "label", "redaction")

    def __init__(self, identity: str, form: MaskForm) -> None:
        self.identity: Final = identity.encode("utf-8", "replace")
        self.form: Final = form
        self.label: Final = _UNSAFE.sub("_", identity)[:_LABEL_LIMIT]
        self.redaction: Final = f"‹{self.label}›"  # noqa: RUF001 - marks use these


BINARY: Final = MarkKind("binary", MaskForm.REDACT)
"""A value in a binary form that was not understood: its length is all that is kept."""
_LENGTH: Final = re.compile(r"[0-9]{1,7}\+? bytes")
_LONGEST: Final = 9_999_999
"""No more digits than this: a mark must hold no number that a detector would look for."""
REDACTED: Final = MarkKind("redacted", MaskForm.REDACT)


class Marks:
    """Makes marks and knows its own. ``kinds`` are all that may ever stand in a mark."""

    __slots__ = ("_key", "_labels")

    def __init__(self, key: bytes, kinds: Iterable[MarkKind]) -> None:
        self._key: Final = key
        own = (*kinds, REDACTED, BINARY)
        self._labels: Final = frozenset(kind.label for kind in own)

    def mark(self, kind: MarkKind, normal: str) -> str:
        """The mark for a value, given in its normalised form."""
        match kind.form:
            case MaskForm.REDACT:
                return kind.redaction
            case MaskForm.TOKEN:
                return f"‹{kind.label}:{self._letters(kind, normal)}›"  # noqa: RUF001 - as above
            case MaskForm.LAST4:
                tail = normal[-_TAIL:]
                if len(normal) < _LONG_ENOUGH or not tail.isalnum() or not tail.isascii():
                    return kind.redaction
                return f"‹{kind.label}:{'*' * _TAIL}{tail}›"  # noqa: RUF001 - as above

    def length(self, count: int) -> str:
        """The mark for a value of which only the length may be kept."""
        said = f"{max(count, 0)}" if count <= _LONGEST else f"{_LONGEST}+"
        return f"‹{BINARY.label}:{said} bytes›"  # noqa: RUF001 - as above

    def is_own(self, text: str) -> bool:
        """Whether ``text`` is exactly one of our marks."""
        found = _MARK.fullmatch(text)
        return found is not None and self._recognise(found)

    def blank(self, text: str) -> str:
        """``text`` with every character of an own mark replaced by ``OWN``; lengths are kept."""
        return _MARK.sub(self._blank, text)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where our marks stand in ``text``."""
        return [found.span() for found in _MARK.finditer(text) if self._recognise(found)]

    def _blank(self, found: re.Match[str]) -> str:
        whole = found.group()
        return OWN * len(whole) if self._recognise(found) else whole

    def _recognise(self, found: re.Match[str]) -> bool:
        label, rest = found.group(1, 2)
        if label not in self._labels:
            return False
        if rest is None:
            return True
        if label == BINARY.label:
            return _LENGTH.fullmatch(rest) is not None
        if len(rest) == 2 * _TAIL and rest.startswith("*" * _TAIL):
            return rest[_TAIL:].isascii() and rest[_TAIL:].isalnum()
        if len(rest) != _DIGEST_LETTERS + _CHECK_LETTERS or not rest.isascii():
            return False
        return hmac.compare_digest(rest[_DIGEST_LETTERS:], self._check(rest[:_DIGEST_LETTERS]))

    def _letters(self, kind: MarkKind, normal: str) -> str:
        message = kind.identity + b"\x00" + normal.encode("utf-8", "replace")
        letters = self._digest(b"value\x00" + message)[:_DIGEST_LETTERS]
        return letters + self._check(letters)

    def _check(self, letters: str) -> str:
        return self._digest(b"check\x00" + letters.encode())[:_CHECK_LETTERS]

    def _digest(self, message: bytes) -> str:
        return hmac.digest(self._key, message, "sha256").hex().translate(_LETTERS)
