"""Where target credentials come from: references in the configuration, resolved at each lease.

Law: a credential exists only as a ``Secret`` in memory, for one loop; an error names the reference,
never the value. Importing this package alone costs nothing: who reads a configuration needs its
references and no store.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.vault.aws import AwsStore
    from custody.vault.credential_leases import LeasingVault, ReturnedLease
    from custody.vault.hashicorp import HashicorpStore
    from custody.vault.kubernetes import KubernetesStore
    from custody.vault.lease_book import LeaseBook
    from custody.vault.plain_stores import EnvironmentStore, FileStore, PlainStore, warnings_for
    from custody.vault.reference import NAMED, read_reference
    from custody.vault.sealed_store import SealedStore, check_name
    from custody.vault.settings import (
        ACCOUNT,
        Auth,
        AwsSettings,
        HashicorpSettings,
        KubernetesSettings,
    )
    from custody.vault.store import Store

_NAMES: Final = {
    "aws": ("AwsStore",),
    "credential_leases": ("LeasingVault", "ReturnedLease"),
    "hashicorp": ("HashicorpStore",),
    "kubernetes": ("KubernetesStore",),
    "lease_book": ("LeaseBook",),
    "plain_stores": ("EnvironmentStore", "FileStore", "PlainStore", "warnings_for"),
    "reference": ("NAMED", "read_reference"),
    "sealed_store": ("SealedStore", "check_name"),
    "settings": ("ACCOUNT", "Auth", "AwsSettings", "HashicorpSettings", "KubernetesSettings"),
    "store": ("Store",),
}

__all__ = [
    "ACCOUNT",
    "NAMED",
    "Auth",
    "AwsSettings",
    "AwsStore",
    "EnvironmentStore",
    "FileStore",
    "HashicorpSettings",
    "HashicorpStore",
    "KubernetesSettings",
    "KubernetesStore",
    "LeaseBook",
    "LeasingVault",
    "PlainStore",
    "ReturnedLease",
    "SealedStore",
    "Store",
    "check_name",
    "read_reference",
    "warnings_for",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
