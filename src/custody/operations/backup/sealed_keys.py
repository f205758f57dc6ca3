"""A gateway's keys in one file, sealed for a recipient: what a backup itself never holds.

Law: the gateway can write it and never open it. It is written apart from the backup that it belongs
to: the two together open everything, retention or not.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from custody.config.tables import Config
from custody.evidence import EscrowKey, is_escrow_key, seal_for
from custody.model.errors import CustodyError

_INFO: Final = b"custody/backup-keys/v1"
_BYTES_AT_MOST: Final = 1_048_576
"""Of one file; keys and certificates are a few thousand bytes."""


class SealedKeys(msgspec.Struct, frozen=True):
    """The file, as JSON."""

    version: Literal["custody-backup-keys/1"]
    gateway: str
    key: str
    """The recipient's public key."""
    sealed: bytes


def recipient_key(config: Config, named: str) -> str:
    """The public key that is meant: of a recipient of ``[[escrow]]``, or the text itself."""
    return next((each.key for each in config.escrow if each.name == named), named)


def seal_keys(config: Config, public: str, place: Path, backup: Path) -> list[str]:
    """Write the file. The names of what is in it. Raises ``escrow.key``, ``usage.backup-exists``,
    ``usage.keys-inside`` and ``backup.failed``; then there is no file.
    """
    gateway, place = config.gateway, place.absolute()
    apart = (gateway.data.resolve(), gateway.keys.resolve(), backup.absolute())
    if any(place.parent.resolve().is_relative_to(each) for each in apart):
        raise CustodyError(
            "usage.keys-inside",
            f"{place} would lie beside what it opens.",
            "Name a place apart from the backup, `data` and `keys`.",
        )
    try:
        keys = {each.name: each.read_bytes() for each in _files(gateway.keys)}
        sealed = seal_for(public, _info(gateway.name), msgspec.json.encode(keys))
        text = msgspec.json.encode(
            SealedKeys("custody-backup-keys/1", gateway.name, public, sealed)
        )
        _write_new(place, msgspec.json.format(text) + b"\n")
    except FileExistsError:
        raise CustodyError(
            "usage.backup-exists",
            f"{place} exists, and nothing is overwritten.",
            "Name a new one.",
        ) from None
    except OSError as error:
        raise CustodyError(
            "backup.failed",
            f"The keys could not be sealed: {error.filename}: {error.strerror}.",
            "Look at who owns the gateway's keys, and at the disk that is written to.",
        ) from error
    return sorted(keys)


def open_keys(place: Path, key: EscrowKey, directory: Path, name: str) -> list[str]:
    """Put the keys of the gateway ``name`` into ``directory``, which must not be there yet.

    The names of what was written. Raises ``backup.keys``, ``usage.restore-exists`` and
    ``restore.failed``.
    """
    try:
        found = msgspec.json.decode(place.read_bytes(), type=SealedKeys)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise CustodyError(
            "backup.keys",
            f"{place} is no file of sealed keys of a version that is known here.",
            "Name the file that `custody backup --keys` wrote.",
        ) from None
    opened = key.open(_info(name), found.sealed)
    if opened is None:
        raise CustodyError(
            "backup.keys",
            f"{place} does not open: it is {found.gateway}'s, for {found.key}.",
            "Use that recipient's private key, for that gateway. If they are, it was altered.",
        )
    keys = msgspec.json.decode(opened, type=dict[str, bytes])
    if directory.exists():
        raise CustodyError(
            "usage.restore-exists",
            f"{directory} exists, and nothing is overwritten.",
            "Leave --keys out, or move the old keys away first.",
        )
    try:
        _place(keys, directory)
    except OSError as error:
        raise CustodyError(
            "restore.failed",
            f"{error.filename or directory} cannot be written or read: {error.strerror}.",
            "Look at the disk, and at who owns the directory; then begin with an empty one.",
        ) from error
    return sorted(keys)


def _place(keys: Mapping[str, bytes], directory: Path) -> None:
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    unfinished.mkdir(mode=0o700, parents=True)
    for name, content in keys.items():
        if Path(name).name != name:
            raise OSError(0, "an odd name", name)
        _write_new(unfinished / name, content)
    unfinished.rename(directory)


def _files(directory: Path) -> list[Path]:
    """The gateway's own, not what somebody put beside them."""
    return [
        each
        for each in sorted(directory.iterdir())
        if each.is_file()
        and not each.is_symlink()
        and not each.name.startswith(".")
        and each.stat().st_size <= _BYTES_AT_MOST
        and not is_escrow_key(each)
    ]


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _info(gateway: str) -> bytes:
    return _INFO + gateway.encode()
