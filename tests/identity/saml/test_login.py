"""Logins that must succeed, and what their proofs say."""

import asyncio
import base64
import zlib
from collections.abc import Callable, Coroutine
from urllib.parse import parse_qs, urlsplit

import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from tests.identity.saml.small_idp import (
    ACS,
    IDP,
    MORE,
    NOW,
    NS,
    REQUEST,
    SETTINGS,
    SP,
    How,
    Says,
    assertion_of,
    at,
    certificate,
    ecdsa_sha256,
    metadata,
    posted,
    provider,
    response,
    sign,
)  # fmt: skip

from custody.identity.saml.answer import SamlAnswer
from custody.identity.saml.document_reader import SamlDocumentReader
from custody.identity.saml.settings import SamlSettings, ServiceProvider
from custody.model.errors import CustodyError
from custody.model.identity import Identity
from custody.model.words import IdentityKind, Method


def check(
    key: rsa.RSAPrivateKey, document: bytes, settings: ServiceProvider = SETTINGS
) -> SamlAnswer:
    async def go() -> SamlAnswer:
        known = await provider(key, settings=settings)
        return await known.check(document, request_ids={REQUEST, "_another"})

    return asyncio.run(go())


@pytest.mark.parametrize("where", ["assertion", "response", "both"])
def test_a_signed_response_is_a_proof(where: str, key: rsa.RSAPrivateKey) -> None:
    answer = check(key, posted(response(key, where=where)))
    proof = answer.proof
    assert proof.identity == Identity("ada", IDP, ("agents", "dba"), IdentityKind.HUMAN)
    assert (proof.method, proof.provider) == (Method.SAML, "corp")
    assert (proof.session, proof.use) == ("_session1", "_assertion1")
    assert (proof.issued, proof.expires) == (NOW, NOW + 28_800_000)
    assert proof.facts == (("authn_context", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),)
    assert answer.in_response_to == REQUEST
    assert answer.session_ends == NOW + 28_800_000
    assert answer.until == NOW + 300_000 + 60_000


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_the_process_reads_what_the_tests_read(
    run: Callable[[Coroutine[None, None, str]], str], key: rsa.RSAPrivateKey
) -> None:
    async def go() -> str:
        known = await provider(key, reader=SamlDocumentReader())
        answer = await known.check(posted(response(key)), request_ids=[REQUEST])
        return answer.proof.identity.subject

    assert run(go()) == "ada"


def test_without_an_end_of_the_session_the_proof_holds_for_a_day(key: rsa.RSAPrivateKey) -> None:
    answer = check(key, posted(response(key, Says(session=""))))
    assert (answer.proof.expires, answer.session_ends) == (NOW + 86_400_000, None)
    assert answer.proof.session == ""


def test_another_signer_is_understood(key: rsa.RSAPrivateKey) -> None:
    """Signxml puts its signature last, with the certificate and pretty base64."""
    root = Says().tree()
    signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    signed = signer.sign(
        assertion_of(root), key=key, cert=[certificate(key)], reference_uri="_assertion1",
        id_attribute="ID",
    )  # fmt: skip
    root.replace(assertion_of(root), signed)
    assert check(key, posted(root)).proof.identity.subject == "ada"


def test_inclusive_prefixes_are_understood(key: rsa.RSAPrivateKey) -> None:
    text = Says(attributes='<saml:Attribute Name="n"><saml:AttributeValue xsi:type="xs:string">'
                           "v</saml:AttributeValue></saml:Attribute>").text()  # fmt: skip
    text = text.replace("<samlp:Response ", '<samlp:Response xmlns:xs="urn:xs" xmlns:xsi="urn:i" ')
    root = etree.fromstring(text.encode())
    sign(assertion_of(root), key, How(prefixes=("xs",)))
    assert check(key, posted(root)).proof.identity.subject == "ada"


def test_elliptic_curves_and_several_certificates(
    key: rsa.RSAPrivateKey, curve_key: ec.EllipticCurvePrivateKey
) -> None:
    how = How(algorithm=MORE + "ecdsa-sha256", sign=ecdsa_sha256)

    async def go() -> tuple[str, str]:
        known = await provider(key, curve_key)
        assert len(known.certificates) == 2
        old = await known.check(posted(response(key)), request_ids=[REQUEST])
        new = await known.check(posted(response(curve_key, how=how)), request_ids=[REQUEST])
        return old.proof.identity.subject, new.proof.identity.subject

    assert asyncio.run(go()) == ("ada", "ada")


