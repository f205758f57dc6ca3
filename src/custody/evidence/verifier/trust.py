"""Trust in a checkpoint: the key that signed it, the policy that vouches for the key, witnesses,
the anchor.

Law: a key out of the evidence itself proves only that the evidence agrees with itself; the report
then says that nobody vouched for it. A known key with a bad signature is a forgery.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.anchor import read_anchor
from custody.evidence.tlog.checkpoint import (
    Checkpoint,
    CheckpointError,
    SignedCheckpoint,
    open_checkpoint,
)
from custody.evidence.tlog.cosignature import cosigned_by
from custody.evidence.tlog.merkle import EMPTY_ROOT
from custody.evidence.tlog.note import (
    MAX_NOTE_BYTES,
    NoteError,
    VerifierKey,
    parse_verifier_key,
    verifier_key,
)
from custody.evidence.tlog.policy import TlogPolicy
from custody.evidence.verifier.file_access import read_bytes
from custody.evidence.verifier.report import FaultKind, Findings, VerifyFault, counted
from custody.model.errors import CustodyError

KEY_FILE: Final = "log.vkey"
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trusted:
    """A log's checkpoint, as far as it can be believed. Without one, ``signed`` is ``None``."""

    origin: str
    signed: SignedCheckpoint | None
    vouched: bool
    witnesses: tuple[str, ...]

    @property
    def checkpoint(self) -> Checkpoint:
        if self.signed is None:
            return Checkpoint(self.origin, 0, EMPTY_ROOT)
        return self.signed.checkpoint


def bundled_keys(evidence: Path, findings: Findings) -> tuple[VerifierKey, ...]:
    """The keys that the evidence names itself: one verifier key a line."""
    data = read_bytes(evidence / KEY_FILE, MAX_NOTE_BYTES)
    if data is None:
        return ()
    try:
        lines = data.decode("utf-8").split("\n")
        return tuple(parse_verifier_key(line) for line in lines if line)
    except (UnicodeDecodeError, NoteError) as error:
        reason = error.fault if isinstance(error, NoteError) else "It is not UTF-8."
        sentence = f"{KEY_FILE} is not what the gateway wrote. {reason}"
        findings.add(VerifyFault(FaultKind.KEY_FILE_ALTERED, sentence, path=KEY_FILE))
        return ()


def trust(
    data: bytes | None,
    origin: str,
    bundled: tuple[VerifierKey, ...],
    policy: TlogPolicy | None,
    findings: Findings,
) -> Trusted:
    """Open a log's checkpoint with the policy's keys, or with the bundled ones if there is none."""
    nothing = Trusted(origin, None, vouched=False, witnesses=())
    path = f"log/{origin.rpartition('/')[2]}/checkpoint"
    if data is None:
        sentence = f"{origin} has no checkpoint: nothing of it is signed."
        findings.add(VerifyFault(FaultKind.CHECKPOINT_MISSING, sentence, origin, path=path))
        return nothing
    keys = _keys_of(origin, policy.log_keys if policy else bundled)
    if not keys:
        kind = FaultKind.CHECKPOINT_UNKNOWN_KEY if policy else FaultKind.KEY_FILE_MISSING
        where = "the policy" if policy else KEY_FILE
        findings.add(
            VerifyFault(kind, f"There is no key for {origin} in {where}.", origin, path=path)
        )
        return nothing
    try:
        signed = open_checkpoint(data, keys)
        witnesses = cosigned_by(signed.note, policy.witness_keys) if policy else ()
    except (NoteError, CheckpointError) as error:
        findings.add(VerifyFault(_kind(error), f"The checkpoint: {error.fault}", origin, path=path))
        return nothing
    cosigners = {each.key for each in witnesses}
    if policy is not None and not policy.satisfied_by(cosigners):
        sentence = f"{counted(len(cosigners), 'witness')} is not the quorum that the policy asks."
        findings.add(VerifyFault(FaultKind.UNWITNESSED, sentence, origin, path=path))
    names = tuple(key.name for key in cosigners)
    return Trusted(origin, signed, vouched=policy is not None, witnesses=names)


def _keys_of(origin: str, keys: tuple[VerifierKey, ...]) -> list[VerifierKey]:
    """The keys for an origin. A key for one year's log of a gateway is one for its other years,
    too, under their names: a policy may list a public key only once (tlog-policy, "duplicate").
    """
    name, _, year = origin.rpartition("/")
    found: list[VerifierKey] = []
    for key in keys:
        gateway, _, key_year = key.name.rpartition("/")
        same_gateway = gateway == name and _YEAR.fullmatch(key_year) and _YEAR.fullmatch(year)
        if key.name == origin or same_gateway:
            found.append(verifier_key(origin, key.public, key.algorithm))
    return list(dict.fromkeys(found))


def anchored(path: Path | None, findings: Findings) -> Mapping[str, Checkpoint]:
    """The last signed sizes and roots that were kept outside the data, by origin."""
    if path is None:
        return {}
    try:
        return read_anchor(DiskFiles(), path)
    except (CustodyError, OSError):
        sentence = "The anchor cannot be read, so an older copy of the log would not be noticed."
        findings.add(VerifyFault(FaultKind.ANCHOR_UNREADABLE, sentence))
        return {}


def _kind(error: CustodyError) -> FaultKind:
    match error.code:
        case "note.forged":
            return FaultKind.CHECKPOINT_FORGED
        case "note.nobody-known" | "checkpoint.origin":
            return FaultKind.CHECKPOINT_UNKNOWN_KEY
        case _:
            return FaultKind.CHECKPOINT_MALFORMED
