"""Making the stores that references name, and the vault that leases from them.

Law: only what some target refers to is made, and its module imported: a gateway without AWS never
looks for its SDK.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from custody.config.tables import Config
from custody.model.secret import Secret, SecretReference
from custody.model.sources import Clock
from custody.model.words import TargetName
from custody.vault import (
    LeaseBook,
    LeasingVault,
    SealedStore,
    Store,
    StoreHost,
    open_stores,
    read_reference,
)
from custody.vault import local_vault as sealed_vault

LEASES: Final = "leases.json"


def local_vault(config: Config, clock: Clock) -> SealedStore:
    """The local encrypted vault: sealed values in ``data``, their key in ``keys``."""
    return sealed_vault(config.gateway.data, config.gateway.keys, clock)


def references_of(config: Config) -> dict[TargetName, str]:
    """Where each target's credential is; a target without one has an empty one."""
    found = {target.name: target.credential for target in config.targets}
    return {
        name: each[1].reveal() if each is not None else "plain:" for name, each in found.items()
    }


def make_stores(
    config: Config, clock: Clock, *, environment: Mapping[str, str]
) -> Mapping[str, Store]:
    """The stores that targets' credentials are in. Raises as ``make_vault`` does."""
    wanted = [read_reference(text) for text in references_of(config).values()]
    return _stores(config, wanted, clock, environment)


def make_vault(
    config: Config, clock: Clock, *, environment: Mapping[str, str], leases: Path | None = None
) -> LeasingVault:
    """``leases`` is another place for the book of leases than the gateway's own. Raises
    ``vault.address``, ``vault.ca``, ``vault.lease-book``.
    """
    stores = make_stores(config, clock, environment=environment)
    book = LeaseBook(leases or config.gateway.data / LEASES)
    return LeasingVault(references_of(config), stores, book, clock)


def make_reader(
    config: Config, references: Collection[str], clock: Clock, *, environment: Mapping[str, str]
) -> Callable[[str], Awaitable[Secret]]:
    """Reads any of these references, anew each time. Raises as ``make_vault`` does, and what it
    makes as the stores do.
    """
    wanted = {text: found for text in references if (found := read_reference(text)) is not None}
    stores = _stores(config, wanted.values(), clock, environment)

    async def read(text: str) -> Secret:
        found = wanted[text]
        return (await stores[found.key].read(found.place.reveal())).secret

    return read


def _stores(
    config: Config,
    wanted: Iterable[SecretReference | None],
    clock: Clock,
    environment: Mapping[str, str],
) -> Mapping[str, Store]:
    gateway = config.gateway
    host = StoreHost(
        environment=environment,
        folder=config.folder,
        data=gateway.data,
        keys=gateway.keys,
        clock=clock,
    )
    return open_stores([each for each in wanted if each is not None], config.stores, host)