def test_a_rollover_is_learnt_while_running(
    key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    async def go() -> None:
        known = await provider(key)
        with pytest.raises(CustodyError) as refused:
            await known.check(posted(response(other_key)), request_ids=[REQUEST])
        assert refused.value.code == "identity.signature"
        await known.learn(metadata(other_key))
        await known.check(posted(response(other_key)), request_ids=[REQUEST])
        with pytest.raises(CustodyError) as refused:
            await known.check(posted(response(key)), request_ids=[REQUEST])
        assert refused.value.code == "identity.signature"
        with pytest.raises(CustodyError) as refused:
            await known.learn(metadata(key, entity="https://other.example.com"))
        assert refused.value.code == "identity.metadata"
        await known.check(posted(response(other_key)), request_ids=[REQUEST])

    asyncio.run(go())


def test_the_subject_may_be_an_attribute(key: rsa.RSAPrivateKey) -> None:
    mail = (
        '<saml:Attribute Name="mail"><saml:AttributeValue>ada@example.com</saml:AttributeValue>'
        "</saml:Attribute>"
    )
    settings = ServiceProvider(
        SamlSettings(name="corp", subject="mail", groups="role", metadata=""), SP, ACS
    )
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    answer = check(key, posted(response(key, Says(attributes=mail, format=transient))), settings)
    assert answer.proof.identity == Identity("ada@example.com", IDP, (), IdentityKind.HUMAN)


@pytest.mark.parametrize(
    "says",
    [
        Says(not_before=at(29), issued=at(29)),
        Says(not_on_or_after=at(-29), confirmed_until=at(-29)),
        Says(authenticated=at(30)),
        Says(confirmed_from=at(30)),
        Says(issued=at(0)[:-1] + ".123456789Z"),
        Says(more_conditions="<saml:OneTimeUse/>"),
        Says(groups=("agents", "agents", "größe", "管理者", "a &amp; b", "&lt;x&gt;")),
        Says(subject="ada&#x20;lovelace"),
        Says(qualifiers=f' NameQualifier="{IDP}" SPNameQualifier="{SP}"'),
    ],
)
def test_what_lies_within_the_bounds_passes(says: Says, key: rsa.RSAPrivateKey) -> None:
    check(key, posted(response(key, says)))


def test_groups_are_taken_as_they_are(key: rsa.RSAPrivateKey) -> None:
    says = Says(groups=("a &amp; b", "ａdmin", "admin", "Admin", "admin"))
    identity = check(key, posted(response(key, says))).proof.identity
    assert identity.groups == ("a & b", "ａdmin", "admin", "Admin")


def test_the_request_says_where_and_for_whom(key: rsa.RSAPrivateKey) -> None:
    async def go() -> str:
        known = await provider(key)
        request = known.begin(relay="r" * 80)
        assert request.id == "_" + "07" * 20
        return request.url

    parts = urlsplit(asyncio.run(go()))
    assert parts._replace(query="").geturl() == "https://idp.example.com/sso"
    query = parse_qs(parts.query)
    assert query["RelayState"] == ["r" * 80]
    root = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15))
    assert root.tag == f"{{{NS['samlp']}}}AuthnRequest"
    assert root.get("ID") == "_" + "07" * 20
    assert root.get("Destination") == "https://idp.example.com/sso"
    assert root.get("AssertionConsumerServiceURL") == ACS
    assert root.get("IssueInstant") == at(0)
    assert root.findtext("saml:Issuer", namespaces=NS) == SP


def test_a_relay_state_has_eighty_bytes(key: rsa.RSAPrivateKey) -> None:
    async def go() -> None:
        with pytest.raises(CustodyError):
            (await provider(key)).begin(relay="é" * 41)

    asyncio.run(go())


def test_our_metadata_names_us_and_our_address(key: rsa.RSAPrivateKey) -> None:
    async def go() -> bytes:
        return (await provider(key)).metadata()

    root = etree.fromstring(asyncio.run(go()))
    assert root.get("entityID") == SP
    (role,) = root
    assert role.get("WantAssertionsSigned") == "true"
    (service,) = role
    assert service.get("Location") == ACS
