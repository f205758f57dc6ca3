"""What an operator writes where a secret is wanted: ``SCHEME:PLACE``, or ``SCHEME+STORE:PLACE``.

Law: what has no scheme that is known may be the secret itself, so its text is never shown.
"""

from typing import Final

from custody.model.config.config_key import UnfitValueError
from custody.model.secret import Secret, SecretReference
from custody.vault.kinds import KIND_OF_SCHEME, STORE_KINDS
from custody.vault.plain_stores import PLAIN

ADVISED: Final = tuple(kind for kind in STORE_KINDS if kind is not PLAIN)


def read_reference(text: str) -> SecretReference | None:
    """``None`` where the text is no reference that is known here."""
    head, colon, place = text.partition(":")
    scheme, plus, store = head.partition("+")
    kind = KIND_OF_SCHEME.get(scheme)
    if not colon or kind is None:
        return None
    if plus and not (kind.table and store):
        return None
    return SecretReference(scheme, Secret(place), store)


def written_reference(text: str) -> SecretReference:
    """As ``read_reference``, of what stands in the configuration. Raises ``UnfitValueError``."""
    reference = read_reference(text)
    if reference is None:
        *first, last = [f"{kind.scheme}:{kind.place}" for kind in ADVISED]
        raise UnfitValueError(
            f"It must be a reference: {', '.join(first)} or {last}; "
            "plain:… if the secret itself must stand here.",
            "config.secret-reference",
        )
    kind, place = KIND_OF_SCHEME[reference.scheme], reference.place.reveal()
    if not place or not kind.fits(place) or "\0" in place:
        raise UnfitValueError(
            f"After {reference.key}: comes {kind.place_words}.", "config.secret-reference"
        )
    return reference
