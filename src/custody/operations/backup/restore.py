"""Putting a backup where a gateway can start from it.

Law: nothing that exists is overwritten. The backup is proved before it is taken, and every login
and loop in it is ended: what was withdrawn after it was made must not live again. The log is not
opened here: `custody serve --accept-new-anchor` does it, and records what was given up.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec

from custody.config.load import FILE_NAME, load_config
from custody.config.tables import Config
from custody.evidence import EscrowKey, TlogPolicy
from custody.evidence.verifier import Exit, VerifyOptions, usable_processors, verify
from custody.model.errors import CustodyError
from custody.operations.backup.manifest import (
    CONFIG,
    EVIDENCE,
    STATE,
    BackupManifest,
    read_manifest,
)
from custody.operations.backup.sealed_keys import open_keys
from custody.state import State

REASON: Final = "restored"


class Restored(msgspec.Struct, frozen=True):
    config: Path
    data: Path
    manifest: BackupManifest
    verdict: str
    logins: int
    loops: int


def restore(
    backup: Path,
    directory: Path,
    now: int,
    *,
    policy: TlogPolicy | None = None,
    keys: tuple[Path, EscrowKey] | None = None,
) -> Restored:
    """Into ``directory``, where the keys are already, and the configuration if it is to be another
    than the backup's. ``keys``: a file of sealed ones and what opens it. ``now`` in Unix
    milliseconds. Raises ``CustodyError``.
    """
    manifest = read_manifest(backup)
    verdict = _prove(backup, policy)
    try:
        path = _config_file(backup, directory)
        config = load_config(path)
        if keys is not None:
            open_keys(*keys, config.gateway.keys, manifest.gateway)
        _check(config, manifest)
        logins, loops = _place(backup, config, manifest, now)
    except OSError as error:
        raise CustodyError(
            "restore.failed",
            f"{error.filename or directory} cannot be written or read: {error.strerror}.",
            "Look at the disk, and at who owns the directory; then begin with an empty one.",
        ) from error
    return Restored(path, config.gateway.data, manifest, verdict, logins, loops)


def _prove(backup: Path, policy: TlogPolicy | None) -> str:
    report = verify(backup, VerifyOptions(policy=policy, processes=usable_processors()))
    if report.exit not in {Exit.PROVED, Exit.CONSISTENT}:
        first = f" {report.faults[0].sentence}" if report.faults else ""
        raise CustodyError(
            "restore.unproved",
            f"The backup's evidence is not whole.{first}",
            "`custody verify` on it says more; take another copy or an older backup.",
        )
    return report.verdict


def _config_file(backup: Path, directory: Path) -> Path:
    path = directory / FILE_NAME
    if path.exists():
        return path
    if not (backup / CONFIG).exists():
        raise CustodyError(
            "usage.no-config",
            f"The backup holds no configuration, and there is none at {path}.",
            "Write it there first: it was left out because it held a secret.",
        )
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(backup / CONFIG, path)
    path.chmod(0o600)
    return path


def _check(config: Config, manifest: BackupManifest) -> None:
    gateway = config.gateway
    if gateway.name != manifest.gateway:
        raise CustodyError(
            "usage.other-gateway",
            f"The backup is {manifest.gateway}'s, the configuration is {gateway.name}'s.",
            "A log goes on under its own name only.",
        )
    if not gateway.keys.is_dir():
        raise CustodyError(
            "usage.no-keys",
            f"There are no keys at {gateway.keys}.",
            "Bring the keys back first: without them nothing opens the contents, nor can the log "
            "go on (docs/lost-keys.md).",
        )
    for name in (EVIDENCE, STATE):
        if (gateway.data / name).exists():
            raise CustodyError(
                "usage.restore-exists",
                f"{gateway.data / name} exists, and nothing is overwritten.",
                "Move the old data away first.",
            )


def _place(backup: Path, config: Config, manifest: BackupManifest, now: int) -> tuple[int, int]:
    data = config.gateway.data
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.chmod(0o700)
    shutil.copytree(backup / EVIDENCE, data / EVIDENCE)
    for name in manifest.files:
        if name not in {CONFIG, STATE} and not (data / name).exists():
            shutil.copyfile(backup / name, data / name)
            (data / name).chmod((backup / name).stat().st_mode & 0o644)
    if STATE not in manifest.files or (data / STATE).exists():
        return 0, 0
    # It gets its name once nothing of it lives: whatever ends this half-way revives no ticket.
    unfinished = data / f"{STATE}.restoring"
    shutil.copyfile(backup / STATE, unfinished)
    unfinished.chmod(0o600)
    with State.open(unfinished) as state:
        ended = state.end_all(now, REASON)
    unfinished.rename(data / STATE)
    return ended
