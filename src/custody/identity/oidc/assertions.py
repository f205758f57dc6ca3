"""From signed claims to a proof: the checks of OpenID Connect Core §3.1.3.7 and RFC 9068 §4.

Law: pure; every check is made on every token, in one order: kind, audience, party, times, then
what it says.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection
from typing import Final

from custody.identity.oidc.issuer_keys import SignedClaims
from custody.identity.oidc.responses import LogoutToken, TokenKind
from custody.identity.oidc.settings import Flow, OidcSettings
from custody.identity.oidc.token_kinds import OtherTokenKind, check_kind, is_of_client
from custody.identity.oidc.tokens.claims import (
    Claims,
    check_audience,
    check_times,
    groups,
    once,
    seconds,
    subject,
    text,
)
from custody.model.errors import CustodyError
from custody.model.identity import Identity, Proof
from custody.model.words import IdentityKind, Method

_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def login_proof(
    signed: SignedClaims,
    settings: OidcSettings,
    now: int,
    *,
    method: Method,
    nonce: str | None,
    access_token: str,
) -> Proof:
    """An id token that the provider gave to us, for a login that we began. ``nonce`` ``None``:
    the flow has none.
    """
    check_kind(signed, TokenKind.ID_TOKEN)
    _check_parties(signed.claims, (settings.client_id,), (settings.client_id,))
    given = signed.claims.get("nonce")
    if nonce is not None and not (
        isinstance(given, str) and nonce and hmac.compare_digest(given.encode(), nonce.encode())
    ):
        raise CustodyError(
            "identity.nonce", "The token was not made for this login.", "Begin the login again."
        )
    if "at_hash" in signed.claims and access_token:
        _check_hash(signed, access_token)
    return _proof(signed.claims, settings, now, kind=settings.kind, method=method)


def token_proof(
    signed: SignedClaims, settings: OidcSettings, now: int, wanted: TokenKind | None
) -> Proof:
    """A token that its holder brings."""
    claims, audience = signed.claims, settings.audience or (settings.client_id,)
    if check_kind(signed, wanted) is TokenKind.ID_TOKEN:
        _check_parties(claims, audience, (settings.client_id, *audience, *settings.clients))
        return _proof(claims, settings, now, kind=settings.kind, method=Method.OIDC_TOKEN)
    check_audience(claims, audience)
    client = text(claims, "client_id") or text(claims, "cid") or text(claims, "azp")
    if signed.header.typ == "at+jwt" and not (client and text(claims, "jti")):
        raise CustodyError("identity.claim-missing", "The token has no client_id or no jti.")
    own = is_of_client(claims) or set(settings.flows) == {Flow.CLIENT_CREDENTIALS}
    if own and Flow.CLIENT_CREDENTIALS not in settings.flows:
        raise CustodyError(
            "identity.flow",
            "The token is a client's own, and such logins are not allowed here.",
            "Add client_credentials to flows.",
        )
    return _proof(
        claims,
        settings,
        now,
        kind=IdentityKind.SERVICE if own else settings.kind,
        method=Method.OIDC_CLIENT if own else Method.OIDC_TOKEN,
        client=client,
    )


def logout_token(signed: SignedClaims, settings: OidcSettings, now: int) -> LogoutToken:
    """OpenID Connect Back-Channel Logout 1.0 §2.6."""
    claims = signed.claims
    check_kind(signed, OtherTokenKind.LOGOUT)
    check_audience(claims, (settings.client_id,))
    _issued, expires = check_times(claims, now)
    events = claims.get("events")
    event = events.get(_LOGOUT_EVENT) if isinstance(events, dict) else None
    if not isinstance(event, dict) or "nonce" in claims:
        raise CustodyError(
            "identity.token-kind", "The token does not say that somebody logged out."
        )
    left = LogoutToken(
        issuer=settings.issuer,
        subject=text(claims, "sub"),
        session=text(claims, "sid"),
        use=once(claims, needed=True),
        expires=expires,
    )
    if not left.subject and not left.session:
        raise CustodyError("identity.claim-missing", "The token has neither sub nor sid.")
    return left


def _check_parties(claims: Claims, ours: Collection[str], parties: Collection[str]) -> None:
    audiences = check_audience(claims, ours)
    party = claims.get("azp")
    if (party is None and len(audiences) > 1) or (party is not None and party not in parties):
        raise CustodyError(
            "identity.authorized-party",
            "The token was made for another client of the provider.",
            "Log in through this gateway, or list that client under clients.",
        )


def _check_hash(signed: SignedClaims, access_token: str) -> None:
    """OpenID Connect Core §3.1.3.6: the left half of the hash that the signature uses."""
    # Ed25519 hashes with SHA-512 (RFC 8032 §5.1).
    made = _HASHES.get(signed.header.algorithm[2:], hashlib.sha512)(access_token.encode()).digest()
    half = urlsafe_b64encode(made[: len(made) // 2]).decode("ascii").rstrip("=")
    given = signed.claims["at_hash"]
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), half.encode()):
        raise CustodyError(
            "identity.token-hash", "The id token and the access token do not belong together."
        )


def _proof(
    claims: Claims,
    settings: OidcSettings,
    now: int,
    *,
    kind: IdentityKind,
    method: Method,
    client: str = "",
) -> Proof:
    issued, expires = check_times(claims, now)
    brings = method in (Method.OIDC_TOKEN, Method.OIDC_CLIENT)
    facts = (
        ("acr", text(claims, "acr")),
        ("auth_time", seconds(claims, "auth_time")),
        ("client", client),
    )
    # OpenID Connect Core §2 and RFC 9068 §2.2: each has a sub, whatever names the identity here.
    subject(claims, "sub")
    return Proof(
        identity=Identity(
            subject=subject(claims, settings.subject),
            issuer=settings.issuer,
            groups=groups(claims, settings.groups),
            kind=kind,
        ),
        method=method,
        provider=settings.name,
        issued=issued,
        expires=expires,
        facts=tuple((name, value) for name, value in facts if value),
        session=text(claims, "sid"),
        use=once(claims, needed=settings.single_use and brings),
    )
