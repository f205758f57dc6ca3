"""The local vault: secrets sealed in one file, for those who have no other (``secret:NAME``).

Law: a value is on disk only sealed with AES-256-GCM under a key that lies elsewhere, bound to its
name, and its nonce is never used twice; the file is replaced whole or not at all.
"""

import asyncio
import base64
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from custody.model.errors import CustodyError
from custody.model.identity import Credential
from custody.model.secret import Secret
from custody.vault.private_file import replace_file
from custody.vault.store import LONGEST_SECRET, ReferenceForm, StoreKind, UnleasedStore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRETS: Final = "secrets.json"
VAULT_KEY: Final = "vault.key"

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
MOST_SECRETS: Final = 1000
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,126}", re.ASCII)
_FORMAT: Final = "custody-secrets/1"


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nonce: bytes
    sealed: bytes
    changed: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    secrets: dict[str, _Sealed]


class SecretEntry(msgspec.Struct, frozen=True):
    """What may be told of a kept secret. ``changed`` in Unix milliseconds."""

    name: str
    changed: int


class SealedStore(UnleasedStore):
    """``random(n)`` gives n bytes of cryptographic randomness, ``clock`` Unix milliseconds.

    Safe for several threads of one process; across processes the last to write wins.
    """

    def __init__(
        self,
        path: Path,
        key: Path,
        *,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], int],
    ) -> None:
        self._path: Final = path
        self._key: Final = key
        self._random: Final = random
        self._clock: Final = clock
        self._turn: Final = threading.Lock()

    async def read(self, place: str) -> Credential:
        """Raises ``vault.no-secret``, ``vault.unreadable``, ``vault.damaged``."""
        return await asyncio.to_thread(self._open, place)

    async def check(self) -> str:
        return f"{len(await asyncio.to_thread(self.names))} secrets in {self._path}"

    async def close(self) -> None:
        """Nothing is held open."""

    def set(self, name: str, value: Secret) -> None:
        """Keep a value under a name, in place of what was there; blocks. Raises ``vault.name``,
        ``vault.too-long``, ``vault.full``, ``vault.unreadable``, ``vault.unwritable``.
        """
        text = value.reveal().encode()
        check_name(name)
        if not 0 < len(text) <= LONGEST_SECRET:
            raise CustodyError(
                "vault.too-long", f"A secret has 1 to {LONGEST_SECRET} bytes.", "Give it on stdin."
            )
        with self._turn:
            key = self._load_key(make=True)
            kept = self._load().secrets
            if name not in kept and len(kept) >= MOST_SECRETS:
                raise CustodyError(
                    "vault.full", f"The local vault holds {MOST_SECRETS} secrets.", "Delete some."
                )
            nonce = self._random(NONCE_BYTES)
            sealed = _cipher(key).encrypt(nonce, text, _bound_to(name))
            self._save({**kept, name: _Sealed(nonce, sealed, self._clock())})

    def delete(self, name: str) -> None:
        """Blocks. Raises ``vault.no-secret``, ``vault.unreadable``, ``vault.unwritable``."""
        with self._turn:
            kept = self._load().secrets
            if name not in kept:
                raise _no_secret(name)
            self._save({each: value for each, value in kept.items() if each != name})

    def names(self) -> list[SecretEntry]:
        """By name; blocks. Raises ``vault.unreadable``."""
        with self._turn:
            kept = self._load().secrets
        return [SecretEntry(name, kept[name].changed) for name in sorted(kept)]

    def _open(self, name: str) -> Credential:
        with self._turn:
            kept = self._load().secrets.get(name)
            if kept is None:
                raise _no_secret(name)
            key = self._load_key(make=False)
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in ``_cipher``

        try:
            text = _cipher(key).decrypt(kept.nonce, kept.sealed, _bound_to(name)).decode()
        except (InvalidTag, ValueError):
            raise CustodyError(
                "vault.damaged",
                f"`secret:{name}` cannot be opened: it, or the key, is not what it was.",
                f"Restore {self._key}, or set the secret again.",
            ) from None
        return Credential(Secret(text), source=f"secret:{name}")

    def _load(self) -> _File:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return _File(_FORMAT, {})
        except OSError as error:
            raise _unreadable(self._path, error.strerror) from None
        try:
            file = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise _unreadable(self._path, "it is not a file of secrets") from None
        if file.format != _FORMAT:
            raise _unreadable(self._path, "another version wrote it")
        return file

    def _save(self, secrets: dict[str, _Sealed]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_File(_FORMAT, secrets)))
        replace_file(self._path, data)

    def _load_key(self, *, make: bool) -> bytes:
        try:
            key = base64.b64decode(self._key.read_bytes().strip(), validate=True)
        except FileNotFoundError:
            if not make or self._path.exists():  # a new key would open nothing that is there
                raise _unreadable(self._key, "it is missing") from None
            key = self._random(KEY_BYTES)
            replace_file(self._key, base64.b64encode(key) + b"\n")
        except (OSError, ValueError):
            raise _unreadable(self._key, "it is no key") from None
        if len(key) != KEY_BYTES:
            raise _unreadable(self._key, "it is no key")
        return key


def local_vault(data: Path, keys: Path, clock: Callable[[], int]) -> SealedStore:
    """The gateway's own: sealed values in ``data``, their key in ``keys``."""
    return SealedStore(data / SECRETS, keys / VAULT_KEY, clock=clock)


KIND: Final = StoreKind(
    scheme="secret",
    place="NAME",
    forms=(
        ReferenceForm(
            ("NAME",),
            "the local encrypted vault, `custody secret set NAME`",
            "at the next session",
        ),
    ),
    unconfigured=lambda host: local_vault(host.data, host.keys, host.clock),
)


def _cipher(key: bytes) -> "AESGCM":
    # A configuration is read without it, by commands that start fast.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

    return AESGCM(key)


def check_name(name: str) -> None:
    """Raises ``vault.name``."""
    if not NAME.fullmatch(name):
        raise CustodyError(
            "vault.name",
            "This cannot be a secret's name.",
            "Use letters, digits, dots, dashes, slashes and underscores, 127 at most.",
        )


def _bound_to(name: str) -> bytes:
    return f"{_FORMAT}\0{name}".encode()


def _no_secret(name: str) -> CustodyError:
    return CustodyError(
        "vault.no-secret",
        f"The local vault has no secret {name!r}.",
        f"`custody secret set {name}` keeps one; `custody secret list` shows their names.",
    )


def _unreadable(path: Path, why: str | None) -> CustodyError:
    return CustodyError(
        "vault.unreadable",
        f"{path} cannot be read: {why or 'error'}.",
        "Check its owner and mode, or restore it from the place where keys are kept.",
    )
