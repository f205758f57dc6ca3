"""Making the stores that references name, and the vault that leases from them.

Law: only what some target refers to is made, so that a gateway without AWS never looks for its SDK.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from custody.config.tables import Config
from custody.model.secret import Secret
from custody.model.words import TargetName
from custody.vault.aws import AwsStore
from custody.vault.credential_leases import LeasingVault
from custody.vault.hashicorp import HashicorpStore
from custody.vault.kubernetes import KubernetesStore
from custody.vault.lease_book import LeaseBook
from custody.vault.plain_stores import EnvironmentStore, FileStore, PlainStore
from custody.vault.reference import read_reference
from custody.vault.sealed_store import SealedStore
from custody.vault.settings import AwsSettings, KubernetesSettings
from custody.vault.store import Store

LEASES: Final = "leases.json"
SECRETS: Final = "secrets.json"
VAULT_KEY: Final = "vault.key"

Clock = Callable[[], int]


def local_vault(config: Config, clock: Clock) -> SealedStore:
    """The local encrypted vault: sealed values in ``data``, their key in ``keys``."""
    return SealedStore(config.gateway.data / SECRETS, config.gateway.keys / VAULT_KEY, clock=clock)


def references_of(config: Config) -> dict[TargetName, str]:
    """What each target's ``password`` says; a target without one has an empty one."""
    return {
        target.name: target.password.reveal() if target.password is not None else "plain:"
        for target in config.targets
    }


def make_vault(
    config: Config, clock: Clock, *, environment: Mapping[str, str], leases: Path | None = None
) -> LeasingVault:
    """``leases`` is another place for the book of leases than the gateway's own. Raises
    ``vault.address``, ``vault.ca``, ``vault.lease-book``.
    """
    references = references_of(config)
    wanted = [read_reference(text) for text in references.values()]
    stores = _make_stores(config, {each.key for each in wanted if each}, clock, environment)
    book = LeaseBook(leases or config.gateway.data / LEASES)
    return LeasingVault(references, stores, book, clock)


def make_reader(
    config: Config, references: Collection[str], clock: Clock, *, environment: Mapping[str, str]
) -> Callable[[str], Awaitable[Secret]]:
    """Reads any of these references, anew each time. Raises as ``make_vault`` does, and what it
    makes as the stores do.
    """
    wanted = {text: found for text in references if (found := read_reference(text)) is not None}
    stores = _make_stores(config, {each.key for each in wanted.values()}, clock, environment)

    async def read(text: str) -> Secret:
        found = wanted[text]
        return (await stores[found.key].read(found.place.reveal())).secret

    return read


def _make_stores(
    config: Config, wanted: Collection[str], clock: Clock, environment: Mapping[str, str]
) -> Mapping[str, Store]:
    makers: dict[str, Callable[[], Store]] = {
        "env": lambda: EnvironmentStore(environment),
        "file": lambda: FileStore(config.folder),
        "plain": PlainStore,
        "secret": lambda: local_vault(config, clock),
    }
    for name, settings in config.stores.vault.items():
        makers[name] = lambda settings=settings: HashicorpStore(settings, clock)  # type: ignore[misc]  # the default binds the loop's value
    for name, aws in config.stores.aws.items():
        made = AwsSettings(name=name, region=aws.region, profile=aws.profile, endpoint=aws.endpoint)
        makers[name] = lambda made=made: AwsStore(made)  # type: ignore[misc]  # as above
    for name, cluster in config.stores.kubernetes.items():
        account = KubernetesSettings(
            name=name, address=cluster.address, ca=cluster.ca, token=cluster.token
        )
        makers[name] = lambda account=account: KubernetesStore(account)  # type: ignore[misc]  # as above
    # In a pod nothing needs to be configured.
    makers.setdefault("k8s", lambda: KubernetesStore(KubernetesSettings()))
    makers.setdefault("aws", lambda: AwsStore(AwsSettings()))
    return {key: make() for key, make in makers.items() if key in wanted}
