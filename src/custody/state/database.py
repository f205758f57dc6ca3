"""Opening the SQLite file: its mode, its pragmas, its migrations.

Law: the file is never readable by others, a transaction takes the write lock when it begins, and
a database that a newer version wrote is refused rather than guessed at.
"""

import os
import stat
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc

from custody.model.errors import CustodyError
from custody.state.schema import HEAD

BUSY_SECONDS: Final = 5.0
"""How long a writer waits for another process's transaction; each is a few rows."""

READER_BUSY_SECONDS: Final = 0.05
"""How long a reader waits where somebody holds the file for himself alone, which no writer of ours
does: readers serve the event loop, and would rather fail."""

READING: Final = "custody_reading"
"""The execution option of connections that only read."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def open_engine(path: Path) -> Engine:
    """An engine on the file, created and migrated where needed."""
    try:
        _make_private(path)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        with engine.begin() as connection:
            _migrate(connection)
    except (OSError, exc.DBAPIError) as error:
        raise CustodyError(
            "state.unreadable",
            f"The state database {path} cannot be opened: {_cause(error)}.",
            "Check the file's owner and mode and the disk; state.db may be restored from a backup.",
        ) from error
    return engine


def _cause(error: OSError | exc.DBAPIError) -> str:
    return str(error.orig) if isinstance(error, exc.DBAPIError) else (error.strerror or "error")


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection has no public type
    # The driver's own transaction handling starts transactions late; `_begin` starts them.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # A ticket or a revocation that was acknowledged survives a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    # A reader must never wait for a writer: it may run in the event loop that serves clients.
    reading = options.get(READING)
    wait(connection, READER_BUSY_SECONDS if reading else BUSY_SECONDS)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def wait(connection: Connection, seconds: float) -> None:
    """How long what comes next on this connection waits for a lock."""
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")


def _migrate(connection: Connection) -> None:
    known = connection.exec_driver_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).scalar()
    revision = (
        connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if known
        else None
    )
    if revision == HEAD:
        return
    if revision is not None and str(revision) > HEAD:
        raise CustodyError(
            "state.too-new",
            f"The state database is at revision {revision}; this version knows {HEAD}.",
            "Run the newer version of custody, or restore the state.db that belongs to this one.",
        )
    # Alembic costs 100 ms of imports, which a start on an up-to-date file need not pay.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
