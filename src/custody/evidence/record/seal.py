"""Sealing: one key for one payload, made from the session's key and the frame's random bytes.

Law: a derived key seals exactly once, because its 32 random bytes are drawn afresh for each frame;
so the nonce is zero, and an index that is used again after a torn tail or a restored snapshot
never meets an old key. What commits to a plaintext is keyed: ``pc`` says nothing without the salt.
"""

import hmac
import zlib
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custody.evidence.record.frame import PAYLOAD_MAX
from custody.model.errors import CustodyError

KEY_SIZE: Final = 32
COMPRESS_FROM: Final = 4096
"""Shorter payloads are stored as they are: compressing them costs more than it saves."""

_INFO: Final = b"custody/record/v1"
_NONCE: Final = bytes(12)
_PLAIN: Final = b"\x00"
_ZLIB: Final = b"\x01"
_BOUND: Final = b"\x02"
"""Before ``random`` and the sealed bytes, where they are hashed together."""


_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_REST: Final = bytes(32)
"""RFC 2104 fills a key up to SHA-256's block of 64 bytes."""


class SealError(CustodyError):
    """A sealed payload that cannot be opened, or does not hold what its leaf commits to."""


Sealed = tuple[bytes, str, str]
"""The sealed bytes; then, hexadecimal, ``pc``: HMAC-SHA256 of the uncompressed payload under the
record's salt, and ``ct`` (``sealed_hash``). A plain tuple: one is made for each record.
"""


class RecordKey(NamedTuple):
    """What opens one record and nothing else: disclosing these two discloses that record."""

    key: bytes
    salt: bytes

    def __repr__(self) -> str:
        return "RecordKey(…)"


def keyed(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) under a key of exactly 32 bytes.

    Four of these are made for each record, and ``hmac.digest`` takes twice as long: it looks up
    its algorithm anew each time.
    """
    block = key + _REST
    inner = sha256(block.translate(_INNER) + message).digest()
    return sha256(block.translate(_OUTER) + inner).digest()


def place(origin: bytes, index: int) -> bytes:
    """The additional data: the log's origin and the index, 8 bytes big-endian."""
    return origin + index.to_bytes(8, "big")


def derive(session_key: bytes, random: bytes, where: bytes) -> RecordKey:
    """HKDF-SHA256 (RFC 5869) of 64 bytes: extract with the frame's random bytes as the salt, expand
    with ``custody/record/v1`` and the record's place.
    """
    return RecordKey(*_derive(session_key, random, where))


def seal(session_key: bytes, random: bytes, where: bytes, payload: bytes) -> Sealed:
    """Seal a payload of at most ``PAYLOAD_MAX`` bytes under the key derived for its record."""
    key, salt = _derive(session_key, random, where)
    if len(payload) < COMPRESS_FROM:
        content = _PLAIN + payload
    else:
        packed = zlib.compress(payload, 1)
        content = _ZLIB + packed if len(packed) < len(payload) else _PLAIN + payload
    sealed = AESGCM(key).encrypt(_NONCE, content, where)
    return sealed, keyed(salt, payload).hex(), sha256(_BOUND + random + sealed).hexdigest()


def sealed_hash(version: int, random: bytes, sealed: bytes) -> str:
    """``ct`` of a leaf of this format. In format 1 it binds the sealed bytes alone: contents could
    be made unreadable, by another ``random``, without a trace.
    """
    return sha256(sealed if version == 1 else _BOUND + random + sealed).hexdigest()


def _derive(session_key: bytes, random: bytes, where: bytes) -> tuple[bytes, bytes]:
    """Key and salt, without a name for the pair: naming it costs as much as a hash."""
    block = keyed(random, session_key) + _REST
    # Two HMACs under one key, as ``keyed`` makes them; its pads are made once.
    inner, outer = block.translate(_INNER), block.translate(_OUTER)
    info = _INFO + where
    key = sha256(outer + sha256(inner + info + b"\x01").digest()).digest()
    return key, sha256(outer + sha256(inner + key + info + b"\x02").digest()).digest()


def unseal(record_key: RecordKey, where: bytes, sealed: bytes, pc: str) -> bytes:
    """The uncompressed payload, checked against its leaf's ``pc``. Raises ``SealError``."""
    key, salt = record_key
    try:
        content = AESGCM(key).decrypt(_NONCE, sealed, where)
    except InvalidTag:
        raise SealError("evidence.sealed", "The sealed payload does not open.") from None
    payload = _expand(content)
    if not hmac.compare_digest(keyed(salt, payload).hex(), pc):
        raise SealError("evidence.commitment", "The payload is not what its leaf commits to.")
    return payload


def _expand(content: bytes) -> bytes:
    match content[:1]:
        case b"\x00" if len(content) <= PAYLOAD_MAX + 1:
            return content[1:]
        case b"\x01":
            inflate = zlib.decompressobj()
            try:
                payload = inflate.decompress(content[1:], PAYLOAD_MAX)
            except zlib.error:
                raise SealError("evidence.payload", "The payload does not decompress.") from None
            if inflate.eof and not inflate.unused_data:
                return payload
    raise SealError("evidence.payload", "The payload is not in a known form, or too long.")
