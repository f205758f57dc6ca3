"""The stores of secrets that there are.

Law: a store declares itself in its own module and stands in this list; nothing else names it.
"""

from collections.abc import Collection, Mapping
from typing import Final

from custody.model.secret import SecretReference
from custody.vault import aws, hashicorp, kubernetes, plain_stores, sealed_store
from custody.vault.store import Store, StoreHost, StoreKind, StoreSettings

STORE_KINDS: Final = (
    plain_stores.ENVIRONMENT,
    plain_stores.FILE,
    sealed_store.KIND,
    hashicorp.KIND,
    aws.KIND,
    kubernetes.KIND,
    plain_stores.PLAIN,
)
"""In the order of the documents."""
KIND_OF_SCHEME: Final[Mapping[str, StoreKind]] = {kind.scheme: kind for kind in STORE_KINDS}
KIND_OF_TABLE: Final[Mapping[str, StoreKind]] = {
    kind.table: kind for kind in STORE_KINDS if kind.table
}


def open_stores(
    wanted: Collection[SecretReference], tables: Mapping[str, StoreSettings], host: StoreHost
) -> Mapping[str, Store]:
    """The stores that the references need, by their keys; ``tables`` has what is configured, by
    the same. Raises ``vault.address``, ``vault.ca``.
    """
    stores: dict[str, Store] = {}
    for reference in wanted:
        unconfigured = KIND_OF_SCHEME[reference.scheme].unconfigured
        if reference.key in tables:
            stores[reference.key] = tables[reference.key].open(host)
        elif not reference.store and unconfigured is not None:
            stores[reference.key] = unconfigured(host)
    return stores
