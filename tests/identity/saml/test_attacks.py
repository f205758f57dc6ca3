"""Responses that must be refused, each with its reason.

Law: every case differs in one thing from a response that passes; `test_login.py` has that one.
"""
# ruff: noqa: E501 - a table's case stands in one line

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable, Collection
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from tests.identity.saml import wrapping
from tests.identity.saml.small_idp import (
    ACS,
    DS,
    EXC,
    MORE,
    NOW,
    NS,
    REQUEST,
    SAML,
    SETTINGS,
    SP,
    TRANSIENT,
    How,
    NearReader,
    PrivateKey,
    Says,
    assertion_of,
    at,
    forged,
    hmac_with_public_key,
    key_info,
    metadata,
    posted,
    provider,
    response,
    rsa_sha1,
    sign,
    signature_of,
)  # fmt: skip

from custody.identity.saml import SamlSettings
from custody.identity.saml.document import Canonical
from custody.model.errors import CustodyError

MARKUP = "<saml:Attribute Name='x'><saml:AttributeValue>{}</saml:AttributeValue></saml:Attribute>"


def refusal(
    key: PrivateKey,
    document: bytes,
    *,
    request_ids: Collection[str] = (REQUEST,),
    settings: SamlSettings = SETTINGS,
) -> str:
    """The code that it is refused with. A refusal quotes nothing of the response."""

    async def go() -> str:
        known = await provider(key, settings=settings)
        with pytest.raises(CustodyError) as refused:
            await known.check(document, request_ids=request_ids)
        assert re.search(r"\b(ada|mallory|example)\b", str(refused.value)) is None
        return refused.value.code

    return asyncio.run(go())


