"""Leasing credentials to loops, and taking them back.

Law: a credential that a store makes for a loop is used by that loop alone, is entered in the book
before it is given out, is renewed while its loop lives, and is revoked when it ends. A credential
exists only in memory, for as long as its loop.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from custody.model.errors import CustodyError
from custody.model.identity import Credential, Loop
from custody.model.secret import SecretReference
from custody.model.words import LoopId, TargetName
from custody.vault.lease_book import LeaseBook, OpenLease
from custody.vault.reference import ADVISED, read_reference
from custody.vault.store import Store

ENDED_KEPT: Final = 10_000

_log: Final = logging.getLogger("custody.vault")


class ReturnedLease(msgspec.Struct, frozen=True):
    """A lease that was taken back. ``revoked``: the store has confirmed it."""

    loop: LoopId
    target: TargetName
    lease: str
    revoked: bool


class _Held(msgspec.Struct, frozen=True):
    store: Store
    """The one that made it: a reload may put another behind its name."""
    credential: Credential
    renew_at: int
    """Unix ms: half of what was left when it was leased."""


class LeasingVault:
    """The ``Vault`` of references, one for each target. ``clock`` gives Unix milliseconds."""

    def __init__(
        self,
        references: Mapping[TargetName, str],
        stores: Mapping[str, Store],
        book: LeaseBook,
        clock: Callable[[], int],
    ) -> None:
        """``stores`` by the key that references name them with: ``env``, ``vault+eu`` …"""
        self._references = dict(references)
        self._stores = dict(stores)
        self._book: Final = book
        self._clock: Final = clock
        self._held: Final[dict[tuple[LoopId, TargetName], _Held]] = {}
        self._made_by: Final[dict[str, Store]] = {}
        """Leases of this run that are out, those included that no session is given any more."""
        self._generation = 0
        self._turns: Final[dict[tuple[LoopId, TargetName], asyncio.Lock]] = {}
        self._ended: Final[dict[LoopId, None]] = {}
        """The loops that ended last, in order."""

    def replace_credentials(
        self, references: Mapping[TargetName, str], stores: Mapping[str, Store]
    ) -> None:
        """For leases from now on. What was leased stays out until its loop ends, and is given back
        to the store that made it.
        """
        self._held.clear()
        self._turns.clear()  # nobody waits for a store of before, which perhaps never answers
        self._generation += 1
        self._references, self._stores = dict(references), dict(stores)

    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        """As ``Vault.lease``; codes ``vault.no-credential``, ``vault.unknown-scheme``,
        ``vault.no-store``, ``vault.loop-ended``, and whatever the store raises. One loop has one
        lease of a target, however many sessions.
        """
        key = (loop.id, target)
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            held = self._held.get(key)
            if held is not None and self._holds(held.credential):
                return held.credential
            reference, store = self._find(target)
            generation = self._generation
            credential = await _read(store, reference, target)
            if credential.lease:
                lease = OpenLease(reference.key, credential.lease, loop.id, target)
                await self._enter(lease, store)
            if generation != self._generation:
                # It is out, and goes back with its loop; nobody is given it.
                raise CustodyError(
                    "vault.changed", "The target's credential changed meanwhile.", "Try again."
                )
            if not credential.lease:
                self._turns.pop(key, None)
                return credential
            self._hold(key, store, credential)
        if loop.id in self._ended:  # it ended while the store was asked
            await self.release(loop.id)
            raise CustodyError("vault.loop-ended", "The loop has ended.", "Start a new loop.")
        return credential

    async def release(self, loop: LoopId) -> tuple[ReturnedLease, ...]:
        """Take back everything that was made for a loop that has ended."""
        self._ended[loop] = None
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        keys = [key for key in self._held if key[0] == loop]
        for key in keys:
            self._held.pop(key, None)
            self._turns.pop(key, None)
        leases = [lease for lease in self._book.open_leases if lease.loop == loop]
        return tuple([await self._take_back(lease) for lease in leases])

    async def release_stale(self) -> tuple[ReturnedLease, ...]:
        """Take back what an earlier run left out, and what stayed out when its loop ended."""
        leases = [
            each
            for each in self._book.open_leases
            if each.lease not in self._made_by or each.loop in self._ended
        ]
        return tuple([await self._take_back(lease) for lease in leases])

    async def renew_due(self) -> None:
        """Renew what is half over, and drop what cannot be renewed: the next session of its loop
        leases anew. To be called every few seconds.
        """
        now = self._clock()
        for key, held in list(self._held.items()):
            if now < held.renew_at:
                continue
            try:
                renewed = await held.store.renew(held.credential)
            except CustodyError as error:
                if error.code == "vault.unreachable" and self._holds(held.credential):
                    continue  # asked again in a moment, while it still holds
                _log.info("%s: a lease of %s was not renewed: %s", *key, error.code)
                self._held.pop(key, None)
            else:
                if self._held.get(key) is held:
                    self._hold(key, held.store, renewed)

    async def check(self) -> list[tuple[TargetName, str]]:
        """For each target, one line on what its reference reached, or the fault and the cure."""
        lines = []
        for target in self._references:
            try:
                reference, store = self._find(target)
                said = f"{reference}: {await store.check()}"
            except CustodyError as error:
                said = f"{error.code}: {error}"
            lines.append((target, said))
        return lines

    def _find(self, target: TargetName) -> tuple[SecretReference, Store]:
        text = self._references.get(target)
        if text is None:
            raise CustodyError(
                "vault.no-credential",
                f"Target {target!r} has no credential.",
                "Give the target a `password` in the configuration.",
            )
        reference = read_reference(text)
        if reference is None:
            raise CustodyError(
                "vault.unknown-scheme",
                f"The credential of target {target!r} is not a reference that is known here.",
                f"Use {_schemes()}, or `plain:VALUE` if it must stand in the file.",
            )
        store = self._stores.get(reference.key)
        if store is None:
            raise CustodyError(
                "vault.no-store",
                f"The credential of target {target!r} is in `{reference.key}`, and there is no "
                "store of that name.",
                "Add the store's table, [vault] for example.",
            )
        return reference, store

    def _holds(self, credential: Credential) -> bool:
        return credential.expires is None or self._clock() < credential.expires

    def _hold(self, key: tuple[LoopId, TargetName], store: Store, credential: Credential) -> None:
        now = self._clock()
        left = (credential.expires or now) - now
        self._held[key] = _Held(store, credential, now + left // 2)

    async def _enter(self, lease: OpenLease, store: Store) -> None:
        try:
            self._book.add(lease)
        except CustodyError:
            await store.revoke(lease.lease)
            raise
        self._made_by[lease.lease] = store

    async def _take_back(self, lease: OpenLease) -> ReturnedLease:
        store = self._made_by.get(lease.lease) or self._stores.get(lease.store)
        revoked = store is not None and await store.revoke(lease.lease)
        if revoked:
            self._made_by.pop(lease.lease, None)
            try:
                self._book.remove(lease.lease)
            except CustodyError as error:  # it is revoked once more then, which does no harm
                _log.error("%s: a returned lease stands in the book still: %s", lease.loop, error)
        else:
            _log.error("%s: the lease of %s could not be revoked", lease.loop, lease.target)
        return ReturnedLease(lease.loop, lease.target, lease.lease, revoked)


def _schemes() -> str:
    *first, last = [f"`{kind.scheme}:`" for kind in ADVISED]
    return f"{', '.join(first)} or {last}"


async def _read(store: Store, reference: SecretReference, target: TargetName) -> Credential:
    try:
        return await store.read(reference.place.reveal())
    except CustodyError as error:
        fault = f"The credential of target {target!r} cannot be had: {error.fault}"
        raise CustodyError(error.code, fault, error.cure) from None
