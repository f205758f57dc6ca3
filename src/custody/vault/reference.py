"""What an operator writes where a secret is wanted: ``SCHEME:PLACE``, or ``SCHEME+STORE:PLACE``.

Law: what has no scheme that is known may be the secret itself, so its text is never shown.
"""

import re
from typing import Final

from custody.model.secret import Secret, SecretReference
from custody.model.setting import UnfitValueError

SCHEMES: Final = frozenset({"env", "file", "plain", "vault", "aws", "k8s", "secret"})
NAMED: Final = frozenset({"vault", "aws", "k8s"})
"""Schemes of which a gateway may use several stores, told apart by ``+STORE``."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACES: Final = {
    "env": "the name of an environment variable",
    "file": "the path of a file",
    "plain": "the secret",
}


def read_reference(text: str) -> SecretReference | None:
    """``None`` where the text is no reference that is known here."""
    head, colon, place = text.partition(":")
    scheme, plus, store = head.partition("+")
    if not colon or scheme not in SCHEMES:
        return None
    if plus and (scheme not in NAMED or not store):
        return None
    return SecretReference(scheme, Secret(place), store)


def written_reference(text: str) -> SecretReference:
    """As ``read_reference``, of what stands in the configuration. Raises ``UnfitValueError``."""
    reference = read_reference(text)
    if reference is None:
        raise UnfitValueError(
            "It must be a reference: env:NAME, file:PATH, secret:NAME, vault:…, aws:… or k8s:…; "
            "plain:… if the secret itself must stand here.",
            "config.secret-reference",
        )
    key, place = reference.key, reference.place.reveal()
    if not place or (key == "env" and not _VARIABLE.fullmatch(place)) or "\0" in place:
        raise UnfitValueError(
            f"After {key}: comes {_PLACES.get(key, 'the place of the secret')}.",
            "config.secret-reference",
        )
    return reference
