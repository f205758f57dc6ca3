"""What an operator writes where a secret is wanted: ``SCHEME:PLACE``, or ``SCHEME+STORE:PLACE``.

Law: what has no scheme that is known may be the secret itself, so its text is never shown.
"""

from typing import Final

import msgspec

SCHEMES: Final = frozenset({"env", "file", "plain", "vault", "aws", "k8s", "secret"})
NAMED: Final = frozenset({"vault", "aws", "k8s"})
"""Schemes of which a gateway may use several stores, told apart by ``+STORE``."""


class Reference(msgspec.Struct, frozen=True):
    """Shows itself without a secret inside: with ``plain``, ``place`` *is* the secret."""

    scheme: str
    place: str
    store: str = ""
    """Which of several stores of the scheme; empty for the only one."""

    @property
    def key(self) -> str:
        """What the store is called in messages: ``vault``, ``vault+eu``."""
        return f"{self.scheme}+{self.store}" if self.store else self.scheme

    def __str__(self) -> str:
        return "plain:…" if self.scheme == "plain" else f"{self.key}:{self.place}"

    __repr__ = __str__


def read_reference(text: str) -> Reference | None:
    """``None`` where the text is no reference that is known here."""
    head, colon, place = text.partition(":")
    scheme, plus, store = head.partition("+")
    if not colon or scheme not in SCHEMES:
        return None
    if plus and (scheme not in NAMED or not store):
        return None
    return Reference(scheme, place, store)
