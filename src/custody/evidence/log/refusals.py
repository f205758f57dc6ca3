"""The errors with which the log refuses a record.

Law: a refusal leaves no trace in the log, names its cure, and holds nothing of the record.
"""

import errno
import re
from typing import Final

from custody.evidence.disk.files import SyncFailedError
from custody.evidence.log.chains import Chain
from custody.evidence.record.leaf_facts import RecordKind
from custody.model.errors import LogFailureError

_SESSION: Final = re.compile("ses_[a-z2-7]{20}", re.ASCII)
_LOOP: Final = re.compile("loop_[a-z2-7]{20}", re.ASCII)
_KNOWN_LOOPS: Final = 65536
_FULL_CODES: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


class LogBrokenError(LogFailureError):
    """The disk failed under the log. The process must end; a start recovers what is there."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "log.broken",
            f"The evidence log cannot be written: {reason}.",
            "Repair the disk, then start the gateway again; it recovers by itself.",
        )


def is_fatal(error: OSError) -> bool:
    """A failed sync leaves nobody knowing what is on disk, unless it only says that it is full."""
    return isinstance(error, SyncFailedError) and error.errno not in _FULL_CODES


def new_chain(session: str, kind: RecordKind) -> Chain:
    """For a session that begins with a record of this kind."""
    if not kind.opens:
        raise LogFailureError(
            "log.no-session", f"A {kind.name} record belongs to a session that is not open."
        )
    if not _SESSION.fullmatch(session):
        raise bad_id()
    return Chain()


def check_loop(known: set[str], loop: str) -> None:
    """Raises where this is no id of the gateway's; else ``known`` has it from now on."""
    if not _LOOP.fullmatch(loop):
        raise bad_id()
    if len(known) >= _KNOWN_LOOPS:
        known.clear()
    known.add(loop)


def bad_id() -> LogFailureError:
    return LogFailureError("log.id", "A record's loop or session is not an id of the gateway's.")


def unsigned() -> LogFailureError:
    return LogFailureError(
        "log.unsigned",
        "Too many records could not be signed and published, so new commands are refused.",
        "See why publishing fails with `custody doctor`; service returns by itself.",
    )


def disk_full() -> LogFailureError:
    return LogFailureError(
        "log.full",
        "The evidence disk is full, so new commands cannot be recorded and are refused.",
        "Free space on it; service returns by itself.",
    )
