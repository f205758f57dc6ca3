"""Documents that must be refused for what they are written in.

Law: every case differs in one thing from a response that passes; `test_login.py` has that one.
"""
# ruff: noqa: E501 - a table's case stands in one line

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from tests.identity.saml.refusing import refusal
from tests.identity.saml.small_idp import (
    Says,
    posted,
    response,
)  # fmt: skip

MARKUP = "<saml:Attribute Name='x'><saml:AttributeValue>{}</saml:AttributeValue></saml:Attribute>"


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
