"""What an operator says about one SAML identity provider, and who the gateway is to it.

Law: these values are compared exactly as they are written; nothing here is learnt from a response.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.words import IdentityKind

NAME_ID: Final = "NameID"


class SamlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[saml]]`` table."""

    name: Annotated[str, ConfigKey(read.name, "How people and clients call it.")]
    metadata: Annotated[
        str | Path,
        ConfigKey(
            read.url_or_path,
            "The provider's metadata; a URL is read at start.",
            form="path or URL",
            file=True,
        ),
    ]
    entity_id: Annotated[
        str,
        ConfigKey(
            read.some_text,
            "What the provider calls this gateway.",
            "the console's `url` and `/saml/NAME/metadata`",
        ),
    ] = ""
    subject: Annotated[
        str,
        ConfigKey(read.some_text, "Who it is: `NameID`, or an attribute's name.", form="attribute"),
    ] = NAME_ID
    groups: Annotated[
        str, ConfigKey(read.some_text, "The attribute that names groups.", form="attribute")
    ] = "groups"
    kind: Annotated[IdentityKind, ConfigKey(read.choice(IdentityKind), "Who logs in.")] = (
        IdentityKind.HUMAN
    )
    ca: Annotated[
        Path | None,
        ConfigKey(
            read.path,
            "Whom the TLS of a metadata URL is trusted by, PEM.",
            "the system's authorities",
            file=True,
        ),
    ] = None


class ServiceProvider(msgspec.Struct, frozen=True):
    """The gateway as one identity provider knows it."""

    settings: SamlSettings
    entity_id: str
    """Who we are: the only audience that an assertion may have been made for."""
    acs_url: str
    """Where responses are posted to, as browsers reach it: Destination and Recipient."""
    issuer: str = ""
    """The identity provider's entity id; needed only where the metadata describes several."""


def service_provider(settings: SamlSettings, url: str) -> ServiceProvider:
    """``url`` is the console's own, as browsers reach it."""
    place = f"{url}/saml/{settings.name}"
    return ServiceProvider(settings, settings.entity_id or f"{place}/metadata", f"{place}/acs")
