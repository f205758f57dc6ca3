"""What an operator says about one SAML identity provider.

Law: these values are compared exactly as they are written; nothing here is learnt from a response.
"""

from typing import Final

import msgspec

from custody.model.words import IdentityKind

NAME_ID: Final = "NameID"


class SamlSettings(msgspec.Struct, frozen=True):
    """One ``[[saml]]`` table."""

    name: str
    """The provider's name in the configuration."""
    entity_id: str
    """Who we are: the only audience that an assertion may have been made for."""
    acs_url: str
    """Where responses are posted to, as browsers reach it: Destination and Recipient."""
    subject: str = NAME_ID
    """``NameID``, or the name of the attribute that names a person."""
    groups: str = "groups"
    """The name of the attribute whose values are the groups."""
    kind: IdentityKind = IdentityKind.HUMAN
    issuer: str = ""
    """The identity provider's entity id; needed only where the metadata describes several."""
