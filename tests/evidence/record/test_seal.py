"""Sealing: opens with its own key at its own place, and with nothing else."""

import hmac
import zlib
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from custody.evidence.record.frame import PAYLOAD_MAX
from custody.evidence.record.seal import (
    RecordKey,
    SealError,
    derive,
    keyed,
    place,
    seal,
    sealed_hash,
    unseal,
)

KEY, RANDOM = b"S" * 32, bytes(range(32))
WHERE = place(b"gw1.example.com/2026", 7)


@given(st.binary(max_size=9000))
def test_what_is_sealed_opens(payload: bytes) -> None:
    sealed, pc, ct = seal(KEY, RANDOM, WHERE, payload)
    assert unseal(derive(KEY, RANDOM, WHERE), WHERE, sealed, pc) == payload
    assert ct == sha256(b"\x02" + RANDOM + sealed).hexdigest() == sealed_hash(2, RANDOM, sealed)
    assert sealed_hash(1, RANDOM, sealed) == sha256(sealed).hexdigest()


def test_large_payloads_are_compressed() -> None:
    sealed, _, _ = seal(KEY, RANDOM, WHERE, b"row," * 10_000)
    assert len(sealed) < 1000


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_the_quick_hmac_is_hmac(key: bytes, message: bytes) -> None:
    assert keyed(key, message) == hmac.digest(key, message, "sha256")


def test_the_derivation_is_the_documented_one() -> None:
    info = b"custody/record/v1" + b"gw1.example.com/2026" + (7).to_bytes(8, "big")
    expected = HKDF(hashes.SHA256(), 64, RANDOM, info).derive(KEY)
    assert derive(KEY, RANDOM, WHERE) == (expected[:32], expected[32:])
    sealed, pc, _ = seal(KEY, RANDOM, WHERE, b"payload")
    opened = AESGCM(expected[:32]).decrypt(
        bytes(12), sealed, b"gw1.example.com/2026" + (7).to_bytes(8, "big")
    )
    assert opened == b"\x00payload"
    assert pc == hmac.digest(expected[32:], b"payload", "sha256").hex()


WRONG = [
    (derive(b"T" * 32, RANDOM, WHERE), WHERE),
    (derive(KEY, bytes(32), WHERE), WHERE),
    (derive(KEY, RANDOM, place(b"gw1.example.com/2026", 8)), WHERE),
    (derive(KEY, RANDOM, WHERE), place(b"gw1.example.com/2027", 7)),
]


@pytest.mark.parametrize(("key", "where"), WRONG)
def test_another_key_or_place_opens_nothing(key: RecordKey, where: bytes) -> None:
    sealed, pc, _ = seal(KEY, RANDOM, WHERE, b"payload")
    with pytest.raises(SealError):
        unseal(key, where, sealed, pc)


@given(st.binary(max_size=100))
def test_garbage_opens_nothing(data: bytes) -> None:
    with pytest.raises(SealError):
        unseal(derive(KEY, RANDOM, WHERE), WHERE, data, "0" * 64)


CONTENTS = [
    ("empty", b""),
    ("unknown form", b"\x02payload"),
    ("no zlib", b"\x01payload"),
    ("cut short", b"\x01" + zlib.compress(b"payload" * 100)[:-5]),
    ("followed by more", b"\x01" + zlib.compress(b"payload") + b"x"),
    ("a bomb", b"\x01" + zlib.compress(bytes(PAYLOAD_MAX + 1))),
    ("uncommitted", b"\x00another payload"),
]


@pytest.mark.parametrize("content", [row[1] for row in CONTENTS], ids=[row[0] for row in CONTENTS])
def test_sealed_nonsense_is_refused(content: bytes) -> None:
    record_key = derive(KEY, RANDOM, WHERE)
    sealed = AESGCM(record_key.key).encrypt(bytes(12), content, WHERE)
    with pytest.raises(SealError):
        unseal(record_key, WHERE, sealed, keyed(record_key.salt, b"payload").hex())


def test_a_key_does_not_show_itself() -> None:
    assert repr(derive(KEY, RANDOM, WHERE)) == "RecordKey(…)"
