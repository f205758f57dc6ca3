"""Writing a file that only its owner may read.

Law: durably, and whole or not at all.
"""

import os
from pathlib import Path

from custody.model.errors import CustodyError


def replace_file(path: Path, data: bytes) -> None:
    """Raises ``vault.unwritable``; blocks."""
    partial = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise CustodyError(
            "vault.unwritable",
            f"{path} cannot be written: {error.strerror}.",
            "Check the folder's owner, its mode, and the disk's room.",
        ) from None
