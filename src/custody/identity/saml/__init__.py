"""Identities by SAML 2.0."""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.identity.saml.answer import SamlAnswer, SamlRequest
    from custody.identity.saml.provider import SamlProvider
    from custody.identity.saml.settings import SamlSettings, ServiceProvider, service_provider

_NAMES: Final = {
    "answer": ("SamlAnswer", "SamlRequest"),
    "provider": ("SamlProvider",),
    "settings": ("SamlSettings", "ServiceProvider", "service_provider"),
}

__all__ = [
    "SamlAnswer",
    "SamlProvider",
    "SamlRequest",
    "SamlSettings",
    "ServiceProvider",
    "service_provider",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
