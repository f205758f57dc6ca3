"""An identity provider's metadata: what is pinned, and what is of no use."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec.structs import replace
from tests.identity.saml.small_idp import (
    IDP,
    NOW,
    SETTINGS,
    NearReader,
    PrivateKey,
    at,
    metadata,
)  # fmt: skip

from custody.identity.saml.provider import SamlProvider
from custody.model.errors import CustodyError


def opened(document: bytes, issuer: str = "") -> SamlProvider:
    async def go() -> SamlProvider:
        return await SamlProvider.open(
            replace(SETTINGS, issuer=issuer), document, clock=lambda: NOW,
            random=lambda size: b"\7" * size, reader=NearReader(),
        )  # fmt: skip

    return asyncio.run(go())


def refusal(document: bytes, issuer: str = "") -> str:
    with pytest.raises(CustodyError) as refused:
        opened(document, issuer)
    return refused.value.code


def several(*documents: bytes, until: str = "") -> bytes:
    inner = b"".join(document.partition(b"-->\n")[2] for document in documents)
    lapse = f' validUntil="{until}"' if until else ""
    start = f'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"{lapse}>'
    return start.encode() + inner + b"</md:EntitiesDescriptor>"


def test_keys_and_names_are_pinned(key: PrivateKey, other_key: PrivateKey) -> None:
    found = opened(b"\xef\xbb\xbf" + metadata(key, other_key, until=at(60)))
    assert found.issuer == IDP
    assert len(set(found.certificates)) == 2


def test_a_key_of_any_use_signs_and_one_for_encryption_does_not(
    key: PrivateKey, other_key: PrivateKey
) -> None:
    document = metadata(key, other_key).decode()
    assert len(opened(document.replace(' use="signing"', "").encode()).certificates) == 2
    once = document.replace('use="signing"', 'use="encryption"', 1)
    assert len(opened(once.encode()).certificates) == 1


def test_one_of_several_is_chosen_by_its_name(key: PrivateKey, other_key: PrivateKey) -> None:
    both = several(metadata(key), metadata(other_key, entity="https://b.example.com"))
    assert refusal(both) == "identity.metadata"
    assert opened(both, "https://b.example.com").issuer == "https://b.example.com"
    assert refusal(both, "https://c.example.com") == "identity.metadata"
    lapsed = several(metadata(key), until=at(0))
    assert refusal(lapsed) == "identity.metadata-expired"


def test_metadata_of_no_use(key: PrivateKey) -> None:
    good = metadata(key).decode()
    for old, new in (
        ("<md:KeyDescriptor", "<md:Other"),
        ("HTTP-Redirect", "HTTP-POST"),
        ("https://idp.example.com/sso", "http://idp.example.com/sso"),
        ("https://idp.example.com/sso", "javascript:alert(1)"),
        ("https://idp.example.com/sso", "https://idp.example.com/sso#x"),
        ("https://idp.example.com/sso", "https://[idp/sso"),
        ("SAML:2.0:protocol", "SAML:1.1:protocol"),
        (f' entityID="{IDP}"', ""),
        (f' entityID="{IDP}"', ' entityID="local"'),  # the operator's own issuer
        ("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),
        ("md:IDPSSODescriptor", "md:SPSSODescriptor"),
        ("md:EntityDescriptor", "md:Entity"),
    ):
        changed = good.replace(old, new)
        if old == "<md:KeyDescriptor":
            changed = changed.replace("</md:KeyDescriptor", "</md:Other")
        assert changed != good
        assert refusal(changed.encode()) == "identity.metadata", (old, new)


def test_a_loopback_address_may_be_plain(key: PrivateKey) -> None:
    document = metadata(key, address="http://127.0.0.1:8080/sso?a=b")
    assert opened(document).begin(relay="r").url.startswith("http://127.0.0.1:8080/sso?a=b&SAML")


@pytest.mark.parametrize("head", ['<!DOCTYPE a SYSTEM "x">', '<!DOCTYPE a [<!ENTITY b "c">]>'])
def test_metadata_with_a_dtd(head: str, key: PrivateKey) -> None:
    document = metadata(key).partition(b"?>")[2]
    assert refusal(head.encode() + document) == "identity.malformed"


def test_metadata_that_is_huge_or_not_utf_8(key: PrivateKey) -> None:
    assert refusal(metadata(key) + b" " * 1024 * 1024) == "identity.too-large"
    assert refusal(metadata(key).decode().encode("utf-16")) == "identity.malformed"


def test_metadata_that_lapsed(key: PrivateKey) -> None:
    assert refusal(metadata(key, until=at(0))) == "identity.metadata-expired"


def test_weak_keys_and_too_many() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert refusal(metadata(weak)) == "identity.metadata"
    small = ec.generate_private_key(ec.SECP192R1())
    assert refusal(metadata(small)) == "identity.metadata"
    good = ec.generate_private_key(ec.SECP256R1())
    assert refusal(metadata(*[good] * 9)) == "identity.metadata"
