"""Secrets in memory.

Law: a secret never appears in a repr, a traceback, a log line or an encoded record; the only way
to its characters is ``reveal``, so that every use can be found by searching for that word.
"""

from typing import Final, NoReturn

import msgspec


class Secret:
    """Characters that must not be shown. Compares by identity only, cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")


class ReferenceText(Secret):
    """A reference as it was written, which may be a secret in the wrong place: which stores there
    are, whoever reads the whole configuration knows.
    """

    __slots__ = ()


class SecretReference(msgspec.Struct, frozen=True):
    """Where a secret is to be found: ``SCHEME:PLACE``, or ``SCHEME+STORE:PLACE``.

    Shows itself without a secret inside: with ``plain``, ``place`` *is* the secret.
    """

    scheme: str
    place: Secret
    store: str = ""
    """Which of several stores of the scheme; empty for the only one."""

    @property
    def key(self) -> str:
        """What the store is called in messages: ``vault``, ``vault+eu``."""
        return f"{self.scheme}+{self.store}" if self.store else self.scheme

    def reveal(self) -> str:
        """The whole reference as it was written."""
        return f"{self.key}:{self.place.reveal()}"

    def __str__(self) -> str:
        return "plain:…" if self.scheme == "plain" else self.reveal()

    __repr__ = __str__
