"""OpenID Connect: proofs of people, services and workloads.

Law: what a token says counts only after every check of this room has passed; no check can be
turned off; and no error quotes a token.
"""

from custody.identity.oidc.fetch import Fetcher, FetchRequest, FetchResponse
from custody.identity.oidc.http import HttpFetch
from custody.identity.oidc.provider import ClientSecret, Clock, OidcProvider
from custody.identity.oidc.responses import (
    DeviceAuthorization,
    DevicePending,
    LogoutToken,
    ProviderLogin,
    TokenKind,
)
from custody.identity.oidc.settings import (
    ASYMMETRIC,
    ClientAuth,
    Flow,
    OidcSettings,
    Preset,
    WorkloadSettings,
)
from custody.identity.oidc.tokens.compact import unverified_issuer
from custody.identity.oidc.tokens.fingerprint import fingerprint
from custody.identity.oidc.workload import WorkloadIssuer

__all__ = [
    "ASYMMETRIC",
    "ClientAuth",
    "ClientSecret",
    "Clock",
    "DeviceAuthorization",
    "DevicePending",
    "FetchRequest",
    "FetchResponse",
    "Fetcher",
    "Flow",
    "HttpFetch",
    "LogoutToken",
    "OidcProvider",
    "OidcSettings",
    "Preset",
    "ProviderLogin",
    "TokenKind",
    "WorkloadIssuer",
    "WorkloadSettings",
    "fingerprint",
    "unverified_issuer",
]
