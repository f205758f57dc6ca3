"""C2SP signed-note: a text, and who signed it.

Law: a note is read in its one canonical form or refused, and its text means nothing until
``verified_by`` has said whose it is. A known key with a bad signature spoils the whole note;
signatures of unknown keys are ignored. Standard library and one Ed25519 provider only.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from custody.model.errors import CustodyError

ED25519: Final = 0x01
COSIGNATURE_ED25519: Final = 0x04
COSIGNATURE_ML_DSA_44: Final = 0x06

MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100

_KEY_BYTES: Final = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_ML_DSA_44: 1312}
_DASH: Final = "\u2014 "

Sign = Callable[[bytes], bytes]
"""Signs a message with Ed25519; the private key may live in another process."""


class NoteError(CustodyError):
    """Not a note in canonical form, or not signed as it must be."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key, the name that it signs under and what it signs (``algorithm``)."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(named).digest()[:4]

    @property
    def text(self) -> str:
        """``name+hex(id)+base64(type‖key)``."""
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.algorithm]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it claims to be, and the bytes behind the key id."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, its final newline included, and its signature lines, none of them checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        return (self.text + "\n" + "".join(each.line for each in self.signatures)).encode()


def verifier_key(name: str, public: bytes, algorithm: int = ED25519) -> VerifierKey:
    """A key under a name; ``NoteError`` for a name or a length that no note could carry."""
    if not _is_key_name(name):
        raise NoteError("note.key-name", "A key name is empty or holds a space, plus or control.")
    expected = _KEY_BYTES.get(algorithm)
    if expected is None:
        raise NoteError("note.key-type", f"Keys of type 0x{algorithm:02x} are not known here.")
    if len(public) != expected:
        raise NoteError("note.key-length", f"The key has {len(public)} bytes, not {expected}.")
    return VerifierKey(name, algorithm, public)


def parse_verifier_key(text: str) -> VerifierKey:
    """The key of a ``name+id+key`` line, without line end; its id must be the recommended one."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise NoteError("note.key-text", "A verifier key has the form NAME+ID+KEY.")
    name, hexadecimal, encoded = parts
    material = decode_base64(encoded)
    if not material:
        raise NoteError("note.key-text", "The verifier key holds no key.")
    key = verifier_key(name, material[1:], material[0])
    if key.id.hex() != hexadecimal:
        raise NoteError("note.key-id", "The verifier key's id does not belong to its name and key.")
    return key


def parse_note(data: bytes) -> Note:
    """Split a note at its last blank line; ``NoteError`` unless it is in canonical form."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError("note.size", f"A note of {len(data)} bytes is over {MAX_NOTE_BYTES}.")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("note.utf8", "The note is not UTF-8.") from None
    if any(character < " " and character != "\n" for character in whole):
        raise NoteError("note.control", "The note holds a control character.")
    split = whole.rfind("\n\n")
    if split < 0:
        raise NoteError("note.blank-line", "The note has no blank line before its signatures.")
    text, rest = whole[: split + 1], whole[split + 2 :]
    if not rest:
        raise NoteError("note.unsigned", "The note has no signature line.")
    if not rest.endswith("\n"):
        raise NoteError("note.line-end", "The note's last line has no newline.")
    lines = rest[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("note.signatures", f"The note has over {MAX_SIGNATURES} signatures.")
    return Note(text, tuple(_parse_signature(line) for line in lines))


def verified_by(note: Note, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """The known keys that signed the text, in the order of their lines, each once.

    Raises ``NoteError`` (``note.forged``) where a known key's signature is bad, and
    (``note.nobody-known``) where none of ``keys`` signed. Only Ed25519 note keys count here.
    """
    known = {(key.name, key.id): key for key in keys if key.algorithm == ED25519}
    if len(known) != len([key for key in keys if key.algorithm == ED25519]):
        raise NoteError("note.ambiguous-key", "Two keys share both a name and an id.")
    signers: list[VerifierKey] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None or key in signers:
            continue
        if not verifies(key.public, signature.value, note.text.encode()):
            raise NoteError("note.forged", f"The signature of {key.name} does not fit the text.")
        signers.append(key)
    if not signers:
        raise NoteError("note.nobody-known", "No known key signed this note.")
    return tuple(signers)


def sign_note(text: str, key: VerifierKey, sign: Sign) -> Note:
    """A note with one signature. ``text`` must end in a newline."""
    if not text.endswith("\n"):
        raise NoteError("note.line-end", "A note's text ends in a newline.")
    return Note(text, (Signature(key.name, key.id, sign(text.encode())),))


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Ed25519 (RFC 8032); false for anything that is not a valid key and signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """Standard alphabet, padded, canonical: decoding and encoding again gives the same text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("note.base64", "Not standard, padded base64.") from None
    # Python, like many, ignores stray bits in the last character; two texts for one value is
    # one too many.
    if encode_base64(data) != text:
        raise NoteError("note.base64", "The base64 is not in its canonical form.")
    return data


def _parse_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("note.signature-line", "A signature line is a dash, a name and base64.")
    if not _is_key_name(name):
        raise NoteError("note.key-name", "A key name is empty or holds a space, plus or control.")
    value = decode_base64(encoded)
    if len(value) < 5:
        raise NoteError("note.signature-length", "A signature line holds no signature.")
    return Signature(name, value[:4], value[4:])


def _is_key_name(name: str) -> bool:
    return bool(name) and not any(
        character.isspace() or character == "+" or character < " " for character in name
    )
