"""SQLite's errors as ``CustodyError``.

Law: a damaged file is not a failing disk: the first is discarded and built again, the second is
waited out.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from custody.index.filter import IndexDamagedError
from custody.model.errors import CustodyError

_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_INTERRUPT,
    }
)


@contextmanager
def named(day: str) -> Iterator[None]:
    """Raise ``IndexDamagedError`` or ``index.failed`` where SQLite raises its own."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        # The low byte is the primary result code; the rest says more about it.
        if code & 0xFF in _DISK:
            raise CustodyError(
                "index.failed",
                f"The index of {day} cannot be used now: {error}.",
                "Check the disk and the modes of data/index; evidence itself is not affected.",
            ) from error
        raise IndexDamagedError(day, str(error)) from error
    except msgspec.DecodeError as error:
        raise IndexDamagedError(day, "a column does not decode") from error
