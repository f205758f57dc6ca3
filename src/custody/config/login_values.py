"""Readers of single values that concern logins and budgets.

Law: as in ``config_values``: a reader accepts or says what it wants, and never repeats the value.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from custody.config import values as read
from custody.config.values import UnfitValueError
from custody.model.identity import Budget
from custody.model.words import Exceeded

ASYMMETRIC: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""JWS algorithms (RFC 7518 §3.1, RFC 8037) whose verifier cannot sign."""

_LONGEST_URL: Final = 2048
_QUANTITIES: Final = ("commands", "rows", "writes", "denials")
_MOST: Final = 1 << 53


def url(value: object) -> str:
    """https, or http to this machine itself; no user, no query, no fragment, no slash at its end
    but one that belongs to a path.
    """
    wanted = UnfitValueError('It must be a URL such as "https://id.example.com", without a query.')
    found = read.some_text(value)
    try:
        parts = urlsplit(found)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wanted from None
    plain = len(found) <= _LONGEST_URL and found.isascii() and found.isprintable()
    if not plain or " " in found or not host or parts.query or parts.fragment or "@" in found:
        raise wanted
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(host)):
        raise UnfitValueError(
            "It must begin with https:// (http:// is for loopback addresses only)."
        )
    return found


def root_url(value: object) -> str:
    """A URL with no path, as browsers reach the gateway."""
    found = url(value).removesuffix("/")
    if urlsplit(found).path:
        raise UnfitValueError(
            'It must be a URL without a path, such as "https://gw1.example.com:8443".'
        )
    return found


def url_or_path(value: object) -> str | Path:
    """A text that begins as a URL does is one; anything else is a file."""
    found = read.some_text(value)
    return url(found) if "://" in found else read.path(found)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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


def budget(value: object) -> Budget:
    """At least one limit; ``bytes`` may have a unit."""
    if not isinstance(value, dict):
        raise UnfitValueError(
            "It must be a table such as { commands = 10000, rows = 1000000 }.", "config.type"
        )
    unknown = set(value) - {*_QUANTITIES, "bytes", "then"}
    if unknown:
        raise UnfitValueError(
            f"It knows {', '.join(_QUANTITIES)}, bytes and then, and nothing else.",
            "config.unknown-key",
        )
    limits = {
        quantity: read.integer(0, _MOST)(value[quantity])
        for quantity in _QUANTITIES
        if quantity in value
    }
    size = read.size(0, _MOST)(value["bytes"]) if "bytes" in value else None
    if not limits and size is None:
        raise UnfitValueError(f"It limits nothing: give it {', '.join(_QUANTITIES)} or bytes.")
    then = read.choice(Exceeded)(value.get("then", Exceeded.END.value))
    return Budget(**limits, bytes=size, then=then)
