"""From a canonical document to its signed assertion.

Law: the assertion comes from bytes that a verified signature covers, or there is none. A document
has one assertion, signatures only where SAML puts them, and every one of them holds; a document
with anything else in it is refused whole.
"""

from collections.abc import Sequence

import msgspec

from custody.identity.saml.document import CanonicalDocument
from custody.identity.saml.element import Element, parse
from custody.identity.saml.names import SUCCESS, XML, ds, saml, samlp
from custody.identity.saml.xml_signature import Key, verify_signature
from custody.model.errors import CustodyError

_IDENTIFIERS = frozenset(("ID", "Id", "id", "AssertionID", f"{{{XML}}}id"))
_ENCRYPTED = frozenset(
    saml(name) for name in ("EncryptedAssertion", "EncryptedID", "EncryptedAttribute")
)


class SignedAssertion(msgspec.Struct, frozen=True):
    """``response`` is signed only where it had a signature of its own: it may refuse, not grant."""

    response: Element
    assertion: Element


def signed_assertion(canonical: CanonicalDocument, keys: Sequence[Key]) -> SignedAssertion:
    """Raises ``CustodyError`` ``identity.*``."""
    response = parse(canonical.document)
    if response.name != samlp("Response"):
        raise _wrapped("The SAML document is not a response.")
    check_status(response)
    outside = _sole_assertion(response)
    _identifiers(response)
    if _signatures(response, outside) != len(canonical.seals):
        raise _wrapped("Not every signature of the SAML response could be read.")
    if not canonical.seals:
        raise CustodyError(
            "identity.unsigned",
            "Neither the SAML response nor its assertion is signed.",
            "Let the identity provider sign its assertions.",
        )
    assertion: Element | None = None
    whole: Element | None = None
    for seal in canonical.seals:
        covered = verify_signature(seal, keys)
        if covered.name == samlp("Response") and whole is None:
            whole = covered
        elif covered.name == saml("Assertion") and assertion is None:
            assertion = covered
        else:
            raise _wrapped("A signature of the SAML response covers something else.")
    if whole is not None:
        check_status(whole)
        inside = _sole_assertion(whole)
        if assertion is not None and assertion.attributes.get("ID") != inside.attributes.get("ID"):
            raise _wrapped("The SAML response and its assertion were signed apart.")
        response, assertion = whole, assertion or inside
    if assertion is None:
        raise _wrapped("No signature covers the SAML assertion.")
    _enclosed(assertion)
    return SignedAssertion(response, assertion)


def check_status(response: Element) -> None:
    """saml-core §3.2.2.2: only the one top-level status that means success."""
    status = response.all(samlp("Status"))
    codes = status[0].all(samlp("StatusCode")) if len(status) == 1 else ()
    if len(codes) != 1 or codes[0].attributes.get("Value") != SUCCESS or codes[0].children:
        raise CustodyError(
            "identity.provider-refused",
            "The identity provider did not log the user in.",
            "Log in again; its own log says why it refused.",
        )


def _sole_assertion(response: Element) -> Element:
    elements = tuple(response.walk())
    if any(element.name in _ENCRYPTED for element in elements):
        raise CustodyError(
            "identity.encrypted",
            "The SAML response is encrypted, which is not supported.",
            "Switch the encryption of assertions off for this service provider: TLS protects them.",
        )
    everywhere = [element for element in elements if element.name == saml("Assertion")]
    directly = response.all(saml("Assertion"))
    if len(everywhere) != 1 or len(directly) != 1:
        raise _wrapped("The SAML response does not hold exactly one assertion.")
    if sum(element.name == samlp("Response") for element in elements) != 1:
        raise _wrapped("The SAML response holds another response.")
    return directly[0]


def _enclosed(assertion: Element) -> None:
    """The law of one assertion, once more, over the signed bytes themselves."""
    foreign = {saml("Assertion"), samlp("Response"), *_ENCRYPTED}
    if any(element.name in foreign for child in assertion.children for element in child.walk()):
        raise _wrapped("The SAML assertion holds another one.")


def _signatures(response: Element, assertion: Element) -> int:
    placed = (*response.all(ds("Signature")), *assertion.all(ds("Signature")))
    everywhere = sum(element.name == ds("Signature") for element in response.walk())
    if everywhere != len(placed):
        raise _wrapped("The SAML response has a signature in a place where none belongs.")
    if len(response.all(ds("Signature"))) > 1 or len(assertion.all(ds("Signature"))) > 1:
        raise _wrapped("The SAML response signs one element twice.")
    # XML Signature §4.5: an Object could carry anything along.
    if any(element.name == ds("Object") for one in placed for element in one.walk()):
        raise _wrapped("A signature of the SAML response carries an object.")
    return everywhere


def _identifiers(response: Element) -> None:
    seen: set[str] = set()
    for element in response.walk():
        for name, value in element.attributes.items():
            if name in _IDENTIFIERS:
                if value in seen:
                    raise _wrapped("Two elements of the SAML response have the same ID.")
                seen.add(value)


def _wrapped(fault: str) -> CustodyError:
    return CustodyError(
        "identity.wrapped",
        f"The SAML response is not built as an honest one is. {fault}",
        "Do not trust this response: no identity provider builds it so. Let the login begin again.",
    )
