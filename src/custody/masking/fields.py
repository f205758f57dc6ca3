"""Every text of a record that has no rule of its own.

Law: a field that is not named here is free text, and all detectors look at it. What identifies
who acted, and from where, keeps personal data (it is the evidence) and loses only credentials.
"""

import re
from enum import Enum
from typing import Any, Final

import msgspec

from custody.masking.detectors.scanner import Scanner

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_MINTED: Final = re.compile(r"(?:loop|ses|tkt)_[a-z2-7]{12,26}")
_IDENTIFYING: Final = frozenset(
    {
        "subject",
        "issuer",
        "groups",
        "actor",
        "reader",
        "login_account",
        "on_behalf_of",
        "client",
        "previous",
        "tls",
    }
)


class FieldMasker:
    """Rebuilds a Struct with its texts masked; whatever types it is made of."""

    __slots__ = ("_credentials", "_everything")

    def __init__(self, everything: Scanner, credentials: Scanner) -> None:
        self._everything: Final = everything
        self._credentials: Final = credentials

    def mask(self, value: Any) -> Any:  # noqa: ANN401 - walks values of any field
        """``value`` itself where nothing in it changes."""
        return self._walk(value, self._everything)

    def _walk(self, value: Any, scanner: Scanner) -> Any:  # noqa: ANN401 - as above
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            return self._text(value, scanner)
        if isinstance(value, tuple):
            return tuple(self._walk(item, scanner) for item in value)
        if isinstance(value, msgspec.Struct):
            return self._struct(value, scanner)
        return value

    def _struct(self, value: msgspec.Struct, scanner: Scanner) -> msgspec.Struct:
        changed = {}
        for name in value.__struct_fields__:
            old = getattr(value, name)
            new = self._walk(old, self._credentials if name in _IDENTIFYING else scanner)
            if new is not old and new != old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value

    @staticmethod
    def _text(text: str, scanner: Scanner) -> str:
        if not text or scanner.is_clean(text):
            return text
        if _HASH.fullmatch(text) or _MINTED.fullmatch(text):
            return text
        return scanner.scan((text,))[0]
