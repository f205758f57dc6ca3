"""Assertions that are rightly signed and must be refused for what they say.

Law: every case differs in one thing from a response that passes; `test_login.py` has that one.
"""
# ruff: noqa: E501 - a table's case stands in one line

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.identity.saml.refusing import refusal
from tests.identity.saml.small_idp import (
    ACS,
    SP,
    TRANSIENT,
    Says,
    at,
    posted,
    response,
)  # fmt: skip

from custody.identity.saml.settings import SamlSettings, ServiceProvider

SAID: dict[str, tuple[Says, str]] = {
    "wrong audience": (Says(audience=f"<saml:AudienceRestriction><saml:Audience>{SP}x</saml:Audience></saml:AudienceRestriction>"), "identity.audience"),
    "no audience": (Says(audience=""), "identity.audience"),
    "a second restriction without us": (Says(more_conditions="<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>"), "identity.audience"),
    "audience in pieces": (Says(audience=f"<saml:AudienceRestriction><saml:Audience>{SP[:9]}<b/>{SP[9:]}</saml:Audience></saml:AudienceRestriction>"), "identity.malformed"),
    "wrong recipient": (Says(recipient=ACS + "/"), "identity.recipient"),
    "wrong destination": (Says(destination="https://evil.example.com/acs"), "identity.destination"),
    "empty destination": (Says(destination=""), "identity.destination"),
    "wrong issuer": (Says(issuer="https://evil.example.com"), "identity.issuer"),
    "issuer with a blank": (Says(issuer=" https://idp.example.com/saml"), "identity.issuer"),
    "wrong outer issuer": (Says(outer_issuer="https://evil.example.com"), "identity.issuer"),
    "expired": (Says(not_on_or_after=at(-30)), "identity.expired"),
    "confirmation expired": (Says(confirmed_until=at(-30)), "identity.expired"),
    "session expired": (Says(session=f' SessionNotOnOrAfter="{at(-30)}"'), "identity.expired"),
    "not yet": (Says(not_before=at(31)), "identity.not-yet"),
    "confirmation not yet": (Says(confirmed_from=at(31)), "identity.not-yet"),
    "issued in the future": (Says(issued=at(31)), "identity.not-yet"),
    "authenticated in the future": (Says(authenticated=at(31)), "identity.not-yet"),
    "no end": (Says(not_on_or_after=""), "identity.malformed"),
    "time with an offset": (Says(not_on_or_after="2036-01-01T00:00:00+00:00"), "identity.malformed"),
    "time that is none": (Says(not_on_or_after="2036-02-30T00:00:00Z"), "identity.malformed"),
    "time in other digits": (Says(not_on_or_after="２036-01-01T00:00:00Z"), "identity.malformed"),
    "unsolicited": (Says(in_response_to="", outer_in_response_to=""), "identity.request"),
    "another request": (Says(in_response_to="_request2"), "identity.request"),
    "another request outside": (Says(outer_in_response_to="_request2"), "identity.request"),
    "no request outside": (Says(outer_in_response_to=""), "identity.request"),
    "holder of key": (Says(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"), "identity.confirmation"),
    "unknown condition": (Says(more_conditions="<saml:Condition/>"), "identity.condition"),
    "status failed": (Says(status='<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>'), "identity.provider-refused"),
    "status nested": (Says(status='<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"><samlp:StatusCode Value="x"/></samlp:StatusCode>'), "identity.provider-refused"),
    "status twice": (Says(status='<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>' * 2), "identity.provider-refused"),
    "status missing": (Says(status=""), "identity.provider-refused"),
    "version 1.1": (Says(version="1.1"), "identity.malformed"),
    "transient name": (Says(format=TRANSIENT), "identity.subject"),
    "name of another provider": (Says(qualifiers=' NameQualifier="https://b.example.com"'), "identity.subject"),
    "name for another service": (Says(qualifiers=' SPNameQualifier="https://b.example.com"'), "identity.subject"),
    "no name": (Says(subject=""), "identity.text"),
    "name with blanks": (Says(subject="ada "), "identity.text"),
    "name with a line break": (Says(subject="ada&#10;"), "identity.text"),
    "name with a no-break space": (Says(subject="ada&#xA0;"), "identity.text"),
    "name with a zero-width space": (Says(subject="a&#x200B;da"), "identity.text"),
    "name that turns round": (Says(subject="&#x202E;ada"), "identity.text"),
    "name with an element": (Says(subject="ada<b/>.evil"), "identity.text"),
    "name of 1,025 characters": (Says(subject="x" * 1025), "identity.text"),
    "group with an element": (Says(groups=("agents", "d<b>b</b>a")), "identity.text"),
    "group with a blank": (Says(groups=(" dba",)), "identity.text"),
    "attribute twice": (Says(attributes='<saml:Attribute Name="groups"><saml:AttributeValue>root</saml:AttributeValue></saml:Attribute>'), "identity.attribute-twice"),
    "attribute without a name": (Says(attributes="<saml:Attribute/>"), "identity.attribute-twice"),
    "attribute with something else": (Says(attributes='<saml:Attribute Name="x"><saml:Value/></saml:Attribute>'), "identity.malformed"),
    "groups overage": (Says(groups=(), attributes='<saml:Attribute Name="http://schemas.microsoft.com/claims/groups.link"/>'), "identity.groups-overage"),
    "2,001 groups": (Says(groups=tuple(f"g{number}" for number in range(2001))), "identity.groups-overage"),
    "two statements of who": (Says(more=f'<saml:AuthnStatement AuthnInstant="{at(0)}"/>'), "identity.malformed"),
    "no session index but an empty one": (Says(session=' SessionIndex=""'), "identity.malformed"),
    "two subjects": (Says(more="<saml:Subject><saml:NameID>mallory</saml:NameID></saml:Subject>"), "identity.malformed"),
    "encrypted attribute": (Says(attributes="<saml:EncryptedAttribute/>"), "identity.encrypted"),
    "encrypted assertion beside": (Says(more="<saml:EncryptedAssertion/>"), "identity.encrypted"),
    "duplicate ids": (Says(id="_response1"), "identity.wrapped"),
    "duplicate ids of another spelling": (Says(more='<saml:Advice Id="_assertion1"/>'), "identity.wrapped"),
    "an assertion as advice": (Says(more='<saml:Advice><saml:Assertion ID="_x"/></saml:Advice>'), "identity.wrapped"),
    "no id": (Says(id=""), "identity.signature"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("where", ["assertion", "response"])
def test_rightly_signed_and_refused(name: str, where: str, key: rsa.RSAPrivateKey) -> None:
    says, code = SAID[name]
    if name == "no id" and where == "response":
        code = "identity.malformed"
    assert refusal(key, posted(response(key, says, where=where))) == code


def test_no_request_waits(key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, posted(response(key)), request_ids=()) == "identity.request"


def test_an_attribute_as_subject_needs_one_value(key: rsa.RSAPrivateKey) -> None:
    settings = ServiceProvider(SamlSettings(name="corp", subject="groups", metadata=""), SP, ACS)
    assert refusal(key, posted(response(key)), settings=settings) == "identity.subject"
    assert refusal(key, posted(response(key, Says(groups=()))), settings=settings) == (
        "identity.subject"
    )
