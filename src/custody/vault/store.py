"""The face of whatever keeps credentials.

Law: a store gives a credential or raises a ``CustodyError`` that names the reference and never a
value; it waits for no longer than ``READ_SECONDS``, and keeps no value that it has given.
"""

from typing import Final, Protocol

from custody.model.errors import CustodyError
from custody.model.identity import Credential

READ_SECONDS: Final = 5.0
LONGEST_SECRET: Final = 65_536


class Store(Protocol):
    async def read(self, place: str) -> Credential:
        """The credential at a place, as it is now. With a ``lease`` where it was made for the
        caller alone.
        """
        ...

    async def renew(self, credential: Credential) -> Credential:
        """The same credential, holding longer where the store lets it. Raises ``vault.lease``
        where it does not: then a new one is to be read.
        """
        ...

    async def revoke(self, lease: str) -> bool:
        """Make what was leased open nothing any more. False where the store could not be asked."""
        ...

    async def check(self) -> str:
        """One line on what was reached and as whom, for an operator. Raises as ``read``."""
        ...


def empty(source: str, cure: str) -> CustodyError:
    return CustodyError("vault.empty", f"The credential at `{source}` is empty.", cure)


def not_leased(source: str) -> CustodyError:
    return CustodyError(
        "vault.lease", f"What `{source}` gave is not a lease, or holds no longer.", ""
    )
