"""Any change to a signed response: it is refused, or it changed nothing that matters."""

import asyncio

from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.identity.saml.small_idp import REQUEST, posted, provider, response

from custody.model.errors import CustodyError
from custody.model.identity import Proof

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_SIGNED = {
    where: etree.tostring(response(_KEY, where=where))
    for where in ("assertion", "response", "both")
}
_PIECES = st.sampled_from([
    b"", b" ", b"\n", b"&#10;", b"&amp;", b"<a/>", b"<!---->", b"<![CDATA[x]]>", b"x", b"mallory",
    b"</saml:Assertion>", b"<saml:Assertion ID='_x'>", b"<saml:NameID>mallory</saml:NameID>",
    b' xmlns:saml="urn:x"', b' xmlns="urn:x"', b' ID="_x"', b"/>", b">", b'"', b"'",
    b"<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>",
    b"<saml:AttributeValue>root</saml:AttributeValue>",
])  # fmt: skip
_CHANGES = st.lists(
    st.tuples(st.integers(0, 6_000), st.integers(0, 40), _PIECES | st.binary(max_size=3)),
    min_size=1, max_size=3,
)  # fmt: skip


def proved(document: bytes) -> Proof | None:
    async def go() -> Proof | None:
        known = await provider(_KEY)
        try:
            return (await known.check(posted(document), request_ids=[REQUEST])).proof
        except CustodyError as error:
            assert error.code.startswith("identity.")  # noqa: PT017 - either outcome is right
            return None

    return asyncio.run(go())


def test_unchanged_they_are_the_same_proof() -> None:
    first, *others = (proved(document) for document in _SIGNED.values())
    assert first is not None
    assert others == [first, first]


@settings(deadline=None)
@given(st.sampled_from(sorted(_SIGNED)), _CHANGES)
def test_a_changed_response_proves_nothing_else(
    where: str, changes: list[tuple[int, int, bytes]]
) -> None:
    document = _SIGNED[where]
    right = proved(document)
    for place, length, piece in changes:
        at = place % len(document)
        document = document[:at] + piece + document[at + length :]
    assert proved(document) in (None, right)