@pytest.mark.parametrize("shape", wrapping.ON_RESPONSES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("where", ["response", "both"])
def test_wrapped_response(shape: wrapping.Shape, where: str, key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, posted(shape(response(key, where=where)))) == "identity.wrapped"


@pytest.mark.parametrize("shape", wrapping.ON_ASSERTIONS, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("where", ["assertion", "both"])
def test_wrapped_assertion(shape: wrapping.Shape, where: str, key: rsa.RSAPrivateKey) -> None:
    code = refusal(key, posted(shape(response(key, where=where))))
    # `swapped` has the right shape; it is what was signed that differs.
    assert code == ("identity.signature" if shape is wrapping.swapped else "identity.wrapped")


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


HOW: dict[str, tuple[How, str]] = {
    "SHA-1 signature": (How(algorithm=DS + "rsa-sha1", sign=rsa_sha1), "identity.algorithm"),
    "SHA-1 digest": (How(digest=DS + "sha1", hash=hashlib.sha1), "identity.algorithm"),
    "MD5 digest": (How(digest=MORE + "md5", hash=hashlib.md5), "identity.algorithm"),
    "HMAC with the public key": (How(algorithm=MORE + "hmac-sha256", sign=hmac_with_public_key), "identity.algorithm"),
    "algorithm of another key": (How(algorithm=MORE + "ecdsa-sha256"), "identity.signature"),
    "algorithm named none": (How(algorithm="none"), "identity.algorithm"),
    "algorithm not named": (How(algorithm=""), "identity.algorithm"),
    "SHA-1 that says SHA-256": (How(sign=rsa_sha1), "identity.signature"),
    "empty value": (How(sign=lambda _key, _data: b""), "identity.signature"),
    "inclusive canonicalisation": (How(canonicalization="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), "identity.algorithm"),
    "canonicalisation with comments": (How(canonicalization=EXC + "WithComments"), "identity.algorithm"),
    "transform with comments": (How(transforms=(DS + "enveloped-signature", EXC + "WithComments")), "identity.algorithm"),
    "XPath transform": (How(transforms=(DS + "enveloped-signature", "http://www.w3.org/TR/1999/REC-xpath-19991116")), "identity.algorithm"),
    "XSLT transform": (How(transforms=("http://www.w3.org/TR/1999/REC-xslt-19991116", EXC)), "identity.algorithm"),
    "base64 transform": (How(transforms=(DS + "base64", EXC)), "identity.algorithm"),
    "a third transform": (How(transforms=(DS + "enveloped-signature", EXC, EXC)), "identity.signature"),
    "no canonicalisation": (How(transforms=(DS + "enveloped-signature",)), "identity.signature"),
    "no transforms": (How(transforms=()), "identity.signature"),
    "reference to the document": (How(uri=""), "identity.signature"),
    "reference to the response": (How(uri="#_response1"), "identity.signature"),
    "reference to a file": (How(uri="file:///etc/passwd"), "identity.signature"),
    "reference to the web": (How(uri="http://evil.example.com/"), "identity.signature"),
    "reference by XPointer": (How(uri="#xpointer(id('_assertion1'))"), "identity.signature"),
    "two references": (How(references=2), "identity.malformed"),
    "an object in the signature": (How(objects="<ds:Object/>"), "identity.wrapped"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOW)
def test_signed_in_a_way_that_is_not_accepted(name: str, key: rsa.RSAPrivateKey) -> None:
    how, code = HOW[name]
    assert refusal(key, posted(response(key, how=how))) == code


def test_unsigned(key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, posted(response(key, where="nothing"))) == "identity.unsigned"


@pytest.mark.parametrize("where", ["assertion", "response"])
def test_signature_stripped(where: str, key: rsa.RSAPrivateKey) -> None:
    root = response(key, where=where)
    signed = assertion_of(root) if where == "assertion" else root
    signed.remove(signature_of(signed))
    assert refusal(key, posted(root)) == "identity.unsigned"


def test_signature_emptied(key: rsa.RSAPrivateKey) -> None:
    root = response(key)
    signature_of(assertion_of(root)).clear()
    assert refusal(key, posted(root)) == "identity.malformed"


@pytest.mark.parametrize("where", ["assertion", "response"])
def test_doubly_signed(where: str, key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> None:
    root = response(key, where=where)
    sign(assertion_of(root) if where == "assertion" else root, other_key)
    assert refusal(key, posted(root)) == "identity.wrapped"


@pytest.mark.parametrize("right", ["assertion", "response"])
def test_one_of_two_signatures_is_wrong(
    right: str, key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    root = Says().tree()
    sign(assertion_of(root), key if right == "assertion" else other_key)
    sign(root, key if right == "response" else other_key)
    assert refusal(key, posted(root)) == "identity.signature"


def test_a_signature_of_the_response_over_a_changed_assertion(key: rsa.RSAPrivateKey) -> None:
    root = response(key, where="both")
    evil = forged(assertion_of(root), "_assertion1")
    sign(evil, key)
    root.replace(assertion_of(root), evil)
    assert refusal(key, posted(root)) == "identity.signature"


def test_signature_over_another_element(key: rsa.RSAPrivateKey) -> None:
    """The status is signed, rightly; the assertion is not."""
    root = Says().tree()
    status = root.find("samlp:Status", NS)
    assert status is not None
    status.set("ID", "_status")
    sign(status, key)
    assert refusal(key, posted(root)) == "identity.wrapped"


def test_wrong_certificate(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, posted(response(other_key))) == "identity.signature"


def test_certificate_brought_along(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> None:
    how = How(key_info=key_info(other_key))
    assert refusal(key, posted(response(other_key, how=how))) == "identity.signature"


@pytest.mark.parametrize("change", [
    ("ada", "mallory"), (">dba<", ">root<"), ("_session1", "_session2"), ("#_assertion1", "#_a"),
])  # fmt: skip
def test_changed_after_it_was_signed(change: tuple[str, str], key: rsa.RSAPrivateKey) -> None:
    text = etree.tostring(response(key)).decode()
    assert change[0] in text
    assert refusal(key, posted(text.replace(*change))) == "identity.signature"


def test_replay_is_refused_once_the_request_is_consumed(key: rsa.RSAPrivateKey) -> None:
    document = posted(response(key))

    async def go() -> None:
        known = await provider(key)
        waiting = {REQUEST, "_request2"}
        answer = await known.check(document, request_ids=waiting)
        waiting.discard(answer.in_response_to)
        with pytest.raises(CustodyError) as refused:
            await known.check(document, request_ids=waiting)
        assert refused.value.code == "identity.request"

    asyncio.run(go())


def test_the_same_assertion_is_told_by_its_id(key: rsa.RSAPrivateKey) -> None:
    """Where a caller offered a request twice, the assertion's id still tells."""
    document = posted(response(key))

    async def go() -> set[tuple[str, int]]:
        known = await provider(key)
        answers = [await known.check(document, request_ids=[REQUEST]) for _ in range(2)]
        return {(answer.proof.use, answer.until) for answer in answers}

    ((use, until),) = asyncio.run(go())
    assert use == "_assertion1"
    assert until > NOW + 300_000


def test_metadata_that_lapsed(key: rsa.RSAPrivateKey) -> None:
    now = [NOW]
    document = posted(response(key))

    async def go() -> None:
        known = await provider(key, until=at(10), now=lambda: now[0])
        await known.check(document, request_ids=[REQUEST])
        now[0] += 10_000
        lapsed = partial(pytest.raises, CustodyError, match="lapsed")
        with lapsed():
            known.begin(relay="")
        with lapsed():
            await known.check(document, request_ids=[REQUEST])
        with lapsed():
            await known.learn(metadata(key, until=at(5)))
        await known.learn(metadata(key, until=at(20)))
        await known.check(document, request_ids=[REQUEST])

    asyncio.run(go())


DOCUMENTS: dict[str, str] = {
    "XXE, a file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "XXE, the web": '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
    "billion laughs": '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
    "attribute defaults": "<!DOCTYPE a [<!ATTLIST Assertion ID ID #IMPLIED>]>",
    "processing instruction": '<?xml-stylesheet href="http://127.0.0.1:1/x.xsl"?>',
    "a comment before it": "<!-- -->",
    "declared as UTF-16": '<?xml version="1.0" encoding="UTF-16"?>',
    "declared as UTF-7": '<?xml version="1.0" encoding="UTF-7"?>',
    "declared as XML 1.1": '<?xml version="1.1"?>',
    "declared twice": '<?xml version="1.0"?><?xml version="1.0"?>',
    "a blank before the declaration": ' <?xml version="1.0"?>',
    "text before it": "x",
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_may_not_stand_before_a_document(name: str, key: rsa.RSAPrivateKey) -> None:
    text = DOCUMENTS[name] + etree.tostring(response(key)).decode()
    assert refusal(key, posted(text)) == "identity.malformed"


@pytest.mark.parametrize("inside", [
    "ada<!---->.example.com", "ada<!-- x -->", "<!-- -->ada", "<![CDATA[ada]]>", "ada<![CDATA[]]>",
    "a<?x?>da", "<?x?>ada", "ada&x;", "ada&#0;", "ada&#xFFFE;", "ada\x00", "ada\x0b",
])  # fmt: skip
def test_comments_and_the_like_inside_a_name(inside: str, key: rsa.RSAPrivateKey) -> None:
    """A comment is not part of what is signed: it may be put in afterwards, so none is read."""
    signed = etree.tostring(response(key)).decode()
    assert refusal(key, posted(signed.replace(">ada<", f">{inside}<"))) == "identity.malformed"
    groups = signed.replace(">dba<", f">{inside}<")
    assert refusal(key, posted(groups)) == "identity.malformed"


def test_a_comment_that_was_there_when_it_was_signed(key: rsa.RSAPrivateKey) -> None:
    """The truncation class (CVE-2017-11427 and its kin): the account ada@example.com<!---->.evil."""
    root = response(key, Says(subject="ada@example.com<!---->.evil"))
    assert refusal(key, posted(root)) == "identity.malformed"


NAMESPACES: dict[str, tuple[str, str]] = {
    "protocol of SAML 1.1": ("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.0:protocol"),
    "assertion in another namespace": ('xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', 'xmlns:saml="urn:evil"'),
    "namespace with a blank": ("SAML:2.0:protocol", "SAML:2.0:protocol "),
    "namespace in capitals": ("SAML:2.0:assertion", "saml:2.0:assertion"),
    "prefix of nothing": ('xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', ""),
    "a brace in a namespace": ("SAML:2.0:assertion", "SAML:2.0:assertion}Assertion{"),
    "the ID in a namespace": ("<saml:Assertion ID=", '<saml:Assertion xmlns:e="urn:e" e:ID='),
    "a second ID in a namespace": ("<saml:Assertion ", '<saml:Assertion xmlns:e="urn:e" e:ID="_x" '),
    "a name twice": ("<saml:Assertion ", '<saml:Assertion ID="_x" '),
    "a prefix bound anew": ("<saml:NameID ", '<saml:NameID xmlns:saml="urn:evil" '),
    "xml bound anew": ("<saml:NameID ", '<saml:NameID xmlns:xml="urn:evil" '),
    "xmlns bound": ("<saml:NameID ", '<saml:NameID xmlns:xmlns="urn:evil" '),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMESPACES)
def test_namespace_tricks(name: str, key: rsa.RSAPrivateKey) -> None:
    text = etree.tostring(response(key)).decode()
    old, new = NAMESPACES[name]
    assert old in text
    assert refusal(key, posted(text.replace(old, new, 1))).startswith("identity.")


def test_encrypted(key: rsa.RSAPrivateKey) -> None:
    root = Says().tree()
    root.replace(assertion_of(root), etree.Element(f"{{{SAML}}}EncryptedAssertion"))
    sign(root, key)
    assert refusal(key, posted(root)) == "identity.encrypted"


def test_no_assertion(key: rsa.RSAPrivateKey) -> None:
    root = Says().tree()
    root.remove(assertion_of(root))
    sign(root, key)
    assert refusal(key, posted(root)) == "identity.wrapped"


def test_an_assertion_alone(key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, posted(assertion_of(response(key)))) == "identity.wrapped"


def test_huge(key: rsa.RSAPrivateKey) -> None:
    says = Says(attributes=MARKUP.format("x" * 256 * 1024))
    assert refusal(key, posted(response(key, says))) == "identity.too-large"
    assert refusal(key, b"A" * 10_000_000) == "identity.too-large"


@pytest.mark.parametrize("markup", [
    "<a>" * 70 + "</a>" * 70,
    "<a>" * 300 + "</a>" * 300,
    "<a/>" * 5000,
    f'<x xmlns:n="urn:{"u" * 300}"><n:y/></x>',
    "".join(f'<n:a xmlns:n="urn:{number}"/>' for number in range(5000)),
    "".join(f'<n:a xmlns:n="urn:{number}">' for number in range(65)) + "</n:a>" * 65,
    "<a " + "".join(f'a{number}="" ' for number in range(4_000)) + "/>",
])  # fmt: skip
def test_deep_wide_and_multiplying(markup: str, key: rsa.RSAPrivateKey) -> None:
    document = etree.tostring(response(key)).decode().replace(">ada<", f">{markup}<")
    assert refusal(key, posted(document)).startswith("identity.")


@pytest.mark.parametrize(
    "document",
    [b"", b"%", b"AAAA=AAAA", b"PGE+", base64.b64encode(b"\xff\xfe<\x00a\x00/\x00>\x00"),
     base64.b64encode("<a/>".encode("utf-16")), base64.b64encode(b"<a>\xc3</a>"),
     base64.b64encode(b"<a></a><b></b>"), base64.b64encode(b"\0")],
)  # fmt: skip
def test_garbage(document: bytes, key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, document) == "identity.malformed"


def test_no_request_waits(key: rsa.RSAPrivateKey) -> None:
    assert refusal(key, posted(response(key)), request_ids=()) == "identity.request"


def test_an_attribute_as_subject_needs_one_value(key: rsa.RSAPrivateKey) -> None:
    settings = SamlSettings(name="corp", entity_id=SP, acs_url=ACS, subject="groups")
    assert refusal(key, posted(response(key)), settings=settings) == "identity.subject"
    assert refusal(key, posted(response(key, Says(groups=()))), settings=settings) == (
        "identity.subject"
    )


class Lying(NearReader):
    """A worker that a document took over: it may say whatever it wants."""

    def __init__(self, lie: Callable[[Canonical], Canonical]) -> None:
        super().__init__()
        self._lie = lie

    async def read(self, document: bytes) -> Canonical:
        reading = await super().read(document)
        return self._lie(reading) if reading.seals else reading


def _other_document(told: Canonical) -> Canonical:
    return Canonical(told.document.replace(b">ada<", b">mallory<"), told.seals)


def _other_covered(told: Canonical) -> Canonical:
    (seal,) = told.seals
    covered = seal.covered.replace(b">ada<", b">mallory<")
    return Canonical(told.document, (type(seal)(seal.signed_info, seal.value, covered),))


def _other_info(told: Canonical) -> Canonical:
    (seal,) = told.seals
    covered = seal.covered.replace(b">ada<", b">mallory<")
    right, wrong = (
        base64.b64encode(hashlib.sha256(each).digest()) for each in (seal.covered, covered)
    )
    info = seal.signed_info.replace(right, wrong)
    assert info != seal.signed_info
    return Canonical(told.document, (type(seal)(info, seal.value, covered),))


def _no_seals(told: Canonical) -> Canonical:
    return Canonical(told.document, ())


@pytest.mark.parametrize("lie", [_other_covered, _other_info, _no_seals])
def test_a_worker_that_lies_is_not_believed(
    lie: Callable[[Canonical], Canonical], key: rsa.RSAPrivateKey
) -> None:
    async def go() -> None:
        known = await provider(key, reader=Lying(lie))
        with pytest.raises(CustodyError):
            await known.check(posted(response(key)), request_ids=[REQUEST])

    asyncio.run(go())


def test_the_name_is_read_from_the_signed_bytes_only(key: rsa.RSAPrivateKey) -> None:
    async def go() -> str:
        known = await provider(key, reader=Lying(_other_document))
        answer = await known.check(posted(response(key)), request_ids=[REQUEST])
        return answer.proof.identity.subject

    assert asyncio.run(go()) == "ada"
