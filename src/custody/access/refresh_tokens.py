"""Refresh tokens at rest: sealed under a key that lies among the gateway's keys.

Law: AES-256-GCM (NIST SP 800-38D) with a fresh nonce, bound to the login that it belongs to. Who
has the state database without the keys directory has nothing; who loses the key loses the logins'
rechecks, and these logins end.
"""

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custody.model.errors import CustodyError
from custody.model.secret import Secret
from custody.model.words import LoginId

FILE: Final = "login.key"
_HEAD: Final = "custody-login-key/1"
_KEY: Final = 32
_NONCE: Final = 12


class RefreshTokenSealer:
    def __init__(self, key: bytes, entropy: Callable[[int], bytes]) -> None:
        self._cipher: Final = AESGCM(key)
        self._entropy: Final = entropy

    def seal(self, login: LoginId, secret: Secret) -> bytes:
        nonce = self._entropy(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.reveal().encode(), login.encode())

    def open(self, login: LoginId, sealed: bytes) -> Secret:
        """Raises ``login.seal`` where it is not this login's, or another key's."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], login.encode())
        except (InvalidTag, ValueError):
            raise CustodyError(
                "login.seal",
                "A login's refresh token cannot be opened with this gateway's key.",
                f"Restore {FILE} in the keys directory, or let people log in again.",
            ) from None
        return Secret(text.decode())


def load_refresh_token_sealer(
    keys: Path, entropy: Callable[[int], bytes] = os.urandom
) -> RefreshTokenSealer:
    """The key in this directory; made where there is none. Blocks. Raises ``login.key``."""
    path = keys / FILE
    try:
        if not path.exists():
            _make(path, entropy(_KEY))
        words = path.read_text("ascii").split()
        key = base64.b64decode(words[1], validate=True) if len(words) == 2 else b""
    except (OSError, ValueError, binascii.Error) as error:
        raise CustodyError(
            "login.key",
            f"The key file {path} cannot be used ({type(error).__name__}).",
            "Restore it, or remove it: logins with a refresh token then end.",
        ) from None
    if len(key) != _KEY or words[0] != _HEAD:
        raise CustodyError("login.key", f"{path} is no key file.", "Restore it, or remove it.")
    return RefreshTokenSealer(key, entropy)


def _make(path: Path, key: bytes) -> None:
    """Whole or not at all: a power cut must not leave half a key under its name."""
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{_HEAD} {base64.b64encode(key).decode()}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    half.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
