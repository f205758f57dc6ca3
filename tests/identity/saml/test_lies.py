"""A worker that a document took over cannot vouch for anybody."""

import asyncio
import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from tests.identity.saml.small_idp import (
    NS,
    REQUEST,
    SAML,
    NearReader,
    Says,
    posted,
    provider,
    response,
    sign,
)  # fmt: skip

from custody.identity.saml import worker
from custody.identity.saml.document import CanonicalDocument
from custody.model.errors import CustodyError


class Lying(NearReader):
    """A worker that a document took over: it may say whatever it wants."""

    def __init__(self, lie: Callable[[CanonicalDocument], CanonicalDocument]) -> None:
        super().__init__()
        self._lie = lie

    async def read(self, document: bytes) -> CanonicalDocument:
        reading = await super().read(document)
        return self._lie(reading) if reading.seals else reading


def _other_document(told: CanonicalDocument) -> CanonicalDocument:
    return CanonicalDocument(told.document.replace(b">ada<", b">mallory<"), told.seals)


def _other_covered(told: CanonicalDocument) -> CanonicalDocument:
    (seal,) = told.seals
    covered = seal.covered.replace(b">ada<", b">mallory<")
    return CanonicalDocument(told.document, (type(seal)(seal.signed_info, seal.value, covered),))


def _other_info(told: CanonicalDocument) -> CanonicalDocument:
    (seal,) = told.seals
    covered = seal.covered.replace(b">ada<", b">mallory<")
    right, wrong = (
        base64.b64encode(hashlib.sha256(each).digest()) for each in (seal.covered, covered)
    )
    info = seal.signed_info.replace(right, wrong)
    assert info != seal.signed_info
    return CanonicalDocument(told.document, (type(seal)(info, seal.value, covered),))


def _no_seals(told: CanonicalDocument) -> CanonicalDocument:
    return CanonicalDocument(told.document, ())


@pytest.mark.parametrize("lie", [_other_covered, _other_info, _no_seals])
def test_a_worker_that_lies_is_not_believed(
    lie: Callable[[CanonicalDocument], CanonicalDocument], key: rsa.RSAPrivateKey
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


def read(root: etree._Element) -> CanonicalDocument:
    found = worker.read(etree.tostring(root))
    assert isinstance(found, CanonicalDocument)
    return found


def hidden_assertion(key: rsa.RSAPrivateKey) -> CanonicalDocument:
    """What was signed holds a second assertion, which the document does not show."""
    more = f'<saml:Advice><saml:Assertion xmlns:saml="{SAML}" ID="_x"/></saml:Advice>'
    return CanonicalDocument(
        read(response(key)).document, read(response(key, Says(more=more))).seals
    )


def hidden_response(key: rsa.RSAPrivateKey) -> CanonicalDocument:
    """The same, where the whole response was signed."""
    shown = read(response(key, where="response")).document
    more = f'<saml:Advice><saml:Assertion xmlns:saml="{SAML}" ID="_x"/></saml:Advice>'
    return CanonicalDocument(shown, read(response(key, Says(more=more), where="response")).seals)


def failed_response(key: rsa.RSAPrivateKey) -> CanonicalDocument:
    """What was signed says that the login failed; the document says that it did not."""
    shown = read(response(key, where="response")).document
    status = '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Requester"/>'
    return CanonicalDocument(
        shown, read(response(key, Says(status=status), where="response")).seals
    )


def signed_apart(key: rsa.RSAPrivateKey) -> CanonicalDocument:
    """A response and an assertion that were signed on different days."""
    told = read(response(key, where="both"))
    other = read(response(key, Says(id="_assertion2"), where="assertion"))
    return CanonicalDocument(told.document, (told.seals[0], other.seals[0]))


def twice_the_same(key: rsa.RSAPrivateKey) -> CanonicalDocument:
    told = read(response(key, where="both"))
    return CanonicalDocument(told.document, (told.seals[0], told.seals[0]))


def something_else(key: rsa.RSAPrivateKey) -> CanonicalDocument:
    """A rightly signed element that is neither response nor assertion."""
    told = read(response(key))
    root = Says().tree()
    status = root.find("samlp:Status", NS)
    assert status is not None
    status.set("ID", "_status")
    sign(status, key)
    return CanonicalDocument(told.document, read(root).seals)


@pytest.mark.parametrize("told", [
    hidden_assertion, hidden_response, failed_response, signed_apart, twice_the_same,
    something_else,
])  # fmt: skip
def test_right_signatures_under_a_document_that_lies(
    told: Callable[[rsa.RSAPrivateKey], CanonicalDocument], key: rsa.RSAPrivateKey
) -> None:
    async def go() -> str:
        known = await provider(key, reader=Lying(lambda _: told(key)))
        with pytest.raises(CustodyError) as refused:
            await known.check(posted(response(key)), request_ids=[REQUEST])
        return refused.value.code

    assert asyncio.run(go()) in {"identity.wrapped", "identity.provider-refused"}
