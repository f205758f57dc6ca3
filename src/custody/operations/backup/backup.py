"""Making a backup of a gateway, running or not.

Law: evidence as it was signed, state, configuration; never keys, never the anchor, never the index.
It gets its name only after it was proved; what cannot be proved leaves nothing behind.
"""

import datetime as dt
import os
import shutil
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import msgspec

from custody import __version__
from custody.config.load import FILE_NAME
from custody.config.tables import Config
from custody.evidence import (
    VERIFIER_POLICY,
    DiskFiles,
    KeyholderProcess,
    copy_log,
    parse_policy,
    read_anchor,
    read_checkpoints,
)
from custody.evidence.verifier import Exit, VerifyOptions, usable_processors, verify
from custody.model.errors import CustodyError
from custody.operations.backup.manifest import (
    CONFIG,
    EVIDENCE,
    MANIFEST,
    STATE,
    BackupManifest,
    SignedLog,
    file_digest,
)
from custody.operations.certificates.local_ca import AUTHORITY_CERTIFICATE
from custody.state import copy_state
from custody.vault import SECRETS

SIGNED_WITHIN_S: Final = 15.0
"""So long a running gateway may take to sign and show what it has recorded."""

_ALWAYS_OUT: Final = (
    "keys: keep them apart from this backup (docs/gateway-backup.md)",
    "escrow lines of recipients who do not outlive retention",
    "the anchor: it must not go back in time",
    "the search index: `custody index rebuild` makes it again",
)


class Backup(msgspec.Struct, frozen=True):
    """What was made."""

    directory: Path
    manifest: BackupManifest
    verdict: str


def check_place(config: Config, target: Path) -> None:
    """Before anything is recorded or copied. Raises ``usage.backup-exists``,
    ``usage.backup-inside`` and ``usage.no-directory``.
    """
    target = target.absolute()
    if target.exists():
        raise CustodyError(
            "usage.backup-exists",
            f"{target} exists, and nothing is overwritten.",
            "Name a new one.",
        )
    if not target.parent.is_dir():
        raise CustodyError(
            "usage.no-directory", f"{target.parent} is no directory.", "Make it first."
        )
    place = target.parent.resolve()
    for kept in (config.gateway.data.resolve(), config.gateway.keys.resolve()):
        if place == kept or kept in place.parents:
            raise CustodyError(
                "usage.backup-inside",
                f"{target} is inside {kept}, which it is to outlive.",
                "Name a directory on another disk or machine.",
            )


def make_backup(config: Config, path: Path, target: Path, *, holds: int) -> Backup:
    """``path`` is the configuration's file; ``target`` must pass ``check_place``. It holds at least
    the first ``holds`` records of the newest log. Raises ``CustodyError`` and leaves nothing.
    """
    target = target.absolute()
    unfinished = Path(mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent))
    try:
        backup = _fill(config, path, unfinished, holds)
        _sync(unfinished)
        unfinished.rename(target)
        _sync_directory(target.parent)
    except OSError as error:
        raise CustodyError(
            "backup.failed",
            f"The backup could not be written: {error.strerror or error}.",
            "Look at the disk it is written to, and who owns the gateway's data.",
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return msgspec.structs.replace(backup, directory=target)


def _fill(config: Config, path: Path, folder: Path, holds: int) -> Backup:
    gateway = config.gateway
    evidence = gateway.data / EVIDENCE
    anchor = _wait_until_signed(config, holds)
    logs = copy_log(DiskFiles(), evidence, folder / EVIDENCE)
    state = gateway.data / STATE
    if state.exists():  # one that was never served has none
        copy_state(state, folder / STATE)
    for name in (SECRETS, AUTHORITY_CERTIFICATE):
        if (gateway.data / name).exists():
            _copy(gateway.data / name, folder / name)
    left_out = [*_ALWAYS_OUT, "files that the configuration names (certificates, secrets)"]
    if _holds_secret(path):
        left_out.append(f"{FILE_NAME}: it holds a secret (`plain:`)")
    else:
        _copy(path, folder / CONFIG)
    verdict = _prove(config, folder, anchor)
    manifest = BackupManifest(
        version="custody-backup/1",
        custody=__version__,
        gateway=gateway.name,
        made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        logs=tuple(SignedLog(each.origin, each.size, each.root.hex()) for each in logs.values()),
        files={each.name: file_digest(each) for each in sorted(folder.iterdir()) if each.is_file()},
        left_out=tuple(left_out),
    )
    _write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return Backup(folder, manifest, verdict)


def _wait_until_signed(config: Config, holds: int) -> bytes:
    """Until what the anchor remembers is shown, too; the anchor. It is written before a checkpoint
    is exposed, so a copy that is taken now is no older.
    """
    files, gateway = DiskFiles(), config.gateway
    until = time.monotonic() + SIGNED_WITHIN_S
    while True:
        anchors = read_anchor(files, gateway.anchor)
        data = gateway.anchor.read_bytes() if gateway.anchor.exists() else b""
        logs = read_checkpoints(files, gateway.data / EVIDENCE)
        shown = {each.origin: each.size for each in logs.values()}
        newest = logs[max(logs)].size if logs else 0
        known = all(shown.get(origin, 0) >= each.size for origin, each in anchors.items())
        if shown and known and newest >= holds:
            return data
        if time.monotonic() > until:
            raise CustodyError(
                "backup.unsigned",
                "The evidence shows less than was recorded or signed, so a copy would be older.",
                "If the gateway does not run, start it once: it signs what is left.",
            )
        time.sleep(0.1)


def _prove(config: Config, folder: Path, anchor: bytes) -> str:
    """The verdict on the copy. Raises ``backup.unproved``."""
    gateway = config.gateway
    policy = gateway.keys / VERIFIER_POLICY
    remembered = folder / "anchor"
    _write(remembered, anchor)
    try:
        with KeyholderProcess(gateway.keys) as keys:
            report = verify(
                folder,
                VerifyOptions(
                    policy=parse_policy(policy.read_bytes()) if policy.is_file() else None,
                    voucher=f"the gateway's own {policy.name}",
                    anchor=remembered,
                    open_day=keys.unwrap,
                    processes=usable_processors(),
                ),
            )
    finally:
        remembered.unlink()
    if report.exit not in {Exit.PROVED, Exit.CONSISTENT}:
        first = f" {report.faults[0].sentence}" if report.faults else ""
        raise CustodyError(
            "backup.unproved",
            f"The copy could not be proved, so it was not kept.{first}",
            "`custody verify` on the gateway's data says more.",
        )
    return report.verdict


def _holds_secret(path: Path) -> bool:
    """Whether a secret stands in the configuration itself."""

    def within(value: object) -> bool:
        match value:
            case str():
                return value.startswith("plain:")
            case list():
                return any(map(within, value))
            case Mapping():
                return any(map(within, value.values()))
            case _:
                return False

    return within(tomllib.loads(path.read_text("utf-8")))


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _sync(folder: Path) -> None:
    for directory, _, names in os.walk(folder):
        for name in names:
            with (Path(directory) / name).open("rb") as file:
                os.fsync(file.fileno())
        _sync_directory(Path(directory))


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
