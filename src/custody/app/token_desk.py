"""A provider's token where a ticket would be given: as a password, or by OAUTHBEARER.

Law: the same token gives the same loop, whatever connection brings it, until that loop ends; a loop
that was ended is not begun anew by its token. Each entrance takes tokens of its own issuers alone.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from custody.app.asked import LoopWish
from custody.app.loops import LoopDesk
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Proof
from custody.model.interfaces import Doorkeeper
from custody.model.secret import Secret

TOKENS_KEPT: Final = 4096
"""Tokens whose loops are remembered; the one that came first is forgotten, and starts another loop
if it comes again. They are forgotten with the gateway's process, too."""

Check = Callable[[Secret, Collection[str]], Awaitable[Proof]]
"""Checks a token by one of the issuers of these names; raises ``CustodyError``."""


class TokenDesk:
    def __init__(
        self,
        check: Check,
        vouchers: Callable[[Secret], Collection[str]],
        loops: LoopDesk,
        doorkeeper: Doorkeeper,
    ) -> None:
        """``vouchers`` names who might check a token, by what it says itself."""
        self._check: Final = check
        self._vouchers: Final = vouchers
        self._loops: Final = loops
        self._doorkeeper: Final = doorkeeper
        self._admitted: Final[OrderedDict[bytes, Admission]] = OrderedDict()
        self._admitting: Final[dict[bytes, asyncio.Lock]] = {}

    def entrance(self, names: Collection[str]) -> "Entrance":
        """Where tokens of these issuers are taken."""
        return Entrance(self, frozenset(names))

    async def admit(
        self, token: Secret, client: str, now: int, names: Collection[str]
    ) -> Admission | str:
        """As ``TokenDoor.admit``, by one of the issuers of these names."""
        if not any(each in names for each in self._vouchers(token)):
            return "token.unknown"
        digest = hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).digest()
        known = self._known(digest, now)
        if known is not None:
            return known
        lock = self._admitting.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                return self._known(digest, now) or await self._begin(token, digest, client, names)
        except CustodyError as error:
            return error.code
        finally:
            if not lock.locked():
                self._admitting.pop(digest, None)

    def _known(self, digest: bytes, now: int) -> Admission | str | None:
        """What the token stands for already."""
        admission = self._admitted.get(digest)
        if admission is None:
            return None
        if now >= admission.loop.expires:
            del self._admitted[digest]
            return None
        return admission if self._doorkeeper.alive(admission, now) else "ticket.revoked"

    async def _begin(
        self, token: Secret, digest: bytes, client: str, names: Collection[str]
    ) -> Admission:
        started = await self._loops.start(
            await self._check(token, names), LoopWish(), client=client
        )
        admission = Admission(started.ticket.id, started.ticket.loop)
        self._admitted[digest] = admission
        while len(self._admitted) > TOKENS_KEPT:
            self._admitted.popitem(last=False)
        return admission


class Entrance:
    """A ``TokenDoor``."""

    def __init__(self, desk: TokenDesk, names: Collection[str]) -> None:
        self._desk: Final = desk
        self._names: Final = names

    async def admit(self, token: Secret, client: str, now: int) -> Admission | str:
        return await self._desk.admit(token, client, now, self._names)
