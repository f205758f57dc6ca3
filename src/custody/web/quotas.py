"""The share of one address of what there is for all: bodies in memory, requests at once.

Law: an address that has used its share waits or is refused; the rest is for the others. An address
that holds nothing takes no memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from custody.recording.refusal_rate import network
from custody.web.errors import RequestRefusedError

BODIES_BYTES: Final = 32 * 1024 * 1024
BODIES_OF_ADDRESS: Final = 4 * 1024 * 1024
AT_ONCE: Final = 64
"""Requests that are being answered; the rest wait."""
AT_ONCE_OF_ADDRESS: Final = 16


class _Share:
    """One address's: how many requests use it, the bytes that they hold, and their turns."""

    __slots__ = ("held", "turn", "users")

    def __init__(self) -> None:
        self.users = 0
        self.held = 0
        self.turn: Final = asyncio.Semaphore(AT_ONCE_OF_ADDRESS)


class AddressQuotas:
    def __init__(self) -> None:
        self._all: Final = asyncio.Semaphore(AT_ONCE)
        self._of: Final[dict[str, _Share]] = {}
        self._held = 0

    @asynccontextmanager
    async def request(self, address: str) -> AsyncIterator["QuotaHold"]:
        """For as long as one request lasts."""
        place = network(address)
        share = self._of.setdefault(place, _Share())
        share.users += 1
        taking = QuotaHold(self, share)
        try:
            yield taking
        finally:
            self._held -= taking.held
            share.held -= taking.held
            share.users -= 1
            if not share.users:
                self._of.pop(place, None)

    def _take(self, share: _Share, length: int) -> None:
        if self._held + length > BODIES_BYTES or share.held + length > BODIES_OF_ADDRESS:
            raise RequestRefusedError("web.busy", "The gateway is busy.", "Try again.", status=503)
        self._held += length
        share.held += length


class QuotaHold:
    """What one request takes."""

    def __init__(self, shares: AddressQuotas, share: _Share) -> None:
        self._shares: Final = shares
        self._share: Final = share
        self.held = 0

    def add_bytes(self, length: int) -> None:
        """So many more bytes of its body. Raises ``web.busy``."""
        self._shares._take(self._share, length)  # noqa: SLF001 - two halves of one thing
        self.held += length

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until it may be answered; its address's own turn comes first."""
        async with self._share.turn, self._shares._all:  # noqa: SLF001 - as above
            yield
