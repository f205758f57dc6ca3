"""C2SP tlog-checkpoint: a log's size and root, signed.

Law: exactly three lines, never an extension line (implementations disagree on what a cosignature
of one covers), and the key that signs is named as the origin. Standard library only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from custody.evidence.tlog.merkle import HASH_BYTES, MAX_SIZE
from custody.evidence.tlog.note import (
    Note,
    NoteError,
    Sign,
    VerifierKey,
    decode_base64,
    encode_base64,
    parse_note,
    sign_note,
    verified_by,
)
from custody.model.errors import CustodyError


class CheckpointError(CustodyError):
    """A note's text that is not a checkpoint in canonical form, or not this log's."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The three lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose signature was checked. ``note`` keeps every line, witnesses' too."""

    checkpoint: Checkpoint
    note: Note
    signer: VerifierKey


def parse_body(text: str) -> Checkpoint:
    """A checkpoint from a note's text. Proves nothing: ask ``open_checkpoint`` whose it is."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1]:
        raise CheckpointError("checkpoint.lines", "A checkpoint has three lines.")
    if len(lines) > 4:
        raise CheckpointError("checkpoint.extension", "Extension lines are not accepted.")
    origin, size, root, _ = lines
    if not origin:
        raise CheckpointError("checkpoint.origin", "The checkpoint's origin is empty.")
    try:
        decoded = decode_base64(root)
    except NoteError:
        raise CheckpointError("checkpoint.root", "The root is not canonical base64.") from None
    if len(decoded) != HASH_BYTES:
        raise CheckpointError("checkpoint.root", "The root is not 32 bytes long.")
    return Checkpoint(origin, parse_size(size), decoded)


def parse_size(text: str) -> int:
    """An ASCII decimal without leading zeroes, below 2^63."""
    canonical = text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")
    if not canonical or len(text) > 19 or int(text) > MAX_SIZE:
        raise CheckpointError("checkpoint.size", "The size is not a plain decimal below 2^63.")
    return int(text)


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, sign: Sign) -> bytes:
    """The signed note's bytes, as they are served. The key's name must be the origin."""
    if key.name != checkpoint.origin:
        raise CheckpointError("checkpoint.key-name", "The signing key is not named as the origin.")
    return sign_note(checkpoint.body, key, sign).encode()


def open_checkpoint(data: bytes, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """Read and check a checkpoint. One of ``keys``, named as its origin, must have signed.

    Raises ``NoteError`` or ``CheckpointError``.
    """
    note = parse_note(data)
    signers = verified_by(note, keys)
    checkpoint = parse_body(note.text)
    for signer in signers:
        if signer.name == checkpoint.origin:
            return SignedCheckpoint(checkpoint, note, signer)
    raise CheckpointError("checkpoint.origin", "The checkpoint is signed by another log's key.")
