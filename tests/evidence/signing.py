"""Keys for tests: one per name, the same in every run."""

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody.evidence.tlog.note import COSIGNATURE_ED25519, VerifierKey, verifier_key


def private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(seed.encode()).digest())


def log_key(name: str) -> VerifierKey:
    return verifier_key(name, private(name).public_key().public_bytes_raw())


def witness_key(name: str) -> VerifierKey:
    public = private(name).public_key().public_bytes_raw()
    return verifier_key(name, public, COSIGNATURE_ED25519)
