"""C2SP tlog-cosignature: a witness's word that it saw a checkpoint, and when.

Law: a cosignature counts only from a key that the verifier's operator named; its time is the
witness's claim and is never taken for the log's. Standard library and one Ed25519 provider only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from custody.evidence.tlog.note import (
    COSIGNATURE_ED25519,
    Note,
    NoteError,
    Sign,
    Signature,
    VerifierKey,
    verifies,
)

_TIME_BYTES = 8
_MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A checked cosignature. ``time`` is in seconds since the epoch, by the witness's clock."""

    key: VerifierKey
    time: int


def cosigned_message(text: str, time: int) -> bytes:
    """What an Ed25519 cosigner signs; ``text`` is the checkpoint's body."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


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
    that cannot be checked here (ML-DSA-44) never count as having cosigned.
    """
    known = {(key.name, key.id): key for key in keys if key.algorithm == COSIGNATURE_ED25519}
    found: dict[VerifierKey, Cosignature] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None or key in found:
            continue
        time = int.from_bytes(line.value[:_TIME_BYTES], "big")
        message = cosigned_message(note.text, time)
        if time > _MAX_TIME or not verifies(key.public, line.value[_TIME_BYTES:], message):
            raise NoteError("note.forged", f"The cosignature of {key.name} does not fit the text.")
        found[key] = Cosignature(key, time)
    return tuple(found.values())
