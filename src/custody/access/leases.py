"""Credentials leased to loops, on the record.

Law: a credential that a store makes for a loop is recorded before it is used, and revoked when the
loop ends for any reason. A failed revocation is tried again and logged. A client that goes away
while the store makes a credential does not cancel the request, so every lease is known here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from custody.model.errors import CustodyError
from custody.model.identity import GATEWAY, Credential, Loop
from custody.model.record import (
    Body,
    CredentialLeased,
    CredentialReturned,
    Milliseconds,
    Record,
)
from custody.model.words import LoopId, TargetName
from custody.recording.recorder import RecordWriter
from custody.vault import LeasingVault, ReturnedLease, Store

TEND_S: Final = 5.0
STALE_EVERY: Final = 60
"""After how many idle rounds what could not be taken back is tried again."""

_log: Final = logging.getLogger("custody.leases")


class LeaseService:
    """``Vault`` for the gateway. ``clock`` gives Unix milliseconds."""

    def __init__(
        self,
        vault: LeasingVault,
        recorder: RecordWriter,
        clock: Callable[[], int],
    ) -> None:
        self._vault: Final = vault
        self._recorder: Final = recorder
        self._clock: Final = clock
        self._recorded: Final[dict[str, LoopId]] = {}
        """Leases whose record is made, with their loops."""
        self._under_way: dict[tuple[LoopId, TargetName], asyncio.Future[Credential]] = {}
        """One for each loop and target, however many sessions wait for it."""
        self._tasks: asyncio.TaskGroup | None = None
        self._ended: Final[asyncio.Queue[LoopId]] = asyncio.Queue()

    def replace_credentials(
        self, references: Mapping[TargetName, str], stores: Mapping[str, Store]
    ) -> None:
        """As ``LeasingVault.replace_credentials``. Whoever comes from now on does not wait for what
        is under way: it was asked of the stores before.
        """
        self._under_way = {}
        self._vault.replace_credentials(references, stores)

    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        """As ``Vault.lease``; a credential made for this loop is on the record when it is given.

        Whoever waits may be cancelled: the lease is brought to its end all the same, since the
        store has perhaps made it, and nobody else would know its name.
        """
        if self._tasks is None:  # before the first client
            return await self._lease(loop, target)
        key = (loop.id, target)
        under_way = self._under_way.get(key)
        if under_way is None:
            under_way = asyncio.get_running_loop().create_future()
            self._under_way[key] = under_way
            self._tasks.create_task(self._make(loop, target, under_way))
        return await asyncio.shield(under_way)

    async def _make(
        self, loop: Loop, target: TargetName, given: "asyncio.Future[Credential]"
    ) -> None:
        try:
            given.set_result(await self._lease(loop, target))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            given.set_exception(error)
        except BaseException:
            given.cancel()
            raise
        finally:
            if self._under_way.get((loop.id, target)) is given:
                del self._under_way[loop.id, target]

    async def _lease(self, loop: Loop, target: TargetName) -> Credential:
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

    def release_for(self, loop: LoopId, reason: str) -> None:
        """A loop has ended. Does not wait."""
        del reason
        self._ended.put_nowait(loop)

    async def run(self) -> None:
        """Take back and renew until cancelled; at first what an earlier run left out."""
        async with asyncio.TaskGroup() as self._tasks:
            await self._serve()

    async def _serve(self) -> None:
        rounds = 0
        while True:
            if rounds % STALE_EVERY == 0:
                await self._record_returns(await self._vault.release_stale())
            await self._vault.renew_due()
            try:
                async with asyncio.timeout(TEND_S):
                    loop = await self._ended.get()
            except TimeoutError:
                rounds += 1
            else:
                await self._record_returns(await self._vault.release(loop))

    async def close(self) -> None:
        """Take back what the gateway leased for itself: it leaves nothing out when it stops."""
        await self._record_returns(await self._vault.release(GATEWAY.id))

    async def _record_returns(self, returned: Iterable[ReturnedLease]) -> None:
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
        await self._recorder.write(record)
