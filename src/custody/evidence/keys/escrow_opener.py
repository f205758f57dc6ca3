"""Day keys out of escrow lines: for reading and verifying a copy without the gateway's keys.

Law: it asks for nothing but a recipient's private key and the evidence directory, which may be a
stranger's: it is read as the verifier reads. A day that has no line for that key is said to have
none; it is never confused with one that was spoilt.
"""

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple

from custody.evidence.disk.escrow_file import (
    MAX_ESCROW_BYTES,
    EscrowDay,
    escrow_header,
    escrow_path,
    parse_escrow,
)
from custody.evidence.keys.escrow import EscrowKey
from custody.evidence.record.seal import SealError
from custody.model.errors import CustodyError

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
_ORIGIN_BYTES: Final = 4096


class CautiousFiles(NamedTuple):
    """Reads that no stranger's directory can make wait: ``read_bytes`` and ``names`` of the
    verifier's ``file_access``.
    """

    read: Callable[[Path, int], bytes | None]
    names: Callable[[Path], Collection[str]]


class EscrowOpener:
    """Opens the days of one evidence directory."""

    def __init__(self, files: CautiousFiles, evidence: Path, key: EscrowKey) -> None:
        """Raises ``escrow.no-log`` where the directory does not say whose it is."""
        self._files: Final = files
        self._evidence: Final = evidence
        self._key: Final = key
        self.name: Final = _gateway_name(files, evidence)

    def days(self) -> list[str]:
        """Those that have a line for this key, oldest first."""
        names = sorted(filter(_DAY.fullmatch, self._files.names(self._evidence / "escrow")))
        return [name for name in names if self._is_for_key(self._read(name))]

    def open_day(self, day: str, _wrapped: bytes) -> bytes | None:
        """As ``verifier.VerifyOptions.open_day``. Raises ``CustodyError``."""
        return self._key.open_day_key(f"{self.name}/{day[:4]}", self._read(day))

    def unwrap(self, day: str, wrapped: bytes) -> bytes:
        """As ``EvidenceReader`` asks for it. Raises ``SealError``."""
        try:
            secret = self.open_day(day, wrapped)
        except CustodyError as error:
            raise SealError(error.code, error.fault) from None
        if secret is None:
            raise SealError("escrow.not-for-key", f"{day} has no escrow line for this key.")
        return secret

    def _read(self, day: str) -> EscrowDay:
        data = self._files.read(escrow_path(self._evidence, day), MAX_ESCROW_BYTES)
        return parse_escrow(escrow_header(day) if data is None else data, day)

    def _is_for_key(self, escrow: EscrowDay) -> bool:
        return any(line.key == self._key.public and line.sealed for line in escrow.lines)


def _gateway_name(files: CautiousFiles, evidence: Path) -> str:
    """Whose evidence it says that it is. Raises ``escrow.no-log``."""
    years = sorted(filter(_YEAR.fullmatch, files.names(evidence / "log")), reverse=True)
    for path in (
        evidence / "log.vkey",
        *(evidence / "log" / year / "checkpoint" for year in years),
    ):
        data = files.read(path, _ORIGIN_BYTES) or b""
        origin = data.partition(b"\n")[0].partition(b"+")[0].decode("ascii", "replace")
        if name := origin.rpartition("/")[0]:
            return name
    raise CustodyError(
        "escrow.no-log",
        f"{evidence} does not say whose evidence it is: log.vkey and checkpoints are missing.",
        "Name a whole copy of the evidence directory.",
    )
