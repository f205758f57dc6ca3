"""An identity provider for tests: it says what it is told to, and signs how it is told to.

Law: it shares no code with what it tests but the parser and the canonicalisation of lxml.
"""

import base64
import copy
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from lxml import etree

from custody.identity.saml.document import CanonicalDocument, UnreadableDocument
from custody.identity.saml.document_reader import SamlDocumentReader
from custody.identity.saml.element import odd
from custody.identity.saml.provider import SamlProvider
from custody.identity.saml.settings import SamlSettings, ServiceProvider
from custody.identity.saml.worker import read

NOW: Final = 1_790_000_000_000
SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
EXC: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
NS: Final = {"samlp": SAMLP, "saml": SAML, "ds": DS}

IDP: Final = "https://idp.example.com/saml"
SP: Final = "https://gw1.example.com:8443/saml/corp/metadata"
ACS: Final = "https://gw1.example.com:8443/saml/corp/acs"
REQUEST: Final = "_request1"
SETTINGS: Final = ServiceProvider(SamlSettings(name="corp", metadata=""), SP, ACS)
SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def at(offset: int) -> str:
    """``NOW`` and so many seconds, as SAML writes it."""
    moment = datetime.fromtimestamp(NOW // 1000 + offset, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Says(msgspec.Struct, frozen=True):
    """What a response says; each field is put in as it is, so markup works."""

    subject: str = "ada"
    format: str = PERSISTENT
    qualifiers: str = ""
    issuer: str = IDP
    outer_issuer: str = IDP
    status: str = f'<samlp:StatusCode Value="{SUCCESS}"/>'
    destination: str = ACS
    recipient: str = ACS
    audience: str = (
        f"<saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction>"
    )
    in_response_to: str = REQUEST
    outer_in_response_to: str = REQUEST
    not_before: str = at(-5)
    not_on_or_after: str = at(300)
    confirmed_until: str = at(300)
    confirmed_from: str = ""
    method: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    issued: str = at(0)
    authenticated: str = at(-60)
    session: str = f' SessionNotOnOrAfter="{at(28_800)}" SessionIndex="_session1"'
    groups: tuple[str, ...] = ("agents", "dba")
    attributes: str = ""
    more_conditions: str = ""
    version: str = "2.0"
    id: str = "_assertion1"
    more: str = ""
    """After the assertion's last statement."""
    head: str = ""
    """Before the document."""

    def text(self) -> str:
        values = "".join(
            f"<saml:AttributeValue>{group}</saml:AttributeValue>" for group in self.groups
        )
        groups = f'<saml:Attribute Name="groups">{values}</saml:Attribute>' if self.groups else ""
        start = f' NotBefore="{self.confirmed_from}"' if self.confirmed_from else ""
        asked = f' InResponseTo="{self.in_response_to}"' if self.in_response_to else ""
        outer = f' InResponseTo="{self.outer_in_response_to}"' if self.outer_in_response_to else ""
        return (
            f'{self.head}<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_response1"'
            f' Version="2.0" IssueInstant="{self.issued}" Destination="{self.destination}"{outer}>'
            f"<saml:Issuer>{self.outer_issuer}</saml:Issuer>"
            f"<samlp:Status>{self.status}</samlp:Status>"
            f'<saml:Assertion ID="{self.id}" Version="{self.version}"'
            f' IssueInstant="{self.issued}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<saml:Subject><saml:NameID Format="{self.format}"{self.qualifiers}>{self.subject}'
            f'</saml:NameID><saml:SubjectConfirmation Method="{self.method}">'
            "<saml:SubjectConfirmationData"
            f' Recipient="{self.recipient}" NotOnOrAfter="{self.confirmed_until}"{start}{asked}/>'
            "</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{self.not_before}"'
            f' NotOnOrAfter="{self.not_on_or_after}">{self.audience}{self.more_conditions}'
            "</saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{self.authenticated}"{self.session}>'
            "<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:"
            "Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            f"<saml:AttributeStatement>{groups}{self.attributes}</saml:AttributeStatement>"
            f"{self.more}</saml:Assertion></samlp:Response>"
        )

    def tree(self) -> etree._Element:
        return etree.fromstring(self.text().encode())


def canonical(element: etree._Element, prefixes: tuple[str, ...] = ()) -> bytes:
    return etree.tostring(
        element, method="c14n", exclusive=True, inclusive_ns_prefixes=list(prefixes) or None
    )


def rsa_sha256(key: PrivateKey, data: bytes) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def rsa_sha1(key: PrivateKey, data: bytes) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA1())


