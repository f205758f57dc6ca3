"""One day's file, for the one that writes it.

Law: a part of a batch and the watermark behind it are one transaction, so that a crash loses
nothing and doubles nothing. The file is never readable by others.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from custody.index.entry import (
    EventAmendment,
    EventContext,
    EventDraft,
    TransactionAmendment,
    searched,
)
from custody.index.fault import named
from custody.index.filter import IndexDamagedError, UnreadRecords, Watermark
from custody.index.schema import TABLES, VERSION
from custody.index.text import fold, pack, words
from custody.model.record import StoredRecord

BUSY_SECONDS: Final = 10.0
COMMANDS_KEPT: Final = 10_000
RANGES_KEPT: Final = 100


class UnreadSoFar(msgspec.Struct, frozen=True):
    """What could not be read of the log, from its beginning up to the end of this day."""

    records: int = 0
    ranges: tuple[UnreadRecords, ...] = ()

    def and_also(self, more: Sequence[UnreadRecords]) -> "UnreadSoFar":
        ranges = list(self.ranges)
        for each in more:
            before = ranges[-1] if ranges else None
            if before is not None and _follows(before, each):
                ranges[-1] = UnreadRecords(each.log, before.first, each.last, each.code)
            elif len(ranges) < RANGES_KEPT:
                ranges.append(each)
        return UnreadSoFar(
            self.records + sum(each.last + 1 - each.first for each in more), tuple(ranges)
        )


def _follows(before: UnreadRecords, each: UnreadRecords) -> bool:
    return (before.log, before.last + 1, before.code) == (each.log, each.first, each.code)


class DayState(NamedTuple):
    """What a file tells about itself."""

    version: int
    log: str
    watermark: Watermark
    earliest: int
    latest: int
    """The least and the greatest time of an event, ms; 0 and 0 where there is none."""
    unread: UnreadSoFar


def connect(path: Path, day: str, *, alone: bool = False) -> sqlite3.Connection:
    """Open an existing file; never makes one. ``alone`` reads a file that nobody writes, and makes
    nothing beside it. Raises as ``fault.named`` does.
    """
    with named(day):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'ro&immutable=1' if alone else 'rw'}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


def about(connection: sqlite3.Connection, day: str) -> DayState:
    """The file's own facts. Raises ``IndexDamagedError`` where they are not of this version."""
    with named(day):
        rows = dict(connection.execute("SELECT key, value FROM meta"))
    try:
        known = DayState(
            int(rows["version"]),
            rows["log"],
            Watermark(rows["log"], int(rows["next"])),
            int(rows["earliest"]),
            int(rows["latest"]),
            msgspec.json.decode(rows["unread"], type=UnreadSoFar),
        )
    except (KeyError, ValueError, TypeError, msgspec.DecodeError):
        raise IndexDamagedError(day, "it does not say what it holds") from None
    if known.version != VERSION:
        raise IndexDamagedError(day, f"it has version {known.version}, not {VERSION}")
    return known


OF_SESSION: Final = "session = ?"
OF_LOOP: Final = "session = '' AND target = '' AND identity <> '' AND loop = ?"


def place_of(connection: sqlite3.Connection, condition: str, value: str) -> EventContext | None:
    """What a file tells of a session or loop: ``OF_SESSION`` or ``OF_LOOP``."""
    row = connection.execute(
        "SELECT loop, session, target, identity, issuer FROM place"  # noqa: S608 - the conditions above
        f" WHERE {condition} ORDER BY id LIMIT 1",
        (value,),
    ).fetchone()
    return None if row is None else EventContext(*row)


_AMEND: Final = (
    "UPDATE event SET outcome = ?, rows = coalesce(?, rows), committed = ?,"
    " detail = json_patch(iif(detail = '', '{}', detail), ?) WHERE position = ?"
)
_AMEND_ONCE: Final = (
    "UPDATE event SET outcome = ?, rows = coalesce(?, rows), committed = ?,"
    " detail = json_patch(?, iif(detail = '', '{}', detail)) WHERE position = ?"
)


