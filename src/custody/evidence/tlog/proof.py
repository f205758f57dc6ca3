"""C2SP tlog-proof: one record's inclusion, as a text that is checked offline.

Law: ``extra`` is nobody's word: it is carried, never trusted. A proof is read in its canonical
form or refused. Standard library and one Ed25519 provider only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from custody.evidence.tlog.checkpoint import (
    CheckpointError,
    SignedCheckpoint,
    open_checkpoint,
    parse_size,
)
from custody.evidence.tlog.merkle import HASH_BYTES, check_inclusion
from custody.evidence.tlog.note import (
    MAX_NOTE_BYTES,
    NoteError,
    VerifierKey,
    decode_base64,
    encode_base64,
)
from custody.model.errors import CustodyError

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63
MAX_PROOF_BYTES: Final = 2 * MAX_NOTE_BYTES
# One hash in base64 is 44 characters; the whole is judged by decode_base64.
_LINE: Final = re.compile(r"[A-Za-z0-9+/=]{44}")


class ProofError(CustodyError):
    """Not a tlog-proof in canonical form."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """``checkpoint`` is the signed note as it was served; ``extra`` is ``None`` where absent."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        lines = [FIRST_LINE]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [encode_base64(each) for each in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def parse_proof(data: bytes) -> TlogProof:
    """A proof from its text; ``ProofError`` for anything malformed. Checks nothing."""
    if len(data) > MAX_PROOF_BYTES:
        raise ProofError("proof.size", f"A proof of {len(data)} bytes is over {MAX_PROOF_BYTES}.")
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank:
        raise ProofError("proof.blank-line", "The proof has no blank line before its checkpoint.")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ProofError("proof.ascii", "The proof's own lines are not ASCII.") from None
    if lines.pop(0) != FIRST_LINE:
        raise ProofError("proof.first-line", f"A proof begins with the line {FIRST_LINE}.")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decode(lines.pop(0).removeprefix("extra "), "proof.extra")
    if not lines or not lines[0].startswith("index "):
        raise ProofError("proof.index", "The proof has no index line where one is due.")
    try:
        index = parse_size(lines.pop(0).removeprefix("index "))
    except CheckpointError:
        raise ProofError("proof.index", "The index is not a plain decimal below 2^63.") from None
    if len(lines) > MAX_HASHES:
        raise ProofError("proof.hashes", f"A proof has at most {MAX_HASHES} hashes.")
    return TlogProof(index, tuple(_parse_hash(line) for line in lines), checkpoint, extra)


def check_proof(proof: TlogProof, leaf: bytes, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """The checkpoint under which ``leaf`` (a leaf hash) is record ``proof.index``.

    Raises ``NoteError``, ``CheckpointError`` or ``MerkleError``. Cosignatures are the caller's:
    a policy says which of them are needed.
    """
    signed = open_checkpoint(proof.checkpoint, keys)
    tree = signed.checkpoint
    check_inclusion(leaf, proof.index, tree.size, tree.root, proof.hashes)
    return signed


def _parse_hash(line: str) -> bytes:
    if not _LINE.fullmatch(line):
        raise ProofError("proof.hashes", "A line of the proof is not a hash in base64.")
    found = _decode(line, "proof.hashes")
    if len(found) != HASH_BYTES:
        raise ProofError("proof.hashes", "A line of the proof is not a hash of 32 bytes.")
    return found


def _decode(text: str, code: str) -> bytes:
    try:
        return decode_base64(text)
    except NoteError as error:
        raise ProofError(code, error.fault) from None
