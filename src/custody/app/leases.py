"""Credentials leased to loops, on the record.

Law: what was made for a loop is on the record before it is used, and is taken back once the loop
has ended, whatever ended it; what could not be taken back is tried again, and said.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from custody.gateway.lookup import GATEWAY
from custody.model.errors import CustodyError
from custody.model.identity import Credential, Loop
from custody.model.record import (
    Body,
    CredentialLeased,
    CredentialReturned,
    Milliseconds,
    Receipt,
    Record,
)
from custody.model.words import LoopId, TargetName
from custody.vault.leasing import LeasingVault, Returned

TEND_S: Final = 5.0
STALE_EVERY: Final = 60
"""After how many idle rounds what could not be taken back is tried again."""

_log: Final = logging.getLogger("custody.leases")


class LeaseDesk:
    """``Vault`` for the gateway. ``clock`` gives Unix milliseconds."""

    def __init__(
        self,
        vault: LeasingVault,
        scribe: Callable[[Record], Awaitable[Receipt]],
        clock: Callable[[], int],
    ) -> None:
        self._vault: Final = vault
        self._scribe: Final = scribe
        self._clock: Final = clock
        self._recorded: Final[dict[str, LoopId]] = {}
        """Leases whose record is made, with their loops."""
        self._ended: Final[asyncio.Queue[LoopId]] = asyncio.Queue()

    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        """As ``Vault.lease``; a credential made for this loop is on the record when it is given."""
        credential = await self._vault.lease(loop, target)
        if credential.lease and credential.lease not in self._recorded:
            self._recorded[credential.lease] = loop.id
            try:
                await self._record(
                    loop.id,
                    CredentialLeased(
                        target,
                        credential.source,
                        credential.user,
                        credential.lease,
                        credential.expires,
                    ),
                )
            except BaseException:
                self._recorded.pop(credential.lease, None)
                raise
        return credential

    def ended(self, loop: LoopId, reason: str) -> None:
        """A loop has ended. Does not wait."""
        del reason
        self._ended.put_nowait(loop)

    async def run(self) -> None:
        """Take back and renew until cancelled; at first what an earlier run left out."""
        rounds = 0
        while True:
            if rounds % STALE_EVERY == 0:
                await self._tell(await self._vault.release_stale())
            await self._vault.tend()
            try:
                async with asyncio.timeout(TEND_S):
                    loop = await self._ended.get()
            except TimeoutError:
                rounds += 1
            else:
                await self._tell(await self._vault.release(loop))

    async def close(self) -> None:
        """Take back what the gateway leased for itself: it leaves nothing out when it stops."""
        await self._tell(await self._vault.release(GATEWAY.id))

    async def _tell(self, returned: Iterable[Returned]) -> None:
        for each in returned:
            self._recorded.pop(each.lease, None)
            try:
                await self._record(
                    each.loop, CredentialReturned(each.target, each.lease, each.revoked)
                )
            except CustodyError as error:
                _log.error("%s: the return of a lease was not recorded: %s", each.loop, error.code)

    async def _record(self, loop: LoopId, body: Body) -> None:
        own = loop == GATEWAY.id
        record = Record(Milliseconds(self._clock()), body, None if own else loop)
        await self._scribe(record)
