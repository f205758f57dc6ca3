"""`backup.json`: what a backup holds, and what it does not.

Law: it names every file beside the evidence with its SHA-256, so that a restore notices what a
transfer damaged. The evidence proves itself. Nothing here is secret, and nothing here is proof.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from custody.model.errors import CustodyError

MANIFEST: Final = "backup.json"
EVIDENCE: Final = "evidence"
STATE: Final = "state.db"
CONFIG: Final = "custody.toml"


class SignedLog(msgspec.Struct, frozen=True):
    origin: str
    size: int
    root: str
    """Hexadecimal."""


class BackupManifest(msgspec.Struct, frozen=True):
    version: Literal["custody-backup/1"]
    custody: str
    """The version that made it."""
    gateway: str
    made: str
    logs: tuple[SignedLog, ...]
    files: Mapping[str, str]
    """SHA-256 of each file beside the evidence, by name."""
    left_out: tuple[str, ...]
    """What the gateway needs and this does not hold."""


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> BackupManifest:
    """Checked against the files. Raises ``backup.unreadable`` and ``backup.damaged``."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=BackupManifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise CustodyError(
            "backup.unreadable",
            f"{folder} holds no {MANIFEST} of a version that is known here.",
            "Name a directory that `custody backup` made, with this version or an older one.",
        ) from None
    for name, digest in manifest.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file() or file_digest(path) != digest:
            raise CustodyError(
                "backup.damaged",
                f"{name!r} of the backup is not what was written.",
                "Take another copy of this backup, or an older backup.",
            )
    return manifest
