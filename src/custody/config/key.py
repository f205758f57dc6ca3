"""How one key of the configuration is read, and what it says.

Law: a key's reader and its words stand together, so that the documents cannot say otherwise.
"""

from collections.abc import Callable

import msgspec


class ConfigKey(msgspec.Struct, frozen=True):
    """How a key is read, and what it says to an operator."""

    read: Callable[[object], object]
    form: str
    says: str
    default: str = ""
    """What holds where the key is absent, if that is not the field's own default."""
