"""`custody init`: a configuration that runs as it is, with keys and a local authority.

Law: no existing file is overwritten or removed. The configuration is written last, so that a
directory with one is complete.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from custody.config.load import FILE_NAME
from custody.config.tables import Config
from custody.config.values import GATEWAY_NAME
from custody.evidence import VERIFIER_POLICY, DiskFiles, create_keys, replace_file, verifier_policy
from custody.model.errors import CustodyError
from custody.operations.certificates.local_ca import (
    AUTHORITY_CERTIFICATE,
    create_authority,
    local_hosts,
)
from custody.operations.init_template import config_text

DATA: Final = "data"
KEYS: Final = "keys"
ANCHOR: Final = "anchor"


class InitResult(msgspec.Struct, frozen=True):
    """What was made, for the next steps that are printed."""

    config: Path
    keys: Path
    verifier_policy: Path
    authority: Path


def initialise(
    directory: Path, name: str, now: dt.datetime, random: Callable[[int], bytes]
) -> InitResult:
    """Raises ``CustodyError`` ``init.exists``, ``init.name`` or ``init.unwritable``."""
    if not GATEWAY_NAME.fullmatch(name):
        raise CustodyError(
            "init.name",
            "This name cannot be a gateway's.",
            "Use letters, digits, dots, dashes and underscores: --name gw1.example.com",
        )
    try:
        for existing in (directory / each for each in (FILE_NAME, KEYS, DATA, ANCHOR)):
            if existing.exists() and not _is_empty_directory(existing):
                raise CustodyError(
                    "init.exists",
                    f"{existing} exists, and nothing is overwritten.",
                    "Name another directory, or move it away first.",
                )
        return _make(directory, name, now, random)
    except OSError as error:
        raise CustodyError(
            "init.unwritable",
            f"{error.filename or directory} cannot be written: {error.strerror}.",
            "Name a directory that this account may write.",
        ) from None


def _is_empty_directory(path: Path) -> bool:
    """Such as a volume that was mounted for it."""
    return path.is_dir() and next(path.iterdir(), None) is None


def _make(
    directory: Path, name: str, now: dt.datetime, random: Callable[[int], bytes]
) -> InitResult:
    directory.mkdir(parents=True, exist_ok=True)
    data, keys = directory / DATA, directory / KEYS
    for private in (data, keys):
        private.mkdir(exist_ok=True)
        private.chmod(0o700)
    create_keys(DiskFiles(), keys, name, now.year, random)
    create_authority(keys, data, name, local_hosts(name), now)
    config = directory / FILE_NAME
    with config.open("x", encoding="utf-8") as file:
        file.write(config_text(name))
    config.chmod(0o600)
    return InitResult(config, keys, keys / VERIFIER_POLICY, data / AUTHORITY_CERTIFICATE)


def renew_verifier_policy(config: Config, public: bytes, year: int) -> bool:
    """Writes ``verifier.policy`` anew where the gateway was given another name since; whether it
    did. The key is the same: only the name of the log that it signs is another.
    """
    path = config.gateway.keys / VERIFIER_POLICY
    if path.exists() and f"log {config.gateway.name}/" in path.read_text("utf-8", "replace"):
        return False
    text = verifier_policy(config.gateway.name, public, year)
    replace_file(DiskFiles(), path, text.encode())
    return True
