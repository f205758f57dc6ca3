"""A worker that a document took over cannot vouch for anybody."""

import asyncio
import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.identity.saml.small_idp import (
    REQUEST,
    NearReader,
    posted,
    provider,
    response,
)  # fmt: skip

from custody.identity.saml.document import Canonical
from custody.model.errors import CustodyError


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
