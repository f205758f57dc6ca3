"""Reads files that may be absent, and distinguishes absence from a lack of permission.

Law: a file that is not there is evidence of something; a file that this person may not read is
evidence of nothing, so it ends the verification instead of colouring its verdict.
"""

import os
from pathlib import Path
from typing import Final

from custody.model.errors import CustodyError

_ABSENT: Final = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


def read_bytes(path: Path, limit: int) -> bytes | None:
    """At most ``limit`` bytes; ``None`` where there is no such file. Raises ``CustodyError``."""
    try:
        with path.open("rb") as file:
            # Asked for the limit itself, a buffer of that size would be made for each file.
            return file.read(min(limit, os.fstat(file.fileno()).st_size + 1))
    except _ABSENT:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def names(folder: Path) -> frozenset[str]:
    """A folder's names; none where there is no such folder. Raises ``CustodyError``."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208  # names alone, and fast
    except _ABSENT:
        return frozenset()
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(path: Path, error: OSError) -> CustodyError:
    return CustodyError(
        "verify.unreadable",
        f"{path} cannot be read: {error.strerror or 'input/output error'}.",
        "Run verify as an account that may read all of the evidence, or on a copy of it.",
    )
