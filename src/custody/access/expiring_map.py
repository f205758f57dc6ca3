"""A bounded map whose entries expire; keys are digests, and ``pop`` returns an entry once.

Law: each address has its own bound besides the bound of all. A full map refuses a new entry and
evicts none. No method waits.
"""

from typing import Final, Generic, Protocol, TypeVar

from custody.model.errors import CustodyError
from custody.model.sources import Clock
from custody.recording.refusal_rate import network

HELD_AT_MOST: Final = 8192
HELD_OF_ADDRESS: Final = 256
"""A whole office may be one address."""
SWEPT_MS: Final = 1000
"""Entries whose time is over are looked for this often at most: a flood shall not pay for it."""


class ExpiringEntry(Protocol):
    """``client`` is the address that it was made from, ``expires`` Unix milliseconds."""

    @property
    def client(self) -> str: ...

    @property
    def expires(self) -> int: ...


E = TypeVar("E", bound=ExpiringEntry)


class ExpiringMap(Generic[E]):
    """Entries by digest, oldest first out when their time is over; bounded altogether and for one
    address, so that nobody's flood pushes out what is another's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._held: Final[dict[bytes, E]] = {}
        self._of: Final[dict[str, int]] = {}
        self._sweep_at = 0

    def put(self, key: bytes, entry: E) -> None:
        self._sweep()
        place = network(entry.client)
        mine = self._of.get(place, 0)
        if len(self._held) >= HELD_AT_MOST or mine >= HELD_OF_ADDRESS:
            raise CustodyError(
                "login.too-many",
                "Too many logins are under way.",
                "Finish one, or wait ten minutes.",
            )
        self._held[key] = entry
        self._of[place] = mine + 1

    def replace(self, key: bytes, entry: E) -> None:
        """Another value for an entry that is held."""
        if key in self._held:
            self._held[key] = entry

    def get(self, key: bytes) -> E | None:
        entry = self._held.get(key)
        return entry if entry is not None and entry.expires > self._clock() else None

    def pop(self, key: bytes) -> E | None:
        """The entry, for this once."""
        entry = self._held.pop(key, None)
        if entry is None:
            return None
        self._leave(entry)
        return entry if entry.expires > self._clock() else None

    def __len__(self) -> int:
        return len(self._held)

    def _sweep(self) -> None:
        now = self._clock()
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEPT_MS
        for key in [key for key, entry in self._held.items() if entry.expires <= now]:
            self._leave(self._held.pop(key))

    def _leave(self, entry: E) -> None:
        place = network(entry.client)
        left = self._of.get(place, 1) - 1
        if left:
            self._of[place] = left
        else:
            self._of.pop(place, None)
