"""XML signatures (XML Signature 1.1), verified over canonical bytes.

Law: only keys that were pinned beforehand verify anything; what the signature itself says about
keys is not read. What comes back is read from the very bytes whose digest was signed.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from custody.identity.saml.document import XmlSignature, unpacked
from custody.identity.saml.element import Element, parse
from custody.identity.saml.names import ENVELOPED, EXCLUSIVE, ds, exclusive
from custody.model.errors import CustodyError

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_SIGNED_INFO_BYTES_AT_MOST: Final = 16 * 1024
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_RSA: Final[dict[str, hashes.HashAlgorithm]] = {
    _MORE + "rsa-sha256": hashes.SHA256(),
    _MORE + "rsa-sha384": hashes.SHA384(),
    _MORE + "rsa-sha512": hashes.SHA512(),
}
_ECDSA: Final[dict[str, hashes.HashAlgorithm]] = {
    _MORE + "ecdsa-sha256": hashes.SHA256(),
    _MORE + "ecdsa-sha384": hashes.SHA384(),
    _MORE + "ecdsa-sha512": hashes.SHA512(),
}
_DIGESTS: Final[dict[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "http://www.w3.org/2001/04/xmlenc#sha256": hashlib.sha256,
    _MORE + "sha384": hashlib.sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
}


def verify_signature(seal: XmlSignature, keys: Sequence[Key]) -> Element:
    """The element that the signature covers, read from its signed bytes.

    Raises ``CustodyError`` ``identity.algorithm`` or ``identity.signature``.
    """
    if len(seal.signed_info) > _SIGNED_INFO_BYTES_AT_MOST:
        raise _broken("The SAML signature does not have the shape that is accepted here.")
    info = _shape(parse(seal.signed_info), "SignedInfo", 3)
    canonicalization, method, reference = info.children
    _canonicalized(canonicalization, "CanonicalizationMethod")
    algorithm = _leaf(method, "SignatureMethod").attributes.get("Algorithm", "")
    if algorithm not in _RSA and algorithm not in _ECDSA:
        raise _weak("signature")
    value = _bytes(seal.value)
    if not any(_signed(key, algorithm, value, seal.signed_info) for key in keys):
        raise CustodyError(
            "identity.signature",
            "The SAML signature was not made with a key of the identity provider's metadata.",
            "If its certificate changed, give the gateway the new metadata.",
        )
    uri, digest, expected = _reference(reference)
    if not hmac.compare_digest(digest(seal.covered).digest(), expected):
        raise _broken("What the SAML signature covers is not what was signed.")
    covered = parse(seal.covered)
    # One reference, to the signature's own parent: never looked up, so never misled (XSW).
    name = covered.attributes.get("ID", "")
    if not name or uri != f"#{name}":
        raise _broken("The SAML signature is about another element than the one that holds it.")
    return covered


def _reference(reference: Element) -> tuple[str, Callable[[bytes], "hashlib._Hash"], bytes]:
    transforms, method, value = _shape(reference, "Reference", 3).children
    # saml-core §5.4.4: these two and no others; the default canonicalisation would be inclusive.
    enveloped, canonicalization = _shape(transforms, "Transforms", 2).children
    if _leaf(enveloped, "Transform").attributes.get("Algorithm") != ENVELOPED:
        raise _weak("transform")
    _canonicalized(canonicalization, "Transform")
    digest = _DIGESTS.get(_leaf(method, "DigestMethod").attributes.get("Algorithm", ""))
    if digest is None:
        raise _weak("digest")
    expected = _bytes(_leaf(value, "DigestValue").text.encode("utf-8"))
    return reference.attributes.get("URI", ""), digest, expected


def _canonicalized(method: Element, name: str) -> None:
    if method.name != ds(name) or method.attributes.get("Algorithm") != EXCLUSIVE:
        raise _weak("canonicalisation")
    if any(child.name != exclusive("InclusiveNamespaces") for child in method.children):
        raise _weak("canonicalisation")


def _signed(key: Key, algorithm: str, value: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if algorithm not in _RSA:
                return False
            key.verify(value, data, padding.PKCS1v15(), _RSA[algorithm])
        else:
            width = (key.curve.key_size + 7) // 8
            if algorithm not in _ECDSA or len(value) != 2 * width:
                return False
            # RFC 4050 §3.3: r and s, each as wide as the curve.
            r, s = (int.from_bytes(half, "big") for half in (value[:width], value[width:]))
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(_ECDSA[algorithm]))
    except InvalidSignature:
        return False
    return True


def _shape(element: Element, name: str, children: int) -> Element:
    if element.name != ds(name) or len(element.children) != children or element.text.strip():
        raise _broken("The SAML signature does not have the shape that is accepted here.")
    return element


def _leaf(element: Element, name: str) -> Element:
    if element.name != ds(name) or element.children:
        raise _broken("The SAML signature does not have the shape that is accepted here.")
    return element


def _bytes(value: bytes) -> bytes:
    try:
        return unpacked(value)
    except ValueError as error:
        raise _broken("A value of the SAML signature is not base64.") from error


def _weak(what: str) -> CustodyError:
    return CustodyError(
        "identity.algorithm",
        f"The SAML signature uses a {what} algorithm that is not accepted.",
        "Let the identity provider sign with RSA or ECDSA, SHA-256 or longer, and exclusive"
        " canonicalisation.",
    )


def _broken(fault: str) -> CustodyError:
    return CustodyError(
        "identity.signature",
        f"The SAML signature does not hold. {fault}",
        "Do not trust this response; let the login begin again.",
    )
