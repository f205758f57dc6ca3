"""The file ``escrow/<day>``: a day's key, sealed for those who are to open it elsewhere.

Law: it is replaced as a whole, its lines only ever become more, and leaves commit to them in their
order. A copy may leave a line out; what stands in its place says whose it was, and its hash.
Nothing here is needed to run a gateway, and no private key stands here.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from custody.evidence.disk.wrapped_keys import (
    checked_line,
    checked_words,
    decode_base64,
    line_hash,
)

ESCROW_VERSION: Final = "custody-escrow/1"
MAX_ESCROW_BYTES: Final = 1 << 20
_TERMS: Final = {"lasting": True, "expiring": False}
_TERM_OF: Final = {lasting: term for term, lasting in _TERMS.items()}


class EscrowLine(NamedTuple):
    recipient: str
    key: str
    """The recipient's public key, as text."""
    lasting: bool
    """It outlives retention, and goes into backups."""
    sealed: bytes
    """Empty where this copy leaves the line out."""
    hash: str
    """What leaves commit to: ``line_hash`` of the line as it was written."""


class EscrowDay(NamedTuple):
    """What the file says."""

    day: str
    lines: Sequence[EscrowLine]
    hashes: Sequence[str]
    """Of all lines in their order, those that cannot be read too."""
    header: bool
    """Whether the first line is this day's."""

    @property
    def damaged(self) -> int:
        """How many lines cannot be read."""
        return len(self.hashes) - len(self.lines)

    @property
    def commitment(self) -> str:
        """For a leaf; empty where there is no line."""
        return escrow_commitment(self.hashes) if self.hashes else ""


def escrow_path(evidence: Path, day: str) -> Path:
    return evidence / "escrow" / day


def escrow_header(day: str) -> bytes:
    """The file's first line."""
    return f"{ESCROW_VERSION} {day}\n".encode()


def escrow_line(day: str, recipient: str, key: str, sealed: bytes, *, lasting: bool) -> bytes:
    encoded = b64encode(sealed).decode()
    return checked_line(f"escrow {day} {recipient} {key} {_TERM_OF[lasting]} {encoded}")


def escrow_commitment(hashes: Iterable[str]) -> str:
    """To lines in their order: SHA-256, hexadecimal, of their hashes, one a line."""
    return sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()


def parse_escrow(data: bytes, day: str) -> EscrowDay:
    """Read the file; total."""
    head, *rest = data.split(b"\n")
    lines: list[EscrowLine] = []
    hashes: list[str] = []
    for line in filter(None, rest):
        whole = line_hash(line + b"\n")
        match checked_words(line):
            case ["escrow", named, recipient, key, term, encoded] if (
                named == day and term in _TERMS and (sealed := decode_base64(encoded))
            ):
                lines.append(EscrowLine(recipient, key, _TERMS[term], sealed, whole))
            case ["left-out", named, recipient, key, term, written] if (
                named == day and term in _TERMS and len(written) == len(whole)
            ):
                lines.append(EscrowLine(recipient, key, _TERMS[term], b"", written))
                whole = written
        hashes.append(whole)
    return EscrowDay(day, lines, hashes, header=head + b"\n" == escrow_header(day))


def lasting_lines_only(data: bytes, day: str) -> bytes:
    """The file for a copy that outlives retention: without the sealed keys that do not."""
    return escrow_header(day) + b"".join(
        _for_copy(line + b"\n", day) for line in data.split(b"\n")[1:] if line
    )


def _for_copy(line: bytes, day: str) -> bytes:
    found = parse_escrow(escrow_header(day) + line, day).lines
    if not found or found[0].lasting or not found[0].sealed:
        return line
    left = found[0]
    return checked_line(
        f"left-out {day} {left.recipient} {left.key} {_TERM_OF[left.lasting]} {left.hash}"
    )
