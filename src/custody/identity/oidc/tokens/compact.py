"""Taking a JSON Web Signature apart (RFC 7515 §7.1, compact form), and reading its header.

Law: nothing here is proved. A header chooses among what the operator allows, and names a key of
those that the issuer publishes; it can bring neither a key nor the place of one: ``jku``, ``x5u``,
``x5c``, ``x5t`` and ``jwk`` are never read.
"""

import base64
import binascii
from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from custody.identity.oidc.tokens.strict_json import read_object
from custody.model.errors import CustodyError
from custody.model.secret import Secret

MAX_TOKEN: Final = 64 * 1024
_MAX_KID: Final = 1024


class Header(msgspec.Struct, frozen=True):
    algorithm: str
    kid: str | None
    typ: str
    """In lower case, without ``application/`` (RFC 7515 §4.1.9); empty where there is none."""


class CompactToken(msgspec.Struct, frozen=True):
    """A token in its parts, unproved. Its repr shows none of them."""

    header: Header
    claims: dict[str, object]
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        return "Compact(…)"


def parse_compact(token: Secret, algorithms: Collection[str]) -> CompactToken:
    """Raises ``identity.too-large``, ``.malformed``, ``.algorithm`` or ``.header``."""
    text = token.reveal()
    if len(text) > MAX_TOKEN:
        raise CustodyError("identity.too-large", f"The token is larger than {MAX_TOKEN} bytes.")
    head, body, signature = parts_of(text)
    header = _header(read_object(decoded(head), "The token's header"), algorithms)
    return CompactToken(
        header=header,
        claims=read_object(decoded(body), "The token"),
        signed=f"{head}.{body}".encode("ascii"),
        signature=decoded(signature),
    )


class TokenOrigin(NamedTuple):
    """What a token says of itself, unproven: good for choosing who checks it, and nothing else."""

    issuer: str
    audience: frozenset[str]


def unverified_origin(token: Secret) -> TokenOrigin:
    """Empty for what is no token at all."""
    text = token.reveal()
    if len(text) > MAX_TOKEN:
        return TokenOrigin("", frozenset())
    try:
        claims = read_object(decoded(parts_of(text)[1]), "The token")
    except CustodyError:
        return TokenOrigin("", frozenset())
    issuer, audience = claims.get("iss"), claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return TokenOrigin(
        issuer if isinstance(issuer, str) else "",
        frozenset(each for each in audiences if isinstance(each, str)),
    )


def parts_of(text: str) -> tuple[str, str, str]:
    parts = text.split(".", 3)
    if len(parts) != 3 or not text.isascii():
        raise CustodyError("identity.malformed", "What was brought is not a signed JSON Web Token.")
    return parts[0], parts[1], parts[2]


def _header(found: dict[str, object], algorithms: Collection[str]) -> Header:
    algorithm, kid, typ = found.get("alg"), found.get("kid"), found.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise CustodyError(
            "identity.algorithm",
            "The token is not signed with an algorithm that is allowed here.",
            "Let the provider sign with one of the algorithms in the configuration.",
        )
    # RFC 7515 §4.1.11: an extension that must be understood and is not. None is understood here;
    # nor are payloads that are not encoded (RFC 7797) or are tokens themselves (RFC 7519 §5.2).
    if any(name in found for name in ("crit", "b64", "cty")):
        raise CustodyError("identity.header", "The token's header asks for what is not done here.")
    if not isinstance(typ, str) or not (kid is None or isinstance(kid, str)):
        raise CustodyError("identity.malformed", "The token's header is not well formed.")
    if kid is not None and not 0 < len(kid) <= _MAX_KID:
        raise CustodyError("identity.malformed", "The token's header is not well formed.")
    return Header(algorithm, kid, typ.lower().removeprefix("application/"))


def decoded(part: str) -> bytes:
    """Base64url without padding, in its one canonical spelling (RFC 7515 §2)."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        data = b""
    if base64.urlsafe_b64encode(data).decode("ascii").rstrip("=") != part:
        raise CustodyError("identity.malformed", "The token is not well formed.")
    return data
