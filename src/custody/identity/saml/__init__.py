"""Identities by SAML 2.0."""

from custody.identity.saml.answer import SamlAnswer, SamlRequest
from custody.identity.saml.provider import SamlProvider
from custody.identity.saml.settings import SamlSettings

__all__ = ["SamlAnswer", "SamlProvider", "SamlRequest", "SamlSettings"]