def ecdsa_sha256(key: PrivateKey, data: bytes) -> bytes:
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def hmac_with_public_key(key: PrivateKey, data: bytes) -> bytes:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mac = hmac.HMAC(public, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


class How(msgspec.Struct, frozen=True):
    """How something is signed."""

    algorithm: str = MORE + "rsa-sha256"
    sign: Callable[[PrivateKey, bytes], bytes] = rsa_sha256
    digest: str = "http://www.w3.org/2001/04/xmlenc#sha256"
    hash: Callable[[bytes], Any] = hashlib.sha256
    canonicalization: str = EXC
    transforms: tuple[str, ...] = (DS + "enveloped-signature", EXC)
    prefixes: tuple[str, ...] = ()
    uri: str | None = None
    references: int = 1
    key_info: str = ""
    objects: str = ""


def sign(element: etree._Element, key: PrivateKey, how: How | None = None) -> None:
    """Put a signature behind the element's Issuer."""
    how = how or How()
    uri = f"#{element.get('ID')}" if how.uri is None else how.uri
    inclusive = (
        f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{" ".join(how.prefixes)}"/>'
        if how.prefixes
        else ""
    )
    digest = base64.b64encode(how.hash(canonical(element, how.prefixes)).digest()).decode()
    transforms = "".join(
        f'<ds:Transform Algorithm="{name}">{inclusive if name == EXC else ""}</ds:Transform>'
        for name in how.transforms
    )
    reference = (
        f'<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{how.digest}"/><ds:DigestValue>{digest}</ds:DigestValue>'
        "</ds:Reference>"
    )
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{how.canonicalization}"/>'
        f'<ds:SignatureMethod Algorithm="{how.algorithm}"/>{reference * how.references}'
        f"</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue>{how.key_info}{how.objects}"
        "</ds:Signature>"
    )
    element.insert(1, signature)
    value = how.sign(key, canonical(signature[0]))
    signature[1].text = base64.b64encode(value).decode()


def certificate(key: PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=30))
    return builder.sign(key, hashes.SHA256())


def in_xml(found: x509.Certificate) -> str:
    return base64.b64encode(found.public_bytes(serialization.Encoding.DER)).decode()


def key_info(key: PrivateKey) -> str:
    return (
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{in_xml(certificate(key))}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    )


def metadata(
    *keys: PrivateKey,
    until: str = "",
    entity: str = IDP,
    address: str = "https://idp.example.com/sso",
) -> bytes:
    descriptors = "".join(
        f'<md:KeyDescriptor use="signing">{key_info(key)}</md:KeyDescriptor>' for key in keys
    )
    lapse = f' validUntil="{until}"' if until else ""
    return (
        '<?xml version="1.0"?>\n<!-- made by hand -->\n'
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' xmlns:ds="{DS}" entityID="{entity}"{lapse}>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{descriptors}'
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        f' Location="{address}"/></md:IDPSSODescriptor></md:EntityDescriptor>'
    ).encode()


class NearReader(SamlDocumentReader):
    """The worker's reading without the process around it: a case takes a millisecond."""

    async def read(self, document: bytes) -> CanonicalDocument:
        reading = read(document)
        if isinstance(reading, UnreadableDocument):
            raise odd()
        return reading


def posted(document: bytes | str | etree._Element) -> bytes:
    if isinstance(document, etree._Element):
        document = etree.tostring(document)
    return base64.b64encode(document if isinstance(document, bytes) else document.encode())


def response(key: PrivateKey, says: Says | None = None, *, where: str = "assertion",
             how: How | None = None) -> etree._Element:  # fmt: skip
    """A response whose ``where`` is signed: ``assertion``, ``response``, ``both``, ``nothing``."""
    root = (says or Says()).tree()
    if where in {"assertion", "both"}:
        sign(assertion_of(root), key, how)
    if where in {"response", "both"}:
        sign(root, key, how)
    return root


def assertion_of(root: etree._Element) -> etree._Element:
    found = root.find("saml:Assertion", NS)
    assert found is not None
    return found


def signature_of(element: etree._Element) -> etree._Element:
    found = element.find("ds:Signature", NS)
    assert found is not None
    return found


def forged(element: etree._Element, name: str = "_evil") -> etree._Element:
    """A copy without signatures that names somebody else."""
    evil = copy.deepcopy(element)
    evil.set("ID", name)
    for signature in list(evil.iter(f"{{{DS}}}Signature")):
        parent = signature.getparent()
        assert parent is not None
        parent.remove(signature)
    for named in evil.iter(f"{{{SAML}}}NameID"):
        named.text = "mallory"
    return evil


async def provider(*keys: PrivateKey, settings: ServiceProvider = SETTINGS, until: str = "",
                   now: Callable[[], int] = lambda: NOW,
                   reader: SamlDocumentReader | None = None) -> SamlProvider:  # fmt: skip
    return await SamlProvider.open(
        settings,
        metadata(*keys, until=until),
        clock=now,
        random=lambda size: b"\x07" * size,
        reader=reader or NearReader(),
    )
