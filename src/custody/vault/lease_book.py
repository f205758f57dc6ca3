"""Which leases are out, on disk, so that a crash leaves none behind.

Law: a lease is in the book before its credential is used, and leaves it only once the store has
confirmed that it opens nothing. The book holds names of leases and no secret.
"""

from pathlib import Path
from typing import Final

import msgspec

from custody.model.errors import CustodyError
from custody.model.words import LoopId, TargetName
from custody.vault.private_file import replace_file

MOST_LEASES: Final = 10_000


class OpenLease(msgspec.Struct, frozen=True):
    """A lease that is out."""

    store: str
    lease: str
    loop: LoopId
    target: TargetName


class LeaseBook:
    """Blocks; not for several threads at once."""

    def __init__(self, path: Path) -> None:
        """Raises ``vault.lease-book`` where there is a book that cannot be read."""
        self._path: Final = path
        self._open_leases: dict[str, OpenLease] = {}
        try:
            for lease in msgspec.json.decode(path.read_bytes(), type=list[OpenLease]):
                self._open_leases[lease.lease] = lease
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            raise CustodyError(
                "vault.lease-book",
                f"{path} cannot be read, so leases of an earlier run may be out.",
                "Revoke them at the store (their names are in the evidence: "
                "`custody search kind:credential.leased`), then move the file away.",
            ) from None

    @property
    def open_leases(self) -> tuple[OpenLease, ...]:
        return tuple(self._open_leases.values())

    def add(self, lease: OpenLease) -> None:
        """Raises ``vault.lease-book``, ``vault.unwritable``; then the lease must not be used."""
        if len(self._open_leases) >= MOST_LEASES:
            raise CustodyError("vault.lease-book", f"{MOST_LEASES} leases are out.", "End loops.")
        self._open_leases[lease.lease] = lease
        self._save()

    def remove(self, lease: str) -> None:
        """Raises ``vault.unwritable``; then it is out still."""
        removed = self._open_leases.pop(lease, None)
        if removed is None:
            return
        try:
            self._save()
        except CustodyError:
            self._open_leases[lease] = removed
            raise

    def _save(self) -> None:
        replace_file(self._path, msgspec.json.encode(list(self._open_leases.values())))
