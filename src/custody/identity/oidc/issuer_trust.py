"""What every table that trusts an issuer has in common: its address, its algorithms, its claims.

Law: no symmetric algorithm is taken, and no issuer without TLS off loopback.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey, UnfitValueError, reads
from custody.model.errors import CustodyError

CONFIGURABLE: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""What a table may name, and what is taken where it names none."""
ASYMMETRIC: Final = (*CONFIGURABLE, "Ed25519")
"""RFC 7518 §3.1, RFC 8037, RFC 9864. A shared secret proves nothing about who signed."""


def acceptable_url(url: str, *, of: str) -> bool:
    """Whether a provider may be reached there: https; plain http on loopback alone, and only
    where its issuer ``of`` is itself there, so that no document can talk an issuer out of TLS.
    """
    try:
        parts, issuer = urlsplit(url), urlsplit(of)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not any(each in url for each in " \\")
    if not plain or not host or parts.username is not None or parts.fragment:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and issuer.scheme == "http" and read.is_loopback(host)


def check_issuer(issuer: str) -> None:
    if not acceptable_url(issuer, of=issuer) or "?" in issuer:
        raise CustodyError(
            "identity.settings",
            "issuer is not an https URL without query and fragment.",
            "Write it exactly as the provider's discovery document does; http is for loopback.",
        )


def check_algorithms(algorithms: tuple[str, ...]) -> None:
    wrong = [each for each in algorithms if each not in ASYMMETRIC]
    if wrong or not algorithms:
        raise CustodyError(
            "identity.settings",
            "algorithms may hold asymmetric signature algorithms only, and at least one.",
            f"Choose from {', '.join(ASYMMETRIC)}.",
        )


@reads("list")
def read_algorithms(value: object) -> tuple[str, ...]:
    found = read.some_texts(value)
    for one in found:
        if one not in CONFIGURABLE:
            raise UnfitValueError(
                f"Only asymmetric algorithms are taken: {', '.join(CONFIGURABLE)}.",
                "config.algorithm",
            )
    return found


@reads("table")
def read_requirements(value: object) -> Mapping[str, tuple[str, ...]]:
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


@reads("table")
def read_parameters(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise UnfitValueError('It must be a table such as { prompt = "consent" }.', "config.type")
    return {read.some_text(name): read.text(each) for name, each in value.items()}


ProviderName = Annotated[str, ConfigKey(read.name, "How people and clients call it.")]
Issuer = Annotated[str, ConfigKey(read.url, "The issuer, exactly as its tokens spell it.")]
Algorithms = Annotated[
    tuple[str, ...],
    ConfigKey(read_algorithms, "Signatures that are taken.", "the asymmetric ones"),
]
TrustedBy = Annotated[
    Path | None,
    ConfigKey(read.path, "Whom its TLS is trusted by, PEM.", "the system's authorities", file=True),
]
AsPassword = Annotated[
    bool, ConfigKey(read.flag, "Whether its tokens are taken as PostgreSQL passwords.")
]
