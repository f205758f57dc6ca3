"""The open day: its key, its file of wrapped keys, and the keys of its scopes.

Law: a day key is wrapped and on disk, its directories too, before anything is sealed under it; the
key of a new scope is on disk no later than the first record that it seals.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from custody.evidence.disk.escrow_file import EscrowDay
from custody.evidence.disk.files import (
    Files,
    OpenFile,
    add_file,
    make_durable_directory,
    read_if_there,
    replace_file,
)
from custody.evidence.disk.segment import segments_directory
from custody.evidence.disk.wrapped_keys import (
    LOG_SCOPE,
    DayKey,
    WrappedDay,
    first_lines,
    header,
    key_line,
    line_hash,
    parse,
    whole_lines,
)
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.keys.keyring import KeyService
from custody.evidence.log.escrow import write_escrow
from custody.evidence.record.seal import KEY_SIZE, SealError
from custody.model.errors import LogFailureError

_PADDING: Final = b"\n" * 32768
_LOW_BYTES: Final = 16384
"""Some 140 new sessions."""


class DayLines(NamedTuple):
    """What the first leaf of a day commits to beside its scope's key."""

    day: str
    """``line_hash`` of the day's line."""
    escrow: str
    """``EscrowDay.commitment`` of its escrow lines; empty where there are none."""


COMMITTED: Final = DayLines("", "")
"""Where an earlier leaf does, since the log was opened."""


class ScopeKey(NamedTuple):
    key: bytes
    line: bytes
    """What must be added to the day's file with the first record; empty for a known scope."""
    commitment: str
    """The line's hash, for the leaf of the first record since the log was opened; else empty."""


class OpenDay:
    """A day that records can be sealed under."""

    __slots__ = (
        "_file",
        "_key",
        "_keys",
        "_lock",
        "_padded",
        "_queued_size",
        "_random",
        "_size",
        "_uncommitted",
        "_unwritten",
        "_wrapped",
        "commitment",
        "content_key",
        "day",
        "escrow",
    )

    def __init__(  # noqa: PLR0917 - what is read of a day, once
        self,
        key: DayKey,
        wrapped: WrappedDay,
        file: OpenFile,
        size: int,
        escrow: EscrowDay,
        random: Callable[[int], bytes],
    ) -> None:
        """``size``: where the next line goes in the file; behind it stands padding."""
        self.day = key.day
        self.escrow = escrow
        """For whom its key is sealed beside the gateway."""
        self.content_key = key.content_key()
        self._key = key
        self.commitment = DayLines(wrapped.day_hash, escrow.commitment)
        """For the leaf of the day's first record; ``COMMITTED`` from there on."""
        self._wrapped = wrapped
        self._keys: dict[str, bytes] = {}
        self._unwritten: dict[str, bytes] = {}
        self._uncommitted: dict[str, str] = {}
        self._file = file
        self._size = size
        self._queued_size = size
        self._padded = file.size()
        self._lock = threading.Lock()
        self._random = random

    def session_key(self, scope: str) -> ScopeKey:
        """A new key for a session that begins; the caller keeps it while the session is open."""
        known = self._wrapped.keys.get(scope)
        if known is not None:  # made by an earlier run on this day
            return ScopeKey(self._key.unwrap(scope, known), b"", self._wrapped.hashes[scope])
        key = self._random(KEY_SIZE)
        line = key_line(scope, self._key.wrap(scope, key, self._random))
        return ScopeKey(key, line, line_hash(line))

    def scope_key(self, session: str | None, loop: str | None) -> ScopeKey:
        """The key of a scope that is new today, or of one that is no session."""
        if session is None:
            return self.lasting_key(loop or LOG_SCOPE)
        return self.session_key(session)

    def lasting_key(self, scope: str) -> ScopeKey:
        """The key of a loop, or of the log itself, which is kept for the day."""
        known = self._keys.get(scope)
        if known is None:
            made = self.session_key(scope)
            known = self._keys[scope] = made.key
            if made.line:
                self._unwritten[scope] = made.line
            self._uncommitted[scope] = made.commitment
        unwritten, uncommitted = self._unwritten, self._uncommitted
        return ScopeKey(known, unwritten.get(scope, b""), uncommitted.get(scope, ""))

    @property
    def left(self) -> int:
        """Bytes of lines that can be added without any more disk space."""
        return self._padded - self._queued_size

    @property
    def low(self) -> bool:
        return self.left < _LOW_BYTES

    def queued(self, scope: str, line: bytes) -> None:
        """The scope's line goes to disk with the record that is being queued, and its leaf commits
        to it.
        """
        self._unwritten.pop(scope, None)
        self._uncommitted.pop(scope, None)
        self._queued_size += len(line)

    def write(self, lines: bytes) -> None:
        """Add lines, synced."""
        with self._lock:
            self._file.write_at(lines, self._size)
            self._size += len(lines)
            self._padded = max(self._padded, self._size)
            self._file.sync()

    def extend(self) -> None:
        """Take disk space ahead of need, as empty lines; from any thread. Raises ``OSError``."""
        with self._lock:
            if self.low:
                end = max(self._padded, self._queued_size)
                self._file.write_at(_PADDING, end)
                self._file.sync()
                self._padded = end + len(_PADDING)

    def close(self) -> None:
        self._file.close()


def wrapped_path(evidence: Path, day: str) -> Path:
    return evidence / "wrapped" / day


def open_day(  # noqa: PLR0917 - where, whose, which, by what chance, and for whom
    files: Files,
    evidence: Path,
    keys: KeyService,
    day: str,
    random: Callable[[int], bytes],
    recipients: Sequence[EscrowRecipient],
) -> OpenDay:
    """The day's keys, made and synced if it is new. Blocks for disk and key-holder.

    Raises ``LogFailureError`` where the key does not open, a file's header is another, or nothing
    can be sealed for a recipient.
    """
    make_durable_directory(files, segments_directory(evidence) / day)
    path = wrapped_path(evidence, day)
    make_durable_directory(files, path.parent)
    data = read_if_there(files, path)
    if data is None:
        secret = random(KEY_SIZE)
        data = first_lines(day, keys.wrap(day, secret))
        add_file(files, path, data)
        files.sync_directory(path.parent)
    else:
        if not data.startswith(header(day)):
            # No crash leaves that; a right one written over it would hide what was done.
            raise LogFailureError(
                "log.key-file",
                f"The key file {path} was altered: its first line is not that day's.",
                "Run `custody verify` on the data directory before anything else.",
            )
        secret = _unwrap_day(keys, day, parse(data, day).day_key)
    origin = f"{keys.name}/{day[:4]}"
    escrow = write_escrow(files, evidence, origin, day, secret, recipients)
    whole = whole_lines(data, day)
    if not data.startswith(whole) or data[len(whole) :].strip(b"\n"):
        # Lines that a crash cut short: nothing durable was sealed under them.
        replace_file(files, path, whole)
    file = files.open(path, write=True)
    try:
        # A killed process may have named the file, or written keys, and not synced it: both are
        # built upon from here on.
        file.sync()
        files.sync_directory(path.parent)
    except OSError:
        file.close()
        raise
    return OpenDay(DayKey(day, secret), parse(whole, day), file, len(whole), escrow, random)


def _unwrap_day(keys: KeyService, day: str, wrapped: bytes) -> bytes:
    try:
        return keys.unwrap(day, wrapped)
    except (SealError, LogFailureError) as error:
        raise LogFailureError(
            "log.day-key",
            f"The key of {day} does not open: {error.fault}",
            "Check that `keys` names this log's own keys; run `custody verify`.",
        ) from None
