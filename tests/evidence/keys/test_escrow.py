"""A day key is sealed by RFC 9180 and nothing else, and opens for its recipient alone."""

import hashlib
import hmac
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custody.evidence.disk.escrow_file import escrow_header, escrow_line, parse_escrow
from custody.evidence.keys.escrow import (
    EscrowKey,
    create_escrow_key,
    is_escrow_key,
    load_escrow_key,
    seal_day_key,
)
from custody.evidence.keys.escrow_recipient import public_key_bytes, public_key_text
from custody.model.errors import CustodyError

ORIGIN = "gw1.example.com/2026"
DAY = "2026-03-01"
SECRET = bytes(range(32))
INFO = b"custody/escrow/v1" + ORIGIN.encode() + DAY.encode()
AES_128_GCM, AES_256_GCM = (1, 16), (2, 32)
"""An AEAD's number in RFC 9180 §7.3, and its key's length."""


def _extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    block, out, number = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out, number = out + block, number + 1
    return out[:length]


def opened(
    private: bytes, sealed: bytes, info: bytes, aead: tuple[int, int], aad: bytes = b""
) -> bytes:
    """RFC 9180 §4 to §6, single-shot in base mode, written anew from the text."""
    identifier, key_length = aead
    suite = b"KEM" + (0x20).to_bytes(2, "big")
    key = X25519PrivateKey.from_private_bytes(private)
    own = key.public_key().public_bytes_raw()
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    shared = key.exchange(X25519PublicKey.from_public_bytes(encapsulated))

    def label(suite: bytes, name: bytes, ikm: bytes) -> bytes:
        return b"HPKE-v1" + suite + name + ikm

    def expand(suite: bytes, secret: bytes, name: bytes, info: bytes, length: int) -> bytes:
        return _expand(secret, length.to_bytes(2, "big") + label(suite, name, info), length)

    prk = _extract(b"", label(suite, b"eae_prk", shared))
    secret = expand(suite, prk, b"shared_secret", encapsulated + own, 32)
    suite = b"HPKE" + b"".join(each.to_bytes(2, "big") for each in (0x20, 1, identifier))
    context = b"\x00" + _extract(b"", label(suite, b"psk_id_hash", b""))
    context += _extract(b"", label(suite, b"info_hash", info))
    schedule = _extract(secret, label(suite, b"secret", b""))
    content_key = expand(suite, schedule, b"key", context, key_length)
    nonce = expand(suite, schedule, b"base_nonce", context, 12)
    return AESGCM(content_key).decrypt(nonce, ciphertext, aad)


def test_the_second_implementation_opens_the_vector_of_rfc_9180() -> None:
    """Appendix A.1.1, sequence number 0."""
    sealed = bytes.fromhex(
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
        "6d8770ac83d07bea87e13c512a"
    )
    private = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    found = opened(private, sealed, info, AES_128_GCM, b"Count-0")
    assert found == b"Beauty is truth, truth beauty"


def key_of(private: bytes) -> EscrowKey:
    return EscrowKey(private)


def test_what_is_sealed_opens_with_the_second_implementation() -> None:
    private = os.urandom(32)
    sealed = seal_day_key(key_of(private).public, ORIGIN, DAY, SECRET)
    assert opened(private, sealed, INFO, AES_256_GCM) == SECRET


def escrow(public: str, day: str = DAY, origin: str = ORIGIN, named: str = DAY) -> bytes:
    sealed = seal_day_key(public, origin, day, SECRET)
    return escrow_header(named) + escrow_line(named, "dpo", public, sealed, lasting=False)


def test_it_opens_for_its_recipient_its_log_and_its_day_alone() -> None:
    mine, other = key_of(b"\x01" * 32), key_of(b"\x02" * 32)
    right = parse_escrow(escrow(mine.public), DAY)
    assert mine.open_day_key(ORIGIN, right) == SECRET
    assert other.open_day_key(ORIGIN, right) is None
    for wrong in (
        escrow(mine.public, day="2026-03-02"),
        escrow(mine.public, origin="gw2.example.com/2026"),
        escrow(other.public).replace(other.public.encode(), mine.public.encode()),
    ):
        lines = parse_escrow(wrong, DAY)
        if lines.lines:
            with pytest.raises(CustodyError, match="does not open"):
                mine.open_day_key(ORIGIN, lines)


def test_a_line_that_does_not_open_does_not_hide_one_that_does() -> None:
    mine = key_of(b"\x01" * 32)
    spoilt = escrow_line(DAY, "dpo", mine.public, bytes(80), lasting=False)
    right = escrow(mine.public).partition(b"\n")[2]
    both = parse_escrow(escrow_header(DAY) + spoilt + right, DAY)
    assert mine.open_day_key(ORIGIN, both) == SECRET


def test_a_mistyped_public_key_is_none() -> None:
    text = public_key_text(b"\x07" * 32)
    assert public_key_bytes(text) == b"\x07" * 32
    for at in range(len(text)):
        for new in "AB0 ":
            changed = text[:at] + new + text[at + 1 :]
            if changed != text:
                assert public_key_bytes(changed) is None, changed
    assert public_key_bytes(text + "\n") is None


def test_a_key_to_which_everybody_agrees_is_refused() -> None:
    with pytest.raises(CustodyError) as caught:
        seal_day_key(public_key_text(bytes(32)), ORIGIN, DAY, SECRET)
    assert caught.value.code == "escrow.key"


def test_a_private_key_is_for_its_owner_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "dpo.key"
    made = create_escrow_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_escrow_key(path).public == made.public
    assert is_escrow_key(path)
    before = path.read_bytes()
    for place in (path, tmp_path / "missing" / "key"):
        with pytest.raises(CustodyError) as caught:
            create_escrow_key(place)
        assert caught.value.code == "escrow.key-file"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CustodyError):
        create_escrow_key(link)
    assert path.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "text", ["", "custody-escrow-key/1", "custody-escrow-key/1 AAAA", "other/1 " + "A" * 43 + "="]
)
def test_what_is_no_private_key_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(CustodyError) as caught:
        load_escrow_key(path)
    assert str(path) in caught.value.fault
    assert "AAAA" not in str(caught.value)


def test_hashes_are_of_lines_as_they_were_written() -> None:
    line = escrow_line(DAY, "dpo", public_key_text(b"\x07" * 32), b"\x01" * 80, lasting=True)
    (found,) = parse_escrow(escrow_header(DAY) + line, DAY).lines
    assert found.hash == hashlib.sha256(line).hexdigest()
    assert (found.recipient, found.lasting, found.sealed) == ("dpo", True, b"\x01" * 80)
