"""Reads files that may be absent, and distinguishes absence from a lack of permission.

Law: a file that is not there is evidence of something; a file that this person may not read is
evidence of nothing, so it ends the verification instead of colouring its verdict. Only regular
files are read, and no symbolic link is followed: what else stands in their place counts as absent,
cannot make the reader wait, and is named by ``survey.py``.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from custody.model.errors import CustodyError

HOLE_AT_MOST: Final = 16 * 1024 * 1024
"""No writer leaves a longer stretch without a byte in front of one that was written."""
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT: Final = frozenset(
    (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG)
)
_EXTENTS_AT_MOST: Final = 65536
_BEHIND: Final = 8192
"""A frame's last bytes may be zeros, which a sparse copy does not store."""


def read_bytes(path: Path, limit: int) -> bytes | None:
    """At most ``limit`` bytes; ``None`` where there is no such file. Raises ``CustodyError``."""
    return _read(path, limit, written=False)


def read_written(path: Path, limit: int) -> bytes | None:
    """As ``read_bytes``, without the zeros behind what was ever written, where the file system can
    tell, and no further than a hole that no writer leaves.
    """
    return _read(path, limit, written=True)


def written_end(descriptor: int, size: int) -> tuple[int, bool]:
    """Where the written part of a sparse file ends, and whether a hole that no writer leaves stands
    before more of it.
    """
    end = 0
    for _ in range(_EXTENTS_AT_MOST):
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return end, False
            return size, False  # this file system cannot tell
        if start >= size:
            return end, False
        if start - end > HOLE_AT_MOST:
            return end, True
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
    return end, True


def _read(path: Path, limit: int, *, written: bool) -> bytes | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        size = min(limit, status.st_size)
        if written and status.st_blocks * 512 < size:
            size = min(size, written_end(descriptor, size)[0] + _BEHIND)
        os.lseek(descriptor, 0, os.SEEK_SET)
        parts: list[bytes] = []
        while size > 0 and (part := os.read(descriptor, size)):
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def names(folder: Path) -> frozenset[str]:
    """A folder's names; none where there is no such folder. Raises ``CustodyError``."""
    try:
        descriptor = os.open(folder, _FLAGS | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in _ABSENT:
            return frozenset()
        raise _unreadable(folder, error) from error
    try:
        return frozenset(os.listdir(descriptor))  # noqa: PTH208  # names alone, and fast
    except OSError as error:
        raise _unreadable(folder, error) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> CustodyError:
    return CustodyError(
        "verify.unreadable",
        f"{path} cannot be read: {error.strerror or 'input/output error'}.",
        "Run verify as an account that may read all of the evidence, or on a copy of it.",
    )
