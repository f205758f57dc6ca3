"""Where target credentials come from: references in the configuration, resolved at each lease.

Law: a credential exists only as a ``Secret`` in memory, for one loop; an error names the reference,
never the value.
"""

from custody.vault.credential_leases import LeasingVault, ReturnedLease
from custody.vault.plain_stores import warnings_for

__all__ = ["LeasingVault", "ReturnedLease", "warnings_for"]
