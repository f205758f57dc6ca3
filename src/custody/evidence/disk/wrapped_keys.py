"""The file ``wrapped/<day>``: a day's keys, each sealed under the key above it.

Law: the day key stands here sealed by the key-encryption key, the keys of the day's sessions sealed
by the day key; nothing here opens anything without the keys directory. Lines are only ever added,
and are synced before the first record that needs them.
"""

import hmac
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custody.evidence.record.seal import KEY_SIZE, SealError

VERSION: Final = "custody-wrapped/1"
LOG_SCOPE: Final = "log"
"""The scope of records that belong to neither a session nor a loop."""
_NONCE_SIZE: Final = 12


class WrappedDay(NamedTuple):
    """What the file says. ``damaged`` counts lines that cannot be read; a torn last line after a
    crash is one, and harmless.
    """

    day_key: bytes
    """Sealed by the key-encryption key; empty where its line is missing or damaged."""
    keys: Mapping[str, bytes]
    """By scope: a session, else a loop, else ``log``."""
    damaged: int
    day_hash: str
    """What a leaf commits to: ``line_hash`` of the day's line; empty where there is none."""
    hashes: Mapping[str, str]
    """The same of the scopes' lines."""


def line_hash(line: bytes) -> str:
    """SHA-256, hexadecimal, of a line with its newline."""
    return sha256(line).hexdigest()


def scope_of(loop: str | None, session: str | None) -> str:
    """Whose key seals a record."""
    return session or loop or LOG_SCOPE


def wrap(key: AESGCM, what: str, secret: bytes, random: Callable[[int], bytes]) -> bytes:
    """Seal a key: 12 random bytes of nonce, then AES-256-GCM's output; ``what`` is its AAD."""
    nonce = random(_NONCE_SIZE)
    return nonce + key.encrypt(nonce, secret, what.encode())


def unwrap(key: AESGCM, what: str, wrapped: bytes) -> bytes:
    """The key again. Raises ``SealError``."""
    try:
        secret = key.decrypt(wrapped[:_NONCE_SIZE], wrapped[_NONCE_SIZE:], what.encode())
    except (InvalidTag, ValueError):
        raise SealError("evidence.wrapped-key", "A wrapped key does not open.") from None
    if len(secret) != KEY_SIZE:
        raise SealError("evidence.wrapped-key", "A wrapped key has the wrong length.")
    return secret


def day_name(day: str) -> str:
    """What a wrapped day key is bound to."""
    return f"custody/day/v1/{day}"


class DayKey:
    """An open day key: opens and seals the keys of its day's sessions."""

    __slots__ = ("_aead", "_secret", "day")

    def __init__(self, day: str, secret: bytes) -> None:
        self.day = day
        self._secret = secret
        self._aead = AESGCM(secret)

    def wrap(self, scope: str, secret: bytes, random: Callable[[int], bytes]) -> bytes:
        return wrap(self._aead, f"custody/session/v1/{self.day}/{scope}", secret, random)

    def unwrap(self, scope: str, wrapped: bytes) -> bytes:
        return unwrap(self._aead, f"custody/session/v1/{self.day}/{scope}", wrapped)

    def content_key(self) -> bytes:
        """For digests over content that is not masked; it dies with the day."""
        return hmac.digest(self._secret, b"custody/content/v1", "sha256")


def day_line(wrapped: bytes) -> bytes:
    return checked_line(f"day {b64encode(wrapped).decode()}")


def key_line(scope: str, wrapped: bytes) -> bytes:
    return checked_line(f"key {scope} {b64encode(wrapped).decode()}")


def header(day: str) -> bytes:
    """The file's first line."""
    return f"{VERSION} {day}\n".encode()


def first_lines(day: str, wrapped_day_key: bytes) -> bytes:
    """A new file's content."""
    return header(day) + day_line(wrapped_day_key)


def parse(data: bytes, day: str) -> WrappedDay:
    """Read the file; total. A scope's first line counts."""
    head, *lines = data.split(b"\n")
    damaged = 0 if head == f"{VERSION} {day}".encode() else 1
    day_key, day_hash = b"", ""
    keys: dict[str, bytes] = {}
    hashes: dict[str, str] = {}
    for line in lines:
        match checked_words(line):
            case []:
                damaged += 1 if line else 0
            case ["day", encoded] if (wrapped := decode_base64(encoded)) and not day_key:
                day_key, day_hash = wrapped, line_hash(line + b"\n")
            case ["key", scope, encoded] if wrapped := decode_base64(encoded):
                if keys.setdefault(scope, wrapped) is wrapped:
                    hashes[scope] = line_hash(line + b"\n")
            case _:
                damaged += 1
    return WrappedDay(day_key, keys, damaged, day_hash, hashes)


def whole_lines(data: bytes, day: str) -> bytes:
    """The file without padding, and without the lines that a crash left unreadable."""
    lines = [line + b"\n" for line in data.split(b"\n") if checked_words(line)]
    return header(day) + b"".join(lines)


def checked_line(text: str) -> bytes:
    """The line with its CRC-32, as files of keys have it."""
    line = text.encode()
    return b"%s %08x\n" % (line, zlib.crc32(line))


def checked_words(line: bytes) -> list[str]:
    """A line's words without its CRC-32; none where that is another."""
    text, _, check = line.rpartition(b" ")
    if not text or check != b"%08x" % zlib.crc32(text):
        return []
    return text.decode("ascii", "replace").split(" ")


def decode_base64(encoded: str) -> bytes:
    """Empty for what is no base64."""
    try:
        return b64decode(encoded, validate=True)
    except (Base64Error, ValueError):
        return b""
