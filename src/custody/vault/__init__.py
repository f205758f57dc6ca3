"""Where target credentials come from: references in the configuration, resolved at each lease.

Law: a credential exists only as a ``Secret`` in memory, for one lease; an error names the target
and the reference, never the value.
"""

from custody.vault.references import ReferenceVault, warnings_for

__all__ = ["ReferenceVault", "warnings_for"]
