"""``env:NAME``, ``file:PATH`` and ``plain:VALUE``.

Law: what has no scheme that is known here may be the secret itself, so its text is never shown;
a reference is resolved anew at each lease, so that rotating a file takes effect at once.
"""

import asyncio
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from custody.model.errors import CustodyError
from custody.model.identity import Identity
from custody.model.secret import Secret
from custody.model.words import TargetName

LONGEST_FILE: Final = 65_536
READ_SECONDS: Final = 5.0
LATER: Final = frozenset({"vault", "aws", "gcp", "azure", "k8s"})
"""Schemes that have a meaning, but no implementation here."""


class ReferenceVault:
    """The ``Vault`` of references, one for each target.

    ``folder`` is what relative paths are relative to: the folder of the configuration file.
    """

    def __init__(
        self, references: Mapping[TargetName, str], *, environment: Mapping[str, str], folder: Path
    ) -> None:
        self._references: Final = dict(references)
        self._environment: Final = environment
        self._folder: Final = folder

    async def lease(self, identity: Identity, target: TargetName) -> Secret:  # noqa: ARG002 - the face: other vaults lease by identity
        """As ``Vault.lease``; codes ``vault.no-credential``, ``vault.unreadable``,
        ``vault.empty``, ``vault.not-built``, ``vault.unknown-scheme``.
        """
        reference = self._references.get(target)
        if reference is None:
            raise CustodyError(
                "vault.no-credential",
                f"Target {target!r} has no credential.",
                "Give the target a `password` in the configuration.",
            )
        scheme, separator, rest = reference.partition(":")
        match scheme if separator else "":
            case "env":
                return self._from_environment(target, rest)
            case "file":
                return await self._from_file(target, rest)
            case "plain":
                return Secret(rest)
            case scheme if scheme in LATER:
                raise CustodyError(
                    "vault.not-built",
                    f"The credential of target {target!r} is a `{scheme}:` reference, and that "
                    "store is not built yet.",
                    "Use `env:NAME` or `file:PATH` for now.",
                )
            case _:
                raise CustodyError(
                    "vault.unknown-scheme",
                    f"The credential of target {target!r} is not a reference that is known here.",
                    "Use `env:NAME` or `file:PATH`, or `plain:VALUE` if it must stand in the file.",
                )

    def _from_environment(self, target: TargetName, name: str) -> Secret:
        value = self._environment.get(name)
        if not value:
            raise CustodyError(
                "vault.empty",
                f"The credential of target {target!r} is `env:{name}`, and that variable is "
                f"{'not set' if value is None else 'empty'}.",
                "Set it in the environment of `custody serve`, then start again.",
            )
        return Secret(value)

    async def _from_file(self, target: TargetName, name: str) -> Secret:
        try:
            # Off the loop and bounded in time: the file may lie on a network file system.
            async with asyncio.timeout(READ_SECONDS):
                text = await asyncio.to_thread(_read, self._folder / name)
        except (OSError, TimeoutError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else None
            raise CustodyError(
                "vault.unreadable",
                f"The credential of target {target!r} is `file:{name}`, which cannot be read: "
                f"{cause or 'it took too long or is not text'}.",
                "Check the path (it starts at the configuration file), the owner and the mode.",
            ) from None
        if not text:
            raise CustodyError(
                "vault.empty",
                f"The credential of target {target!r} is `file:{name}`, which is empty.",
                "Write the password into it, on one line.",
            )
        return Secret(text)


def _read(path: Path) -> str:
    """The file's text without its last newline; at most ``LONGEST_FILE`` bytes."""
    with path.open("rb") as file:
        data = file.read(LONGEST_FILE + 1)
    if len(data) > LONGEST_FILE:
        raise OSError(0, f"it is longer than {LONGEST_FILE} bytes")
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
