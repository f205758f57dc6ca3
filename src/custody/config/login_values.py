"""Readers of single values that concern logins.

Law: a reader accepts or says what it wants, and never repeats the value.
"""

from collections.abc import Mapping
from typing import Final

from custody.model import setting_values as read
from custody.model.setting import UnfitValueError

ASYMMETRIC: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""JWS algorithms (RFC 7518 §3.1, RFC 8037) whose verifier cannot sign."""


def algorithms(value: object) -> tuple[str, ...]:
    found = read.some_texts(value)
    for one in found:
        if one not in ASYMMETRIC:
            raise UnfitValueError(
                f"Only asymmetric algorithms are taken: {', '.join(ASYMMETRIC)}.",
                "config.algorithm",
            )
    return found


def requirements(value: object) -> Mapping[str, tuple[str, ...]]:
    """Claim to the values that it may have, each exact or with ``*`` and ``**``."""
    wanted = UnfitValueError(
        'It must be a table of at least one claim, such as { repository = "acme/shop", '
        'ref = ["refs/heads/main", "refs/tags/*"] }.'
    )
    if not isinstance(value, dict) or not value:
        raise wanted
    return {
        read.some_text(claim): (
            read.some_texts(allowed) if isinstance(allowed, list) else (read.some_text(allowed),)
        )
        for claim, allowed in value.items()
    }


def parameters(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise UnfitValueError('It must be a table such as { prompt = "consent" }.', "config.type")
    return {read.some_text(name): read.text(each) for name, each in value.items()}
