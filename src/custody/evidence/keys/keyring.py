"""The log key and the key-encryption key, and the only four things that are done with them.

Law: neither key leaves this object. It signs checkpoints of its own logs only, never one that
contradicts what it signed before, and it opens day keys one at a time, by their day.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custody.evidence.disk.files import Files, add_file, make_durable_directory, read_whole
from custody.evidence.disk.wrapped_keys import day_name, unwrap, wrap
from custody.evidence.keys.anchor import Anchor
from custody.evidence.record.seal import KEY_SIZE
from custody.evidence.tlog.checkpoint import CheckpointError, parse_body
from custody.evidence.tlog.note import (
    NoteError,
    VerifierKey,
    decode_base64,
    encode_base64,
    verifier_key,
)
from custody.model.errors import CustodyError, LogFailureError

LOG_KEY: Final = "log.key"
KEY_ENCRYPTION_KEY: Final = "key-encryption.key"
TOKEN_KEY: Final = "token.key"  # noqa: S105  # a file name
VERIFIER_POLICY: Final = "verifier.policy"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


class KeyholderGoneError(LogFailureError):
    """The key-holder process ended or does not answer."""

    def __init__(self) -> None:
        super().__init__(
            "keys.keyholder-gone",
            "The key-holding process ended or does not answer.",
            "It is restarted by itself; if that fails, restart the gateway.",
        )


class KeyService(Protocol):
    """What the log asks of the holder of its keys: the child process, or a ``Keyring`` itself.

    Every call may block for a disk sync, and raises ``LogFailureError`` where it cannot be done.
    """

    @property
    def name(self) -> str:
        """The gateway's name; its logs are called NAME/YEAR."""
        ...

    @property
    def public(self) -> bytes:
        """The log key's public half, 32 bytes."""
        ...

    def sign(self, body: bytes) -> bytes:
        """An Ed25519 signature of a checkpoint's three lines, once the anchor remembers them."""
        ...

    def wrap(self, day: str, secret: bytes) -> bytes: ...

    def unwrap(self, day: str, wrapped: bytes) -> bytes: ...

    def restart(self) -> None:
        """After ``KeyholderGoneError``."""
        ...


def log_key(keys: KeyService, origin: str) -> VerifierKey:
    """The verifier key of one year's log: the same key under that log's name."""
    return verifier_key(origin, keys.public)


class Keyring:
    """The keys themselves. Without an ``anchor`` it opens and wraps but never signs."""

    __slots__ = ("_anchor", "_kek", "_key", "_random", "name", "public")

    def __init__(
        self,
        name: str,
        log_seed: bytes,
        key_encryption_key: bytes,
        anchor: Anchor | None,
        random: Callable[[int], bytes],
    ) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(log_seed)
        self.public = self._key.public_key().public_bytes_raw()
        self._kek = AESGCM(key_encryption_key)
        self._anchor = anchor
        self._random = random

    def sign(self, body: bytes) -> bytes:
        try:
            checkpoint = parse_body(body.decode("utf-8"))
        except (CheckpointError, UnicodeDecodeError):
            raise LogFailureError("keys.not-a-checkpoint", "Only checkpoints are signed.") from None
        name, _, year = checkpoint.origin.rpartition("/")
        if name != self.name or not re.fullmatch("[0-9]{4}", year, re.ASCII):
            raise LogFailureError("keys.other-log", "This is no log of this key.")
        if self._anchor is None:
            raise LogFailureError("keys.no-anchor", "Nothing is signed without an anchor.")
        self._anchor.remember(checkpoint)
        return self._key.sign(body)

    def wrap(self, day: str, secret: bytes) -> bytes:
        return wrap(self._kek, day_name(day), secret, self._random)

    def unwrap(self, day: str, wrapped: bytes) -> bytes:
        return unwrap(self._kek, day_name(day), wrapped)

    def restart(self) -> None:
        """Keys in this process are never gone."""


def create_keys(
    files: Files, directory: Path, name: str, year: int, random: Callable[[int], bytes]
) -> None:
    """For `custody init`: the keys directory with log, key-encryption and token keys, and the text
    of ``verifier.policy``, which the operator keeps elsewhere. Existing keys are never replaced.
    """
    if not _NAME.fullmatch(name):
        raise CustodyError(
            "keys.name",
            "The gateway's name is not usable as a log's origin.",
            "Use letters, digits, dots, dashes and underscores, such as gw1.example.com.",
        )
    if files.names(directory):
        raise CustodyError(
            "keys.exist", f"{directory} is not empty.", "Keep these keys, or name a new directory."
        )
    make_durable_directory(files, directory)
    seed = random(KEY_SIZE)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    for file_name, secret in (
        (LOG_KEY, seed),
        (KEY_ENCRYPTION_KEY, random(KEY_SIZE)),
        (TOKEN_KEY, random(KEY_SIZE)),
    ):
        add_file(files, directory / file_name, _key_text(file_name, name, secret))
    policy = verifier_policy(name, public, year)
    add_file(files, directory / VERIFIER_POLICY, policy.encode())
    files.sync_directory(directory)


def load_keyring(
    files: Files,
    directory: Path,
    anchor: Anchor | None,
    random: Callable[[int], bytes],
    name: str | None = None,
) -> Keyring:
    """Raises ``CustodyError`` that names the file, never its content.

    ``name`` is the gateway's; the one that the keys were made for, if it is not given.
    """
    made_for, seed = _read_key(files, directory, LOG_KEY)
    _, key_encryption_key = _read_key(files, directory, KEY_ENCRYPTION_KEY)
    return Keyring(name or made_for, seed, key_encryption_key, anchor, random)


def load_token_key(files: Files, directory: Path) -> bytes:
    """The key under which masking makes tokens; not held by the key-holder."""
    return _read_key(files, directory, TOKEN_KEY)[1]


def verifier_policy(name: str, public: bytes, year: int) -> str:
    """C2SP tlog-policy text that trusts this gateway's logs: this year's by name, and every later
    one by its key, since a policy may name a key only once.
    """
    log = verifier_key(f"{name}/{year}", public)
    lines = [
        "# Whose evidence this verifier trusts. Keep it away from the gateway, and give it to",
        "# `custody verify --policy`, which knows the key again under the names of later years.",
        f"log {log.text}",
        "# No witness vouches for this log yet.",
        "quorum none",
        "",
    ]
    return "\n".join(lines)


def _key_text(file_name: str, name: str, secret: bytes) -> bytes:
    return f"custody-{file_name.replace('.', '-')}/1 {name} {encode_base64(secret)}\n".encode()


def _read_key(files: Files, directory: Path, file_name: str) -> tuple[str, bytes]:
    path = directory / file_name
    try:
        data = read_whole(files, path)
    except OSError as error:
        raise CustodyError(
            "keys.unreadable",
            f"The key file {path} cannot be read: {error.strerror}.",
            "Make keys with `custody init`, or correct `keys` in the configuration.",
        ) from None
    fault = CustodyError("keys.malformed", f"{path} is no key file.", "Restore it from its backup.")
    words = data.decode("ascii", "replace").split()
    if len(words) != 3 or words[0] != f"custody-{file_name.replace('.', '-')}/1":
        raise fault
    try:
        secret = decode_base64(words[2])
    except NoteError:
        raise fault from None
    if len(secret) != KEY_SIZE:
        raise fault
    return words[1], secret
