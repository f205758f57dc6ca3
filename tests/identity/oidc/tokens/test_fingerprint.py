"""A token that was made of another without a key is the same token."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.identity.oidc.issuing import ec_key, ed_key, encode, id_claims, rsa_key, signed

from custody.identity.oidc.tokens.compact import parse_compact
from custody.identity.oidc.tokens.fingerprint import fingerprint
from custody.identity.oidc.tokens.keys import PublicKey, signed_by
from custody.model.secret import Secret

ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        16,
    ),
    "ES512": int(
        "1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC014"
        "8F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
        16,
    ),
}
NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def whole(token: Secret) -> bytes:
    return hashlib.sha256(token.reveal().encode()).digest()


def twin(token: Secret, order: int) -> Secret:
    """The other signature that is as good: (r, n - s)."""
    said, _, end = token.reveal().rpartition(".")
    raw = base64.urlsafe_b64decode(end + "=" * (-len(end) % 4))
    half = len(raw) // 2
    other = order - int.from_bytes(raw[half:], "big")
    return Secret(f"{said}.{encode(raw[:half] + other.to_bytes(half, 'big'))}")


@pytest.mark.parametrize("algorithm", ORDERS)
def test_the_twin_of_an_ecdsa_signature_is_good_and_is_the_same_token(algorithm: str) -> None:
    key = ec_key(f"twin {algorithm}", NAMES[algorithm])
    token = signed(id_claims(), key, alg=algorithm)
    other = twin(token, ORDERS[algorithm])
    assert other.reveal() != token.reveal()
    public = PublicKey(key.kid, "EC", NAMES[algorithm], algorithm, key)
    assert all(signed_by(parse_compact(each, [algorithm]), public) for each in (token, other))
    assert fingerprint(other) == fingerprint(token)
    assert fingerprint(token) in {whole(token), whole(other)}


def test_other_tokens_are_other_tokens() -> None:
    kinds = ((rsa_key(), "RS256"), (ec_key(), "ES256"), (ed_key(), "EdDSA"))
    tokens = {
        (name, algorithm): signed(id_claims(sub=name), key, alg=algorithm)
        for name in ("ada", "bea")
        for key, algorithm in kinds
    }
    assert len({fingerprint(each) for each in tokens.values()}) == len(tokens)
    for (_, algorithm), token in tokens.items():
        assert algorithm == "ES256" or fingerprint(token) == whole(token)


@given(st.text(max_size=200))
def test_what_is_no_token_has_one_too(text: str) -> None:
    token = Secret(text)
    assert fingerprint(token) == hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"\1" * 63])
def test_a_signature_without_a_twin_stays_as_it_is(signature: bytes) -> None:
    said, _, _ = signed(id_claims(), ec_key(), alg="ES256").reveal().rpartition(".")
    token = Secret(f"{said}.{encode(signature)}")
    assert fingerprint(token) == whole(token)
