"""The survey: what stands in an evidence directory, before any of it is read.

Law: evidence is made of regular files of a bounded size in real directories. Whatever else stands
in their place (a symbolic link, a FIFO, a device, a directory, a file larger than its kind can be)
is a fault by its name, and nobody opens it. Names that the format does not know are no evidence,
and are counted.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from custody.evidence.disk.escrow_file import MAX_ESCROW_BYTES
from custody.evidence.tlog.note import MAX_NOTE_BYTES
from custody.evidence.verifier.file_access import read_bytes, written_end
from custody.evidence.verifier.known_formats import FORMAT_FILE, KNOWN_FORMATS
from custody.evidence.verifier.published_tree import MAX_FILE_BYTES
from custody.evidence.verifier.report import FaultKind, Findings, VerifyFault, counted, printable
from custody.model.errors import CustodyError

MAX_SEGMENT_BYTES: Final = 256 * 1024 * 1024
MAX_KEYS_BYTES: Final = 1 << 30
_MAX_BOOKMARK_BYTES: Final = 1 << 30
_MAX_FORMAT_BYTES: Final = 1 << 20
_TILE_BYTES: Final = 256 * 32
_STRAYS_NAMED: Final = 5

_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TILE: Final = r"(?:x[0-9]{3}/)*[0-9]{3}"
_FILES: Final = tuple(
    (re.compile(pattern, re.ASCII).fullmatch, limit)
    for pattern, limit in (
        (rf"log/[0-9]{{4}}/tile/[0-9]{{1,2}}/{_TILE}(?:\.p/[0-9]{{1,3}})?", _TILE_BYTES),
        (rf"log/[0-9]{{4}}/tile/entries/{_TILE}(?:\.p/[0-9]{{1,3}})?", MAX_FILE_BYTES),
        (rf"segments/{_DAY}/[0-9]{{3,6}}\.seg", MAX_SEGMENT_BYTES),
        (rf"wrapped/{_DAY}", MAX_KEYS_BYTES),
        (rf"escrow/{_DAY}", MAX_ESCROW_BYTES),
        (r"log/[0-9]{4}/checkpoint", MAX_NOTE_BYTES),
        (r"segments/(?:reserve|\.unfinished)", MAX_SEGMENT_BYTES),
        (r"log\.vkey", MAX_NOTE_BYTES),
        (r"FORMAT\.md", _MAX_FORMAT_BYTES),
        (r"bookmark", _MAX_BOOKMARK_BYTES),
        (r"lock", 0),
    )
)
"""What may stand here, by the whole path, and how many bytes it may have."""
_FOLDERS: Final = re.compile(
    rf"(?:log|segments|wrapped|escrow)|segments/{_DAY}|log/[0-9]{{4}}(?:/tile(?:/(?:entries|[0-9]{{1,2}})"
    r"(?:/x[0-9]{3})*(?:/[0-9]{3}\.p)?)?)?",
    re.ASCII,
).fullmatch
_WHAT: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a directory"),
)


def refuse_irregular(evidence: Path) -> None:
    """For readers that trust the directory more than ``verify`` does. Raises ``CustodyError`` where
    something else than a file of a possible size stands in the place of evidence.
    """
    findings = Findings()
    Survey(evidence, findings).run()
    for fault in findings.faults:
        if fault.kind in {FaultKind.FILE_NOT_REGULAR, FaultKind.FILE_TOO_LARGE}:
            raise CustodyError(
                "verify.irregular",
                f"This directory is not read: {fault.sentence}",
                "See what `custody verify` says of it, and ask for another copy.",
            )


@dataclass(slots=True)
class Survey:
    """One look at everything. ``strays`` are names that the format does not know."""

    evidence: Path
    findings: Findings
    strays: int = 0
    _named: tuple[str, ...] = ()

    def run(self) -> None:
        """Raises ``CustodyError`` where a folder may not be read."""
        self._folder("")
        self._format()
        if self.strays:
            shown = ", ".join(map(printable, self._named))
            more = ", …" if self.strays > len(self._named) else ""
            self.findings.not_proved.append(
                f"{counted(self.strays, 'name')} here that the format does not know, and that "
                f"nothing was read from: {shown}{more}"
            )

    def _folder(self, relative: str) -> None:
        prefix = f"{relative}/" if relative else ""
        try:
            with os.scandir(self.evidence / relative) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise CustodyError(
                "verify.unreadable",
                f"{self.evidence / relative} cannot be read: {error.strerror}.",
                "Run verify as an account that may read all of the evidence, or on a copy of it.",
            ) from error
        for entry in found:
            self._entry(prefix + entry.name, entry)

    def _entry(self, path: str, entry: "os.DirEntry[str]") -> None:
        if _FOLDERS(path) is not None:
            if entry.is_dir(follow_symlinks=False):
                self._folder(path)
            else:
                self._irregular(path, entry, "a directory belongs")
            return
        limit = next((limit for matches, limit in _FILES if matches(path)), None)
        if limit is None:
            self.strays += 1
            if len(self._named) < _STRAYS_NAMED:
                self._named = (*self._named, path)
        elif not entry.is_file(follow_symlinks=False):
            self._irregular(path, entry, "a file belongs")
        else:
            self._size(path, entry, limit)

    def _irregular(self, path: str, entry: "os.DirEntry[str]", due: str) -> None:
        mode = _status(entry).st_mode
        what = next((name for is_it, name in _WHAT if is_it(mode)), "something else")
        if stat.S_ISREG(mode):
            what = "a file"
        sentence = f"{path} is {what}, where {due}; it was not opened."
        self._add(FaultKind.FILE_NOT_REGULAR, sentence, path)

    def _size(self, path: str, entry: "os.DirEntry[str]", limit: int) -> None:
        status = _status(entry)
        if status.st_size > limit:
            sentence = f"{path} has {status.st_size} bytes; its kind has at most {limit}."
            self._add(FaultKind.FILE_TOO_LARGE, sentence, path)
        elif path.endswith(".seg") and status.st_blocks * 512 < status.st_size:
            _look(self.evidence / path, lambda: self._sparse(path))

    def _sparse(self, path: str) -> None:
        sentence = f"{path} has a hole before its last bytes that no writer leaves."
        self._add(FaultKind.SEGMENT_SPARSE, sentence, path)

    def _format(self) -> None:
        text = read_bytes(self.evidence / FORMAT_FILE, _MAX_FORMAT_BYTES)
        if text is None:
            sentence = f"{FORMAT_FILE}, which says how to read this directory, is missing."
            self._add(FaultKind.FORMAT_FILE_MISSING, sentence, FORMAT_FILE)
        elif sha256(text).hexdigest() not in KNOWN_FORMATS:
            sentence = f"{FORMAT_FILE} is not one of the texts that a gateway writes."
            self._add(FaultKind.FORMAT_FILE_ALTERED, sentence, FORMAT_FILE)

    def _add(self, kind: FaultKind, sentence: str, path: str) -> None:
        self.findings.add(VerifyFault(kind, sentence, path=path))


def _status(entry: "os.DirEntry[str]") -> os.stat_result:
    return entry.stat(follow_symlinks=False)


def _look(path: Path, report: Callable[[], None]) -> None:
    """Report a sparse file whose hole no writer leaves."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return  # whoever reads it says so
    try:
        if written_end(descriptor, os.fstat(descriptor).st_size)[1]:
            report()
    finally:
        os.close(descriptor)
