"""OpenID Connect: proofs of people, services and workloads.

Law: what a token says counts only after every check of this room has passed; no check can be
turned off; and no error quotes a token. Importing this package alone costs nothing: a gateway
without a provider needs neither HTTP nor JOSE.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.identity.oidc.fetch import Fetcher, FetchRequest, FetchResponse
    from custody.identity.oidc.http import HttpFetch
    from custody.identity.oidc.issuer_trust import ASYMMETRIC
    from custody.identity.oidc.presets import Preset
    from custody.identity.oidc.provider import ClientSecret, OidcProvider
    from custody.identity.oidc.responses import (
        DeviceAuthorization,
        DevicePending,
        LogoutToken,
        ProviderLogin,
        TokenKind,
    )
    from custody.identity.oidc.settings import ClientAuth, Flow, OidcSettings
    from custody.identity.oidc.tokens.compact import unverified_origin
    from custody.identity.oidc.tokens.fingerprint import fingerprint
    from custody.identity.oidc.workload import WorkloadIssuer
    from custody.identity.oidc.workload_settings import WorkloadSettings

_NAMES: Final = {
    "fetch": ("FetchRequest", "FetchResponse", "Fetcher"),
    "http": ("HttpFetch",),
    "issuer_trust": ("ASYMMETRIC",),
    "presets": ("Preset",),
    "provider": ("ClientSecret", "OidcProvider"),
    "responses": (
        "DeviceAuthorization",
        "DevicePending",
        "LogoutToken",
        "ProviderLogin",
        "TokenKind",
    ),
    "settings": ("ClientAuth", "Flow", "OidcSettings"),
    "tokens.compact": ("unverified_origin",),
    "tokens.fingerprint": ("fingerprint",),
    "workload": ("WorkloadIssuer",),
    "workload_settings": ("WorkloadSettings",),
}

__all__ = [
    "ASYMMETRIC",
    "ClientAuth",
    "ClientSecret",
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
    "unverified_origin",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
