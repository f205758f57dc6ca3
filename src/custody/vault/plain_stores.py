"""``env:NAME``, ``file:PATH`` and ``plain:VALUE``.

Law: a reference is resolved anew at each lease, so that rotating a file takes effect at once.
"""

import asyncio
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from custody.model.errors import CustodyError
from custody.model.identity import Credential
from custody.model.secret import Secret
from custody.model.words import TargetName
from custody.vault.store import (
    LONGEST_SECRET,
    READ_SECONDS,
    ReferenceForm,
    StoreKind,
    UnleasedStore,
    empty,
)

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvironmentStore(UnleasedStore):
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment: Final = environment

    async def read(self, place: str) -> Credential:
        """Raises ``vault.empty``."""
        value = self._environment.get(place)
        if not value:
            raise CustodyError(
                "vault.empty",
                f"`env:{place}` is {'not set' if value is None else 'empty'}.",
                "Set the variable in the environment of `custody serve`, then start it again.",
            )
        return Credential(Secret(value), source=f"env:{place}")


class FileStore(UnleasedStore):
    """``folder`` is what relative paths are relative to: the folder of the configuration file."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder

    async def read(self, place: str) -> Credential:
        """Raises ``vault.unreadable``, ``vault.empty``."""
        text = await read_text(self._folder / place, f"file:{place}")
        if not text:
            raise empty(f"file:{place}", "Write the password into it, on one line.")
        return Credential(Secret(text), source=f"file:{place}")


class PlainStore(UnleasedStore):
    async def read(self, place: str) -> Credential:
        return Credential(Secret(place), source="plain:…")


ENVIRONMENT: Final = StoreKind(
    scheme="env",
    place="NAME",
    place_words="the name of an environment variable",
    forms=(ReferenceForm(("NAME",), "the environment of `custody serve`", "with a restart"),),
    fits=lambda place: _VARIABLE.fullmatch(place) is not None,
    unconfigured=lambda host: EnvironmentStore(host.environment),
)
FILE: Final = StoreKind(
    scheme="file",
    place="PATH",
    place_words="the path of a file",
    forms=(
        ReferenceForm(
            ("PATH",), "a file; paths start at the configuration file", "at the next session"
        ),
    ),
    unconfigured=lambda host: FileStore(host.folder),
)
PLAIN: Final = StoreKind(
    scheme="plain",
    place_words="the secret",
    forms=(
        ReferenceForm(
            ("VALUE",),
            "the configuration itself; `serve` and `doctor` warn of it",
            "with a restart",
        ),
    ),
    unconfigured=lambda _: PlainStore(),
)


async def read_text(path: Path, source: str) -> str:
    """A secret file's text without its last newline. Raises ``vault.unreadable``."""
    try:
        # Off the loop and bounded in time: the file may lie on a network file system.
        async with asyncio.timeout(READ_SECONDS):
            return await asyncio.to_thread(_read, path)
    except (OSError, TimeoutError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else None
        raise CustodyError(
            "vault.unreadable",
            f"`{source}` cannot be read: {cause or 'it took too long or is not text'}.",
            "Check the path (it starts at the configuration file), the owner and the mode.",
        ) from None


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(LONGEST_SECRET + 1)
    if len(data) > LONGEST_SECRET:
        raise OSError(0, f"it is longer than {LONGEST_SECRET} bytes")
    return data.decode("utf-8").removesuffix("\n").removesuffix("\r")


def warnings_for(references: Mapping[TargetName, str], *, folder: Path) -> Sequence[str]:
    """What an operator should be told at start: files that others may read, plain secrets."""
    found = []
    for target, reference in references.items():
        scheme, _, rest = reference.partition(":")
        if scheme == "plain":
            found.append(f"target {target!r}: its password stands in the configuration (`plain:`)")
        elif scheme == "file":
            try:
                mode = stat.S_IMODE((folder / rest).stat().st_mode)
            except OSError:
                continue
            if mode & 0o077:
                found.append(
                    f"target {target!r}: `file:{rest}` has mode {mode:04o}; 0600 is advised"
                )
    return found
