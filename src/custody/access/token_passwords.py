"""A provider's token where a ticket would be given: as a password, or by OAUTHBEARER.

Law: the same token gives the same loop of an issuer's table on every connection, until that loop
ends, and across restarts; a token never begins a loop again that was ended. Each authenticator
takes tokens of its own issuers alone.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final
from weakref import WeakValueDictionary

from custody.access.loops import LoopService
from custody.access.requests import LoopRequest
from custody.identity.oidc import fingerprint
from custody.model.errors import CustodyError
from custody.model.identity import Admission, NotAdmitted, Proof
from custody.model.interfaces import TicketAuthenticator
from custody.model.secret import Secret
from custody.model.words import LoopId
from custody.state import PresentedToken

REMEMBERED: Final = 4096
"""Tokens whose loops are known without the state database; the one that came first is asked for
there again."""
LOOKUPS_AT_ONCE: Final = 8
"""Strangers with made-up tokens can keep so many places of the state database's line busy."""
KEPT_AFTER_LAPSE_MS: Final = 60_000
"""What a token did is remembered so long after it lapsed: clocks may differ."""

TokenCheck = Callable[[Secret, Collection[str]], Awaitable[Proof]]
"""Checks a token by one of the issuers of these names; raises ``CustodyError``."""

_Key = tuple[bytes, str]
"""A token's digest, and the table that it was taken by."""


class TokenPasswords:
    def __init__(
        self,
        check: TokenCheck,
        issuers_of: Callable[[Secret], Sequence[str]],
        loops: LoopService,
        ticket_authenticator: TicketAuthenticator,
    ) -> None:
        """``issuers_of`` names the issuers that might check a token, by what it says itself."""
        self._check: Final = check
        self._issuers_of: Final = issuers_of
        self._loops: Final = loops
        self._ticket_authenticator: Final = ticket_authenticator
        self._admitted: Final[OrderedDict[_Key, Admission]] = OrderedDict()
        self._of_loop: Final[dict[LoopId, _Key]] = {}
        self._admitting: Final[WeakValueDictionary[bytes, asyncio.Lock]] = WeakValueDictionary()
        self._looking: Final = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        loops.add_end_listener(lambda loop, _: self._forget(loop))

    def authenticator_of(self, names: Collection[str]) -> "IssuerTokenAuthenticator":
        """Where tokens of these issuers are taken."""
        return IssuerTokenAuthenticator(self, frozenset(names))

    async def admit(
        self, token: Secret, client: str, now: int, names: Collection[str]
    ) -> Admission | NotAdmitted:
        """As ``TokenAuthenticator.admit``, by one of the issuers of these names."""
        here = [each for each in self._issuers_of(token) if each in names]
        if not here:
            return NotAdmitted("token.unknown")
        digest = fingerprint(token)
        known = self._remembered(digest, now, here)
        if known is not None:
            return known
        # Whoever waits holds the lock's object too: it is gone when the last of them is.
        lock = self._admitting.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                return (
                    self._remembered(digest, now, here)
                    or await self._begun(digest, here)
                    or await self._begin(token, digest, client, here)
                )
        except CustodyError as error:
            return NotAdmitted(error.code)

    def _remembered(self, digest: bytes, now: int, here: Collection[str]) -> Admission | None:
        for name in here:
            admission = self._admitted.get((digest, name))
            if admission is not None and self._ticket_authenticator.still_admits(admission, now):
                return admission
        return None

    async def _begun(self, digest: bytes, here: Collection[str]) -> Admission | NotAdmitted | None:
        """What the token stands for already."""
        async with self._looking:
            begun = await self._loops.loops_of_token(digest)
        for each in begun:
            if each.provider in here and each.ticket is not None:
                admission = Admission(each.ticket.id, each.ticket.loop)
                return self._remember((digest, each.provider), admission)
        if any(each.ticket is None for each in begun):
            return NotAdmitted("ticket.revoked")
        return None

    async def _begin(
        self, token: Secret, digest: bytes, client: str, here: Collection[str]
    ) -> Admission | NotAdmitted:
        proof = await self._check(token, here)
        brought = PresentedToken(digest, proof.provider, proof.expires + KEPT_AFTER_LAPSE_MS)
        try:
            started = await self._loops.start(proof, LoopRequest(), client=client, token=brought)
        except CustodyError as error:
            return NotAdmitted(error.code, proof.identity.subject)
        ticket = started.ticket
        return self._remember((digest, proof.provider), Admission(ticket.id, ticket.loop))

    def _remember(self, key: _Key, admission: Admission) -> Admission:
        before = self._admitted.pop(key, None)
        if before is not None:
            self._of_loop.pop(before.loop.id, None)
        self._admitted[key] = admission
        self._of_loop[admission.loop.id] = key
        while len(self._admitted) > REMEMBERED:
            _, gone = self._admitted.popitem(last=False)
            self._of_loop.pop(gone.loop.id, None)
        return admission

    def _forget(self, loop: LoopId) -> None:
        """The loop has ended: nobody is admitted to it from this moment on."""
        key = self._of_loop.pop(loop, None)
        if key is not None:
            self._admitted.pop(key, None)


class IssuerTokenAuthenticator:
    """A ``TokenAuthenticator``."""

    def __init__(self, tokens: TokenPasswords, names: Collection[str]) -> None:
        self._tokens: Final = tokens
        self._names: Final = names

    async def admit(self, token: Secret, client: str, now: int) -> Admission | NotAdmitted:
        return await self._tokens.admit(token, client, now, self._names)
