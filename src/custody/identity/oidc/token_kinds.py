"""Telling tokens apart that one issuer signs with one key.

Law: a token is of one kind, by its own marks, or it is of none; what was made to say something
else (an access token, a logout, a refresh) is never taken for a proof of who logged in.

| mark | says |
|---|---|
| header ``typ`` ``at+jwt`` (RFC 9068 §2.1) | access token |
| header ``typ`` ``logout+jwt``, or a claim ``events`` (Back-Channel Logout §2.4) | logout token |
| claim ``typ`` (Keycloak), claim ``token_use`` (Cognito) | what they say |
| claims that say what a client may do, or which client it is: ``scope``, ``client_id`` … | access |
| claims that bind it to a login: ``nonce``, ``at_hash``, ``c_hash`` | id token |
| none of them | id token |

A header ``typ`` of ``JWT`` or ``JOSE``, or none, says nothing.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from custody.identity.oidc.issuer_keys import SignedClaims
from custody.identity.oidc.responses import TokenKind
from custody.identity.oidc.tokens.claims import Claims
from custody.model.errors import CustodyError


class OtherTokenKind(Enum):
    LOGOUT = "logout"
    UNKNOWN = "unknown"


Kind = TokenKind | OtherTokenKind

_BY_HEADER: Final[Mapping[str, Kind]] = {
    "at+jwt": TokenKind.ACCESS_TOKEN,
    "logout+jwt": OtherTokenKind.LOGOUT,
}
_BY_CLAIM: Final[Mapping[str, Mapping[str, Kind]]] = {
    "typ": {
        "ID": TokenKind.ID_TOKEN,
        "Bearer": TokenKind.ACCESS_TOKEN,
        "Logout": OtherTokenKind.LOGOUT,
    },
    "token_use": {"id": TokenKind.ID_TOKEN, "access": TokenKind.ACCESS_TOKEN},
}
_ACCESS: Final = ("scope", "scp", "client_id", "cid", "appid", "appidacr", "azpacr", "gty", "idtyp")
_LOGIN: Final = ("nonce", "at_hash", "c_hash")


def kind_of(signed: SignedClaims) -> Kind:
    said = set(_said(signed))
    if len(said) == 1:
        return said.pop()
    if said:
        return OtherTokenKind.UNKNOWN
    access = any(name in signed.claims for name in _ACCESS)
    login = any(name in signed.claims for name in _LOGIN)
    if access and login:
        return OtherTokenKind.UNKNOWN
    return TokenKind.ACCESS_TOKEN if access else TokenKind.ID_TOKEN


def check_kind(signed: SignedClaims, wanted: Kind | None) -> Kind:
    """The kind, which is the wanted one; ``None`` wants an id token or an access token."""
    kind = kind_of(signed)
    fits = isinstance(kind, TokenKind) if wanted is None else kind == wanted
    if not fits or "cnf" in signed.claims:
        # RFC 7800 §3: a token bound to a key is worth nothing without proof of that key.
        raise CustodyError(
            "identity.token-kind",
            "The token is of another kind than the one that is wanted here.",
            "Bring an id token, or an access token whose audience is this gateway.",
        )
    return kind


def is_of_client(claims: Claims) -> bool:
    """Whether an access token is a client's own, with nobody behind it (RFC 9068 §2.2)."""
    client = claims.get("client_id", claims.get("cid"))
    own = isinstance(client, str) and claims.get("sub") == client
    # Microsoft Entra says how a client proved itself, and what a person let it do in ``scp``.
    entra = ("azpacr" in claims or "appidacr" in claims) and "scp" not in claims
    return own or entra or claims.get("idtyp") == "app" or claims.get("gty") == "client-credentials"


def _said(signed: SignedClaims) -> Iterator[Kind]:
    if signed.header.typ not in ("", "jwt", "jose"):
        yield _BY_HEADER.get(signed.header.typ, OtherTokenKind.UNKNOWN)
    if "events" in signed.claims:
        yield OtherTokenKind.LOGOUT
    for name, kinds in _BY_CLAIM.items():
        if name in signed.claims:
            value = signed.claims[name]
            yield (
                kinds.get(value, OtherTokenKind.UNKNOWN)
                if isinstance(value, str)
                else OtherTokenKind.UNKNOWN
            )
