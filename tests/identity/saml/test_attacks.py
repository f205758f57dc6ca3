"""Signatures that must be refused, each with its reason.

Law: every case differs in one thing from a response that passes; `test_login.py` has that one.
"""
# ruff: noqa: E501 - a table's case stands in one line

import asyncio
import hashlib
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from tests.identity.saml import wrapping
from tests.identity.saml.refusing import refusal
from tests.identity.saml.small_idp import (
    DS,
    EXC,
    MORE,
    NOW,
    NS,
    REQUEST,
    SAML,
    How,
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

from custody.model.errors import CustodyError


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
