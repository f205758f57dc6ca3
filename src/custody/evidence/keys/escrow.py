"""Sealing a day key for a recipient, and opening it with the recipient's private key.

Law: HPKE in base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, with
``info`` naming the log and the day. A gateway seals and can never open what it sealed.
"""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from custody.evidence.disk.escrow_file import EscrowDay
from custody.evidence.keys.escrow_recipient import public_key_bytes, public_key_text
from custody.evidence.record.seal import KEY_SIZE
from custody.evidence.tlog.note import NoteError, decode_base64, encode_base64
from custody.model.errors import CustodyError

KEY_FILE_VERSION: Final = "custody-escrow-key/1"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY_FILE_BYTES: Final = 4096


def seal_day_key(public: str, origin: str, day: str, secret: bytes) -> bytes:
    """The encapsulated key and the sealed day key. Raises ``escrow.key``."""
    return seal_for(public, _info(origin, day), secret)


def seal_for(public: str, info: bytes, secret: bytes) -> bytes:
    """The encapsulated key and what was sealed. ``info`` says what it is, and is needed to open it.
    Raises ``escrow.key``.
    """
    key = public_key_bytes(public)
    try:
        if key is not None:
            loaded = X25519PublicKey.from_public_bytes(key)
            return _SUITE.encrypt(secret, loaded, info)
    except ValueError:  # a point to which every private key agrees the same
        pass
    raise CustodyError(
        "escrow.key",
        f"{public} is no X25519 key that can be sealed for.",
        "Make one with `custody escrow keygen`.",
    )


class EscrowKey:
    """A recipient's private key."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public = public_key_text(self._private.public_key().public_bytes_raw())
        """As ``[[escrow]]`` and escrow lines have it."""

    def open(self, info: bytes, sealed: bytes) -> bytes | None:
        """What ``seal_for`` sealed for this key; ``None`` where it was altered, or is no such."""
        try:
            return _SUITE.decrypt(sealed, self._private, info)
        except (InvalidTag, ValueError):
            return None

    def open_day_key(self, origin: str, escrow: EscrowDay) -> bytes | None:
        """The day key; ``None`` where no line of that day is for this key.

        Raises ``escrow.opens-not`` where one is, and does not open.
        """
        mine = [line for line in escrow.lines if line.key == self.public and line.sealed]
        for line in mine:
            secret = self.open(_info(origin, escrow.day), line.sealed)
            if secret is not None and len(secret) == KEY_SIZE:
                return secret
        if not mine:
            return None
        raise CustodyError(
            "escrow.opens-not",
            f"The escrow line of {escrow.day} that is for this key does not open.",
            "`custody verify` says whether it was altered; if not, it was never right.",
        )


def create_escrow_key(path: Path) -> EscrowKey:
    """A new private key in a new file that only its owner may read. Raises ``escrow.key-file``."""
    private = X25519PrivateKey.generate().private_bytes_raw()
    line = f"{KEY_FILE_VERSION} {encode_base64(private)}\n".encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CustodyError(
            "escrow.key-file",
            f"The key file {path} cannot be written: {error.strerror}.",
            "Name a new file in a directory of your own; no key is ever overwritten.",
        ) from None
    return EscrowKey(private)


def load_escrow_key(path: Path) -> EscrowKey:
    """Raises ``escrow.key-file``, which names the file and never its content."""
    try:
        with path.open("rb") as file:
            words = file.read(_KEY_FILE_BYTES).decode("ascii", "replace").split()
    except OSError as error:
        raise CustodyError(
            "escrow.key-file",
            f"The key file {path} cannot be read: {error.strerror}.",
            "Name the file that `custody escrow keygen` wrote.",
        ) from None
    try:
        private = decode_base64(words[1]) if words[:1] == [KEY_FILE_VERSION] else b""
    except (NoteError, IndexError):
        private = b""
    if len(words) != 2 or len(private) != KEY_SIZE:
        raise CustodyError(
            "escrow.key-file",
            f"{path} is no private key of an escrow recipient.",
            "Name the file that `custody escrow keygen` wrote, or restore it from its backup.",
        )
    return EscrowKey(private)


def is_escrow_key(path: Path) -> bool:
    """Whether a file holds a recipient's private key; false where it cannot be read."""
    start = f"{KEY_FILE_VERSION} ".encode()
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False


def _info(origin: str, day: str) -> bytes:
    return b"custody/escrow/v1" + origin.encode() + day.encode()
