"""C2SP tlog-cosignature: a witness's word that it saw a checkpoint, and when.

Law: a cosignature counts only from a key that the verifier's operator named; its time is the
witness's claim and is never taken for the log's. Standard library and one provider of Ed25519 and,
where it has it, ML-DSA-44 only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from cryptography.exceptions import InvalidSignature

from custody.evidence.tlog.checkpoint import CheckpointError, parse_body
from custody.evidence.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    Note,
    NoteError,
    Sign,
    Signature,
    VerifierKey,
    verifies,
)


def _fips_204() -> ModuleType | None:
    """The provider's module, which it has since its version 47."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415 - may be absent
    except ImportError:
        return None
    return mldsa


_mldsa = _fips_204()
_TIME_BYTES = 8
_MAX_TIME = 2**63 - 1
_SUBTREE = b"subtree/v1\n\0"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A checked cosignature. ``time`` is in seconds since the epoch, by the witness's clock."""

    key: VerifierKey
    time: int


def cosigned_message(text: str, time: int) -> bytes:
    """What an Ed25519 cosigner signs; ``text`` is the checkpoint's body."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def subtree_message(text: str, cosigner: str, time: int) -> bytes:
    """What an ML-DSA-44 cosigner signs of a checkpoint: a subtree that begins at 0. Raises
    ``NoteError`` for a text that is no checkpoint.
    """
    try:
        checkpoint = parse_body(text)
    except CheckpointError as error:
        raise NoteError("note.not-a-checkpoint", error.fault) from None
    name, origin = cosigner.encode(), checkpoint.origin.encode()
    if max(len(name), len(origin)) > 255:
        raise NoteError("note.key-name", "A name is too long for a cosignature.")
    parts = (
        _SUBTREE,
        bytes([len(name)]),
        name,
        time.to_bytes(8, "big"),
        bytes([len(origin)]),
        origin,
        (0).to_bytes(8, "big"),
        checkpoint.size.to_bytes(8, "big"),
        checkpoint.root,
    )
    return b"".join(parts)


def checks(algorithm: int) -> bool:
    """Whether cosignatures of this type can be checked here."""
    return algorithm == COSIGNATURE_ED25519 or (
        algorithm == COSIGNATURE_ML_DSA_44 and _mldsa is not None
    )


def cosign(text: str, key: VerifierKey, time: int, sign: Sign) -> Signature:
    """A cosignature line. The key is of type 0x04 and is shared with no other cosigner."""
    if key.algorithm != COSIGNATURE_ED25519:
        raise NoteError("note.key-type", "Only keys of type 0x04 cosign.")
    if not 0 <= time <= _MAX_TIME:
        raise NoteError("note.cosignature-time", "The cosignature's time is out of range.")
    stamp = time.to_bytes(_TIME_BYTES, "big")
    return Signature(key.name, key.id, stamp + sign(cosigned_message(text, time)))


def cosigned_by(note: Note, keys: Sequence[VerifierKey]) -> tuple[Cosignature, ...]:
    """The known witnesses that cosigned, each once; none is not an error here.

    Raises ``NoteError`` (``note.forged``) where a known key's cosignature is bad. Keys of types
    that cannot be checked here (``checks``) never count as having cosigned.
    """
    known = {(key.name, key.id): key for key in keys if checks(key.algorithm)}
    found: dict[VerifierKey, Cosignature] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None or key in found:
            continue
        time = int.from_bytes(line.value[:_TIME_BYTES], "big")
        if time > _MAX_TIME or not _fits(key, note.text, time, line.value[_TIME_BYTES:]):
            raise NoteError("note.forged", f"The cosignature of {key.name} does not fit the text.")
        found[key] = Cosignature(key, time)
    return tuple(found.values())


def _fits(key: VerifierKey, text: str, time: int, signature: bytes) -> bool:
    if key.algorithm == COSIGNATURE_ED25519:
        return verifies(key.public, signature, cosigned_message(text, time))
    if _mldsa is None:
        return False
    try:
        public = _mldsa.MLDSA44PublicKey.from_public_bytes(key.public)
        public.verify(signature, subtree_message(text, key.name, time))
    except (InvalidSignature, ValueError):
        return False
    return True
