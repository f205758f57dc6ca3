"""What a protocol says of the two tables that name it: ``[[target]]`` and ``[listen.NAME]``.

Law: a protocol's own keys are declared in its folder, as fields with a ``ConfigKey``. Here is only
how they meet the keys that every protocol shares; what means nothing to a protocol is refused.
"""

import msgspec


class NoSettings(msgspec.Struct, frozen=True):
    """Of a protocol that has no keys of its own."""


class ProtocolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The module ``settings`` of a protocol's folder has one, ``SETTINGS``. Keys are as an operator
    writes them.
    """

    target: type[msgspec.Struct] = NoSettings
    """Its own keys of ``[[target]]``. One that is a ``SecretReference`` may stand in the place of
    ``password``: a target has one credential.
    """
    target_needs: frozenset[str] = frozenset()
    """Shared keys of ``[[target]]`` that this protocol cannot do without."""
    target_lacks: frozenset[str] = frozenset()
    """Shared keys of ``[[target]]`` that mean nothing to it."""
    listener: type[msgspec.Struct] = NoSettings
    """Its own keys of ``[listen.NAME]``."""
    listener_lacks: frozenset[str] = frozenset()
    """Shared keys of ``[listen.NAME]`` that mean nothing to it."""
