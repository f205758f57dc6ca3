"""The database's own faults as ``CustodyError``.

Law: a call to the state database returns or raises ``CustodyError``, never a driver's error.
"""

from sqlalchemy import exc

from custody.model.errors import CustodyError


class DatabaseErrors:
    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, exc.DBAPIError):
            raise CustodyError(
                "state.failed",
                f"The state database failed: {error.orig}.",
                "Check the disk, and that no other program holds state.db locked.",
            ) from error
