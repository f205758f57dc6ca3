"""The file in which `custody login` keeps a login, until `custody logout` or its expiry.

Law: one file of mode 0600 in the user's own configuration folder; it holds a login, which opens
nothing but its gateway, and never a provider's token.
"""

import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from custody.model.errors import CustodyError
from custody.model.secret import Secret

NAME: Final = "login.json"
LONGEST: Final = 1024 * 1024
"""A bundle of authorities may be in it."""


class SavedLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gateway: str
    ca: str
    """The authority's certificate itself, PEM; empty for the system's authorities."""
    provider: str
    login: str
    """The secret."""
    expires: int
    """Unix seconds."""

    def __repr__(self) -> str:
        return f"Kept({self.gateway!r}, …)"

    @property
    def lapsed(self) -> bool:
        return self.expires <= time.time()

    @property
    def secret(self) -> Secret:
        return Secret(self.login)


def place(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_CONFIG_HOME")
    if not base:
        base = f"{environment.get('HOME') or Path('~').expanduser()}/.config"
    return Path(base) / "custody" / NAME


def load(path: Path) -> SavedLogin | None:
    """What is kept, though it may have lapsed; ``None`` where nothing is. Raises ``login.file``."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise CustodyError(
                    "login.file", f"{path} can be read by others.", "chmod 600, or log in again."
                )
            return msgspec.json.decode(file.read(LONGEST), type=SavedLogin)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        raise CustodyError(
            "login.file", f"{path} cannot be read.", "`custody login` writes it anew."
        ) from None


def save(path: Path, kept: SavedLogin) -> None:
    """Raises ``login.file``."""
    partial = path.with_name(f".{NAME}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(msgspec.json.encode(kept))
        partial.replace(path)
    except OSError as error:
        raise CustodyError(
            "login.file", f"{path} cannot be written: {error.strerror}.", "Check the folder."
        ) from None


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
