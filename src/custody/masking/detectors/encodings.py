"""What stands in a text in hexadecimal or in base64.

Law: a candidate is decoded once and only where it is a whole word; what does not decode to a text
that people could have written is no candidate. Linear in the text.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

_HEXADECIMAL: Final = re.compile(
    rb"\\x(?P<told>(?:[0-9A-Fa-f]{2}){8,})|(?<![0-9A-Za-z])(?:0x)?(?P<word>(?:[0-9A-Fa-f]{2}){11,})"
    rb"(?![0-9A-Za-z])"
)
_BASE64: Final = re.compile(
    rb"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{20,}(?:(?:\r?\n|\\n)[A-Za-z0-9+/_-]{2,})*={0,2}"
    rb"(?![A-Za-z0-9+/_=-])"
)
_WHITE: Final = re.compile(rb"\s|\\n")
_URL: Final = bytes.maketrans(b"-_", b"+/")
_STRANGE: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def decoded(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Where each candidate stands, and what it says."""
    for found in _HEXADECIMAL.finditer(data):
        told = found.group("told")
        inner = bytes.fromhex((told or found.group("word")).decode())
        if told is not None:
            for encoding in ("utf-8", "latin-1"):
                yield (*found.span(), inner.decode(encoding, "replace").replace("\\x", ""))
        elif (text := _text(inner)) is not None:
            yield (*found.span(), text)
    for found in _BASE64.finditer(data):
        written = _WHITE.sub(b"", found.group()).rstrip(b"=").translate(_URL)
        try:
            inner = base64.b64decode(written + b"=" * (-len(written) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if (text := _text(inner)) is not None:
            yield (*found.span(), text)


def _text(inner: bytes) -> str | None:
    """As people write; random bytes are no text."""
    try:
        text = inner.decode()
    except UnicodeDecodeError:
        return None
    return None if _STRANGE.search(text) else text.replace("\\x", "")
