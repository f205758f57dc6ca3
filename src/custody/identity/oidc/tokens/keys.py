"""An issuer's public keys (RFC 7517), and which one a token was signed with.

Law: a key is used only with the algorithms of its own type, curve, use and ``alg``; a token's
``kid`` selects exactly one such key or none; secret and private keys are never taken in.
"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from custody.identity.oidc.tokens.compact import CompactToken
from custody.identity.oidc.tokens.strict_json import read_object
from custody.model.errors import CustodyError

MAX_KEYS: Final = 64
_RSA_BITS: Final = range(2048, 8192 + 1)
"""RFC 7518 §3.3: 2048 at least; larger ones only cost time."""

_PUBLIC: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("n", "e"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
}
_FITS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""RFC 7518 §3.4: each ECDSA algorithm has its one curve. Ed448 is in no provider's use."""


class PublicKey(msgspec.Struct, frozen=True):
    kid: str | None
    type: str
    curve: str
    algorithm: str
    """The only one that it is for; empty: any that fits."""
    key: RSAKey | ECKey | OKPKey


class PublicKeys(msgspec.Struct, frozen=True):
    keys: tuple[PublicKey, ...]

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The one key that it can be. Raises ``identity.key-ambiguous`` where there are several.

        A token without a ``kid`` is fine with an issuer that has one key (OpenID Core §10.1).
        """
        fitting = [
            each
            for each in self.keys
            if (each.type, each.curve) == _FITS[algorithm]
            and each.algorithm in ("", algorithm)
            and (kid is None or each.kid == kid)
        ]
        if len(fitting) > 1:
            raise CustodyError(
                "identity.key-ambiguous", "The token does not say which of its issuer's keys it is."
            )
        return fitting[0] if fitting else None


def read_keys(data: bytes) -> PublicKeys:
    """Keys that are not for signatures, or not of a kind used here, are passed over (§5)."""
    listed = read_object(data, "The issuer's key set").get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise CustodyError("identity.malformed", "The issuer's key set is not well formed.")
    found = tuple(key for each in listed if (key := _public_key(each)) is not None)
    if not found:
        raise CustodyError(
            "identity.malformed",
            "The issuer's key set holds no key that signatures can be told by.",
        )
    return PublicKeys(found)


def signed_by(compact: CompactToken, key: PublicKey) -> bool:
    # One name for what RFC 9864 calls Ed25519: ``find`` gave a key of that curve.
    name = {"EdDSA": "Ed25519"}.get(compact.header.algorithm, compact.header.algorithm)
    algorithm = JWSRegistry.algorithms[name]
    try:
        return algorithm.verify(compact.signed, compact.signature, key.key)
    except (JoseError, ValueError):
        return False


def _public_key(found: object) -> PublicKey | None:
    if not isinstance(found, dict):
        return None
    kind = found.get("kty")
    # A secret key, or a private one that was published: nothing that it signs is proof.
    if not isinstance(kind, str) or kind not in _PUBLIC or "d" in found:
        return None
    use, operations, algorithm = found.get("use"), found.get("key_ops"), found.get("alg", "")
    kid, curve = found.get("kid"), found.get("crv", "")
    for_signatures = use in (None, "sig") and (
        operations is None or (isinstance(operations, list) and "verify" in operations)
    )
    names = isinstance(algorithm, str) and isinstance(curve, str)
    if not for_signatures or not names or not (kid is None or isinstance(kid, str)):
        return None
    numbers = {name: found.get(name) for name in _PUBLIC[kind]}
    if (kind, curve) not in _FITS.values() or not all(isinstance(x, str) for x in numbers.values()):
        return None
    key = _imported(kind, {name: str(value) for name, value in numbers.items()})
    return None if key is None else PublicKey(kid, kind, curve, algorithm, key)


def _imported(kind: str, numbers: dict[str, str]) -> RSAKey | ECKey | OKPKey | None:
    described: dict[str, str | list[str]] = {"kty": kind, **numbers}
    try:
        match kind:
            case "RSA":
                modulus = numbers["n"]
                data = urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
                bits = int.from_bytes(data, "big").bit_length()
                return RSAKey.import_key(described) if bits in _RSA_BITS else None
            case "EC":
                return ECKey.import_key(described)
            case _:
                return OKPKey.import_key(described)
    except (JoseError, ValueError):
        return None
