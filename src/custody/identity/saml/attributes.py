"""Subject and groups from what an assertion says of its bearer.

Law: one attribute has one meaning: a name that occurs twice refuses the login, and so does a
subject that would be another one at the next login.
"""

from custody.identity.saml.element import Element, odd
from custody.identity.saml.names import TRANSIENT, saml
from custody.identity.saml.settings import NAME_ID, ServiceProvider
from custody.identity.saml.texts import name_in
from custody.model.errors import CustodyError
from custody.model.identity import Identity

Attributes = dict[str, tuple[Element, ...]]

_GROUPS_AT_MOST = 2_000
# Microsoft Entra ID: sent instead of the groups where there are too many of them.
_OVERAGE = "http://schemas.microsoft.com/claims/groups.link"


def attributes_of(assertion: Element) -> Attributes:
    """Values by the attribute's Name, as their elements."""
    found: Attributes = {}
    for statement in assertion.all(saml("AttributeStatement")):
        for attribute in statement.all(saml("Attribute")):
            name = attribute.attributes.get("Name", "")
            if not name or name in found:
                raise CustodyError(
                    "identity.attribute-twice",
                    "The SAML assertion has an attribute without a name, or twice.",
                    "Let the identity provider send each attribute once.",
                )
            if any(child.name != saml("AttributeValue") for child in attribute.children):
                raise odd()
            found[name] = attribute.children
    return found


def identity_of(
    subject: Element, attributes: Attributes, service: ServiceProvider, issuer: str
) -> Identity:
    """``subject`` is the assertion's Subject element."""
    settings = service.settings
    named = subject.all(saml("NameID"))
    if len(named) > 1:
        raise odd()
    if settings.subject == NAME_ID:
        if len(named) != 1 or named[0].attributes.get("Format") == TRANSIENT:
            raise CustodyError(
                "identity.subject",
                "The SAML assertion names nobody who would have the same name tomorrow.",
                "Let the identity provider send a persistent NameID, or set `subject` to the name"
                " of an attribute.",
            )
        source = named[0]
        _of_this_pair(source, service, issuer)
    else:
        values = attributes.get(settings.subject, ())
        if len(values) != 1:
            raise CustodyError(
                "identity.subject",
                f"The SAML assertion has no single value of the attribute “{settings.subject}”.",
                "Let the identity provider send it, or set `subject` to one that it sends.",
            )
        source = values[0]
    if _OVERAGE in attributes and settings.groups not in attributes:
        raise CustodyError(
            "identity.groups-overage",
            "The identity provider left the groups out because there are too many of them.",
            "Let it send only the groups that are assigned to this application.",
        )
    values = attributes.get(settings.groups, ())
    if len(values) > _GROUPS_AT_MOST:
        raise CustodyError(
            "identity.groups-overage",
            f"The SAML assertion has more than {_GROUPS_AT_MOST} groups.",
            "Let the identity provider send only the groups that grants name.",
        )
    groups = tuple(dict.fromkeys(name_in(value) for value in values))
    return Identity(name_in(source), issuer, groups, settings.kind)


def _of_this_pair(name: Element, service: ServiceProvider, issuer: str) -> None:
    """saml-core §8.3.7: a name qualified by others may be another person's among ours."""
    if (
        name.attributes.get("NameQualifier", issuer) != issuer
        or name.attributes.get("SPNameQualifier", service.entity_id) != service.entity_id
    ):
        raise CustodyError(
            "identity.subject",
            "The SAML assertion's NameID is qualified by another provider or service.",
            "Set `subject` to the name of an attribute that is the person's own.",
        )
