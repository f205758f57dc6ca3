"""What the operator trusts a provider for: ``[[oidc]]`` and ``[[workload]]``, decoded.

Law: a setting that would weaken a check is refused when it is read, not when it is used: no
symmetric algorithm, no issuer without TLS off loopback, no workload without a requirement.
"""

import ipaddress
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from custody.model.errors import CustodyError
from custody.model.words import IdentityKind

ASYMMETRIC: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""RFC 7518 §3.1, RFC 8037, RFC 9864. A shared secret proves nothing about who signed."""

_OWN_PARAMETERS: Final = (
    "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce",
    "code_challenge", "code_challenge_method", "request", "request_uri", "max_age",
)  # fmt: skip


class Flow(StrEnum):
    CODE = "code"
    DEVICE = "device"
    CLIENT_CREDENTIALS = "client_credentials"


class ClientAuth(StrEnum):
    """How the gateway shows a provider's token endpoint who it is."""

    AUTO = "auto"
    """As the provider's document offers it; without a secret: ``none``."""
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"
    """The client secret is then a PEM private key (OpenID Connect Core §9)."""


class Preset(StrEnum):
    NONE = "none"
    GITHUB = "github"
    GITLAB = "gitlab"
    KUBERNETES = "kubernetes"


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[oidc]]``. The client secret is not here: it is handed over when it is needed."""

    name: str
    issuer: str
    client_id: str
    audience: tuple[str, ...] = ()
    """Audiences of tokens that their holders bring; empty: the client id."""
    groups: str = "groups"
    """The claim that lists groups; dots go into objects; empty: no groups."""
    subject: str = "sub"
    kind: IdentityKind = IdentityKind.HUMAN
    scopes: tuple[str, ...] = ("openid", "profile", "offline_access")
    algorithms: tuple[str, ...] = ASYMMETRIC
    flows: tuple[Flow, ...] = (Flow.CODE, Flow.DEVICE, Flow.CLIENT_CREDENTIALS)
    clients: tuple[str, ...] = ()
    """Other clients of the provider whose id tokens are taken (``azp``)."""
    client_auth: ClientAuth = ClientAuth.AUTO
    parameters: tuple[tuple[str, str], ...] = ()
    """Added to the authorization request: ``prompt``, ``access_type`` … A provider that follows
    OpenID Connect Core §11 to the letter gives a refresh token only with ``prompt=consent``.
    """
    single_use: bool = False
    """A token that its holder brings starts one thing only; it must have a ``jti``."""

    def __post_init__(self) -> None:
        _check_issuer(self.issuer)
        _check_algorithms(self.algorithms)
        if not self.client_id:
            raise CustodyError("identity.settings", "client_id is empty.")
        if "openid" not in self.scopes:
            raise CustodyError(
                "identity.settings",
                "scopes lacks openid: the provider would give no id token.",
                'Add "openid" to scopes.',
            )
        if not self.flows:
            raise CustodyError("identity.settings", "flows is empty: nobody could log in.")
        for name, _value in self.parameters:
            if name in _OWN_PARAMETERS:
                raise CustodyError(
                    "identity.settings", f"parameters: {name} is the gateway's own to set."
                )


class WorkloadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[workload]]``."""

    name: str
    issuer: str
    audience: tuple[str, ...]
    preset: Preset = Preset.NONE
    jwks: str = ""
    """A URL, or the path of a file; empty: as the issuer's discovery document says."""
    subject: str = "sub"
    groups: tuple[str, ...] = ()
    """Given to every token that passes."""
    groups_claim: str = ""
    """A claim that adds to them."""
    require: tuple[tuple[str, tuple[str, ...]], ...]
    """Each key with its patterns, one of which must match."""
    single_use: bool = False
    kind: IdentityKind = IdentityKind.SERVICE
    algorithms: tuple[str, ...] = ASYMMETRIC

    def __post_init__(self) -> None:
        _check_issuer(self.issuer)
        _check_algorithms(self.algorithms)
        if not self.audience or not all(self.audience):
            raise CustodyError(
                "identity.settings",
                "audience is empty: a token meant for anybody would be taken.",
                "Name the audience that the job asks its token for.",
            )
        if not self.require or not all(key and each for key, each in self.require):
            raise CustodyError(
                "identity.settings",
                "require is empty: whoever the issuer serves would be let in.",
                "Require at least one claim, such as repository.",
            )
        if self.jwks.startswith(("http:", "https:")) and not acceptable_url(
            self.jwks, of=self.issuer
        ):
            raise CustodyError("identity.settings", "jwks is not an https URL.")


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
    return parts.scheme == "http" and issuer.scheme == "http" and _loopback(host)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_issuer(issuer: str) -> None:
    if not acceptable_url(issuer, of=issuer) or "?" in issuer:
        raise CustodyError(
            "identity.settings",
            "issuer is not an https URL without query and fragment.",
            "Write it exactly as the provider's discovery document does; http is for loopback.",
        )


def _check_algorithms(algorithms: tuple[str, ...]) -> None:
    wrong = [each for each in algorithms if each not in ASYMMETRIC]
    if wrong or not algorithms:
        raise CustodyError(
            "identity.settings",
            "algorithms may hold asymmetric signature algorithms only, and at least one.",
            f"Choose from {', '.join(ASYMMETRIC)}.",
        )
