"""A copy of the state database for a backup.

Law: it is one moment's, whatever others write meanwhile, and the database itself is only read: it
is not migrated for being copied.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from custody.model.errors import CustodyError


def copy_state(path: Path, target: Path) -> None:
    """Into a new file for its owner only (SQLite's online backup). Raises ``state.unreadable``."""
    target.touch(mode=0o600, exist_ok=False)
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise CustodyError(
            "state.unreadable",
            f"The state database {path} cannot be copied: {error}.",
            "Check the file's owner and mode and the disk.",
        ) from error
