"""The face of whatever keeps credentials, and what a store declares of itself.

Law: a store gives a credential or raises a ``CustodyError`` that names the reference and never a
value; it waits for no longer than ``READ_SECONDS``, and keeps no value that it has given. Its
scheme, its words, its table and how it is made stand in its own module, as one ``StoreKind``.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from custody.model.errors import CustodyError
from custody.model.identity import Credential

READ_SECONDS: Final = 5.0
LONGEST_SECRET: Final = 65_536
POD_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account's token, and whom to trust."""


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


class StoreHost(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway lends to its stores."""

    environment: Mapping[str, str]
    folder: Path
    """The configuration file's, from which relative paths start."""
    data: Path
    keys: Path
    clock: Callable[[], int]
    """Unix milliseconds."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one table says of one store."""

    name: str
    """As references call it: ``vault``, or ``vault+NAME``."""

    def faults(self) -> Iterator[CustodyError]:
        """What the table lacks that its other keys call for."""
        return iter(())

    def open(self, host: StoreHost) -> Store:
        """Raises ``vault.address``, ``vault.ca``. Reaches nothing yet."""
        raise NotImplementedError  # each scheme's settings open a store of their own


class ReferenceForm(msgspec.Struct, frozen=True):
    """One row of the documents' list of references."""

    places: tuple[str, ...]
    """What comes after the scheme."""
    where: str
    rotates: str


class StoreKind(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme of references."""

    scheme: str
    place: str = "…"
    """How messages write what comes after the scheme."""
    place_words: str = "the place of the secret"
    forms: tuple[ReferenceForm, ...]
    fits: Callable[[str], bool] = bool
    """Whether a place can be one at all."""
    table: str = ""
    """The table that configures such stores; ``[TABLE.NAME]`` is what ``SCHEME+NAME:`` means."""
    settings: type[StoreSettings] = StoreSettings
    """How that table is read."""
    unconfigured: Callable[[StoreHost], Store] | None = None
    """The store that there is without a table."""


def empty(source: str, cure: str) -> CustodyError:
    return CustodyError("vault.empty", f"The credential at `{source}` is empty.", cure)


def not_leased(source: str) -> CustodyError:
    return CustodyError(
        "vault.lease", f"What `{source}` gave is not a lease, or holds no longer.", ""
    )


class UnleasedStore:
    """What is common to stores that only hold a value."""

    async def renew(self, credential: Credential) -> Credential:
        raise not_leased(credential.source)

    async def revoke(self, lease: str) -> bool:
        del lease
        return False

    async def check(self) -> str:
        return "nothing to reach"