class DayWriter:
    """Writes one day's file. One writer at a time; its caller sees to that."""

    def __init__(self, path: Path, day: str) -> None:
        self.day: Final = day
        self._path: Final = path
        self._connection: Final = connect(path, day)
        self._inode: Final = path.stat().st_ino
        self._places: Final[dict[EventContext, int]] = {}
        self._commands: Final[dict[tuple[EventContext, int], int]] = {}
        """Where commands stand whose answers are due: most come soon after."""
        self.known: DayState = about(self._connection, day)

    @classmethod
    def create(cls, path: Path, day: str, first: Watermark, unread: UnreadSoFar) -> Self:
        """Make the file of a new day; it appears whole or not at all."""
        fresh = path.with_suffix(".new")
        for leftover in (fresh, Path(f"{fresh}-wal"), Path(f"{fresh}-shm")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        connection = connect(fresh, day)
        with named(day):
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {TABLES} COMMIT;")
            connection.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [
                    ("version", str(VERSION)),
                    ("log", first.log),
                    ("next", str(first.index)),
                    ("earliest", "0"),
                    ("latest", "0"),
                    ("unread", msgspec.json.encode(unread).decode()),
                ],
            )
        connection.close()
        fresh.rename(path)
        return cls(path, day)

    def close(self) -> None:
        self._connection.close()

    @property
    def present(self) -> bool:
        """Whether the file is still the one that was opened: others may have discarded it."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def write(self, act: Callable[[], None], through: Watermark | None = None) -> None:
        """Do ``act`` and move the watermark, in one transaction."""
        before = self.known
        with named(self.day):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                act()
                if through is not None:
                    self.known = self.known._replace(watermark=through)
                    self._tell("next", through.index)
                    self._tell("earliest", self.known.earliest)
                    self._tell("latest", self.known.latest)
                self._connection.execute("COMMIT")
            except BaseException:
                self.known = before
                self._places.clear()
                self._commands.clear()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def add_unread(self, more: Sequence[UnreadRecords]) -> None:
        """Within ``write``."""
        unread = self.known.unread.and_also(more)
        self.known = self.known._replace(unread=unread)
        self._connection.execute(
            "UPDATE meta SET value = ? WHERE key = 'unread'",
            (msgspec.json.encode(unread).decode(),),
        )

    def _tell(self, key: str, value: int) -> None:
        self._connection.execute("UPDATE meta SET value = ? WHERE key = ?", (str(value), key))

    def insert(self, record: StoredRecord, draft: EventDraft) -> None:
        """Keep an event, unless it is there. Within ``write``."""
        added = self._connection.execute(
            "INSERT OR IGNORE INTO event VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'')",
            (
                record.index,
                self._place(draft.place),
                record.time,
                record.n,
                draft.kind,
                pack(draft.effects),
                pack(draft.objects),
                draft.action,
                draft.text,
                msgspec.json.encode(draft.arguments).decode() if draft.arguments else "",
                draft.verdict,
                draft.rule,
                draft.outcome,
                draft.rows,
                msgspec.json.encode(draft.detail).decode() if draft.detail else "",
                int(draft.cut),
            ),
        )
        if added.rowcount:
            earliest, latest = self.known.earliest or record.time, self.known.latest
            self.known = self.known._replace(
                earliest=min(earliest, record.time), latest=max(latest, record.time)
            )
            self._searchable(2 * record.index, searched(draft.text, draft.arguments))
            if draft.kind == "command":
                if len(self._commands) >= COMMANDS_KEPT:
                    self._commands.clear()
                self._commands[draft.place, record.n] = record.index

    def amend(self, amendment: EventAmendment) -> bool:
        """Add to an event of this day; false where it has none such. Within ``write``."""
        position = self._owner(amendment)
        if position is None:
            return False
        # A crash can have the end of a loop recorded once more: the first one counts.
        self._connection.execute(
            _AMEND_ONCE if amendment.kind == "loop.start" else _AMEND,
            (
                amendment.outcome,
                amendment.rows,
                amendment.committed,
                msgspec.json.encode(amendment.detail).decode(),
                position,
            ),
        )
        if amendment.cut:
            self._connection.execute("UPDATE event SET cut = 1 WHERE position = ?", (position,))
        if amendment.result:
            added = self._connection.execute(
                "INSERT OR IGNORE INTO result VALUES (?, ?)", (position, amendment.result)
            )
            if added.rowcount:
                self._searchable(2 * position + 1, amendment.result)
        return True

    def amend_transaction(self, amendment: TransactionAmendment) -> bool:
        """Say of its commands of this day how they ended; whether its first one is of this day.
        What was undone before, to a savepoint, stays so. Within ``write``.
        """
        place = self._find_place(amendment.place)
        if place is None:
            return False
        self._connection.execute(
            "UPDATE event SET committed = ? WHERE place = ? AND n BETWEEN ? AND ?"
            " AND kind = 'command' AND outcome = 'ok'"
            " AND (committed = '' OR (committed = 'yes' AND ? <> 'yes'))",
            (amendment.committed, place, amendment.first, amendment.last, amendment.committed),
        )
        row = self._connection.execute(
            "SELECT 1 FROM event WHERE place = ? AND n <= ? LIMIT 1", (place, amendment.first)
        ).fetchone()
        return row is not None

    def place_of_session(self, session: str) -> EventContext | None:
        with named(self.day):
            return place_of(self._connection, OF_SESSION, session)

    def place_of_loop(self, loop: str) -> EventContext | None:
        with named(self.day):
            return place_of(self._connection, OF_LOOP, loop)

    def _owner(self, amendment: EventAmendment) -> int | None:
        if amendment.kind == "command":
            at = self._commands.pop((amendment.place, amendment.n), None)
            if at is not None:
                return at
        place = self._find_place(amendment.place)
        if place is None:
            return None
        # A session's first record is found from the front, an open command from the back: neither
        # walks through the session.
        direction = "" if amendment.kind == "session.start" else "DESC"
        row = self._connection.execute(
            "SELECT position FROM event WHERE place = ? AND n = ? AND kind = ?"  # noqa: S608 - one of two words
            f" ORDER BY position {direction} LIMIT 1",
            (place, amendment.n, amendment.kind),
        ).fetchone()
        return None if row is None else int(row[0])

    def _find_place(self, place: EventContext) -> int | None:
        if place in self._places:
            return self._places[place]
        row = self._connection.execute(
            "SELECT id FROM place WHERE"
            " session = ? AND loop = ? AND target = ? AND identity = ? AND issuer = ?",
            (place.session, place.loop, place.target, place.identity, place.issuer),
        ).fetchone()
        if row is None:
            return None
        self._remember(place, int(row[0]))
        return int(row[0])

    def _place(self, place: EventContext) -> int:
        found = self._find_place(place)
        if found is not None:
            return found
        made = self._connection.execute(
            "INSERT INTO place (loop, session, target, identity, issuer) VALUES (?,?,?,?,?)",
            (place.loop, place.session, place.target, place.identity, place.issuer),
        ).lastrowid
        if made is None:  # SQLite gives one for every INSERT
            raise IndexDamagedError(self.day, "a place has no number")
        self._remember(place, made)
        return made

    def _remember(self, place: EventContext, number: int) -> None:
        if len(self._places) >= 10_000:
            self._places.clear()
        self._places[place] = number

    def _searchable(self, rowid: int, text: str) -> None:
        folded = fold(text)
        self._connection.execute(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", (rowid, " ".join(words(folded)))
        )
        self._connection.execute("INSERT INTO grams (rowid, text) VALUES (?, ?)", (rowid, folded))
