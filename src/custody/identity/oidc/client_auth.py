"""Showing a provider's token endpoint who the gateway is (RFC 6749 §2.3, OpenID Core §9).

Law: the secret goes into the one place that the method names for it, and nowhere else.
"""

import base64
import json
from typing import Final
from urllib.parse import quote_plus

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from custody.identity.oidc.settings import ClientAuth
from custody.model.errors import CustodyError
from custody.model.secret import Secret

_ASSERTION_SECONDS: Final = 60
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "Ed25519"}


class ClientAuthentication(msgspec.Struct, frozen=True):
    """What is added to a request. Its repr shows nothing."""

    form: tuple[tuple[str, str], ...]
    authorization: str = ""

    def __repr__(self) -> str:
        return "Shown(…)"


def choose_method(wanted: ClientAuth, offered: tuple[str, ...]) -> ClientAuth:
    """What to do where a secret is to be shown; a provider that says nothing means Basic."""
    if wanted is not ClientAuth.AUTO:
        return wanted
    basic = not offered or ClientAuth.BASIC in offered
    return ClientAuth.BASIC if basic else ClientAuth.POST


def authenticate_client(
    method: ClientAuth, client_id: str, secret: Secret, *, endpoint: str, now: int, unique: str
) -> ClientAuthentication:
    """``unique`` names an assertion; it is random, and new each time."""
    if method is ClientAuth.PRIVATE_KEY:
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": endpoint,
            "jti": unique,
            "iat": now // 1000,
            "exp": now // 1000 + _ASSERTION_SECONDS,
        }
        return ClientAuthentication(
            (
                ("client_id", client_id),
                ("client_assertion_type", _ASSERTION_TYPE),
                ("client_assertion", _signed(claims, secret)),
            )
        )
    if method is ClientAuth.POST:
        return ClientAuthentication((("client_id", client_id), ("client_secret", secret.reveal())))
    # RFC 6749 §2.3.1: both are form-encoded before they become a user name and a password.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return ClientAuthentication((), "Basic " + base64.b64encode(pair.encode()).decode("ascii"))


def _signed(claims: dict[str, object], secret: Secret) -> str:
    key, algorithm = _private_key(secret)
    # RFC 9864 names Ed25519; providers still know it as EdDSA.
    header = {"alg": "EdDSA" if algorithm == "Ed25519" else algorithm, "typ": "JWT"}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = JWSRegistry.algorithms[algorithm].sign(signed.encode("ascii"), key)
    return f"{signed}.{_encoded(signature)}"


def _private_key(secret: Secret) -> tuple[RSAKey | ECKey | OKPKey, str]:
    pem = secret.reveal().encode()
    try:
        load_pem_private_key(pem, password=None)
        for kind in (RSAKey, ECKey, OKPKey):
            try:
                key = kind.import_key(pem)
            except (JoseError, ValueError, TypeError):
                continue
            if isinstance(key, RSAKey):
                return key, "RS256"
            if key.curve_name in _CURVES:
                return key, _CURVES[key.curve_name]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    raise CustodyError(
        "identity.client-key",
        "The client secret is not a private key, which private_key_jwt needs.",
        "Give an unencrypted PEM of an RSA, P-256, P-384, P-521 or Ed25519 key.",
    )


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
