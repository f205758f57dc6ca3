"""OpenID Connect: proofs of people, services and workloads.

Law: what a token says counts only after every check of this room has passed; no check can be
turned off; and no error quotes a token.
"""

from custody.identity.oidc.fetch import Answered, Asked, Fetch
from custody.identity.oidc.http import HttpFetch
from custody.identity.oidc.provider import ClientSecret, Clock, OidcProvider
from custody.identity.oidc.responses import (
    DevicePending,
    DeviceStarted,
    Granted,
    LoggedOut,
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
    "Answered",
    "Asked",
    "ClientAuth",
    "ClientSecret",
    "Clock",
    "DevicePending",
    "DeviceStarted",
    "Fetch",
    "Flow",
    "Granted",
    "HttpFetch",
    "LoggedOut",
    "OidcProvider",
    "OidcSettings",
    "Preset",
    "TokenKind",
    "WorkloadIssuer",
    "WorkloadSettings",
    "fingerprint",
    "unverified_issuer",
]
