"""``[[escrow]]``: for whom the gateway seals each day's key, beside itself.

Law: only a public key stands here; the private one is never on the gateway's host. A key's text has
a check of its own, since a mistyped one would seal every day for nobody.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Annotated, Final

import msgspec

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey, UnfitValueError, reads

MOST_RECIPIENTS: Final = 16
_KIND: Final = "x25519"
_TEXT: Final = re.compile(r"x25519\+([0-9a-f]{8})\+([A-Za-z0-9+/]{43}=)", re.ASCII)


def public_key_text(public: bytes) -> str:
    """An X25519 public key as ``[[escrow]]`` and escrow lines have it."""
    return f"{_KIND}+{_check(public)}+{b64encode(public).decode()}"


def public_key_bytes(text: str) -> bytes | None:
    """The key again; ``None`` for what is no such text, or one that was mistyped."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    try:
        public = b64decode(match[2], validate=True)
    except (Base64Error, ValueError):
        return None
    return public if _check(public) == match[1] and public_key_text(public) == text else None


def _check(public: bytes) -> str:
    return hashlib.sha256(b"custody/escrow-key/v1" + public).hexdigest()[:8]


@reads("public key")
def _public_key(value: object) -> str:
    if public_key_bytes(found := read.text(value)) is None:
        raise UnfitValueError(
            "It must be a recipient's public key, whole, as `custody escrow keygen` prints it."
        )
    return found


class EscrowRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """``[[escrow]]``."""

    name: Annotated[str, ConfigKey(read.name, "Who holds the private key.")]
    key: Annotated[
        str,
        ConfigKey(_public_key, "The recipient's public key, as `custody escrow keygen` prints it."),
    ]
    outlives_retention: Annotated[
        bool,
        ConfigKey(
            read.flag,
            "Whether the recipient may open contents whose retention is over, and backups: only "
            "such a recipient's lines are in `custody backup`.",
        ),
    ] = False
