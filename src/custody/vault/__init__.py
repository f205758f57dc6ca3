"""Where target credentials come from: references in the configuration, resolved at each lease.

Law: a credential exists only as a ``Secret`` in memory, for one loop; an error names the reference,
never the value. Importing this package alone costs nothing: who reads a configuration needs its
references and no store.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.vault.credential_leases import LeasingVault, ReturnedLease
    from custody.vault.kinds import KIND_OF_SCHEME, KIND_OF_TABLE, STORE_KINDS, open_stores
    from custody.vault.lease_book import LeaseBook
    from custody.vault.plain_stores import warnings_for
    from custody.vault.reference import read_reference, written_reference
    from custody.vault.sealed_store import SECRETS, SealedStore, check_name, local_vault
    from custody.vault.store import Store, StoreHost, StoreSettings

_NAMES: Final = {
    "credential_leases": ("LeasingVault", "ReturnedLease"),
    "kinds": ("KIND_OF_SCHEME", "KIND_OF_TABLE", "STORE_KINDS", "open_stores"),
    "lease_book": ("LeaseBook",),
    "plain_stores": ("warnings_for",),
    "reference": ("read_reference", "written_reference"),
    "sealed_store": ("SECRETS", "SealedStore", "check_name", "local_vault"),
    "store": ("Store", "StoreHost", "StoreSettings"),
}

__all__ = [
    "KIND_OF_SCHEME",
    "KIND_OF_TABLE",
    "SECRETS",
    "STORE_KINDS",
    "LeaseBook",
    "LeasingVault",
    "ReturnedLease",
    "SealedStore",
    "Store",
    "StoreHost",
    "StoreSettings",
    "check_name",
    "local_vault",
    "open_stores",
    "read_reference",
    "warnings_for",
    "written_reference",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
