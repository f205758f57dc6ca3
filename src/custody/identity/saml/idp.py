"""An identity provider, as its metadata describes it (saml-metadata §2.4).

Law: what is pinned here is all that is trusted later: one entity id, its signing keys, one
address. The document comes from the operator; nothing in it is fetched.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from custody.identity.saml.document import CanonicalDocument, unpacked
from custody.identity.saml.element import Element, parse
from custody.identity.saml.instants import read_instant
from custody.identity.saml.names import PROTOCOL, REDIRECT, ds, md
from custody.identity.saml.xml_signature import Key
from custody.model.errors import CustodyError

_KEYS_AT_MOST: Final = 8
_RSA_BITS: Final = 2_048
_CURVE_BITS: Final = 256
_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_OPERATOR: Final = "local"
"""Whom the operator vouches for has this issuer; other providers' issuers are URLs."""


class Idp(msgspec.Struct, frozen=True):
    """``keys`` are tried in the document's order, so a new certificate may stand beside the old."""

    entity_id: str
    address: str
    """Where browsers are redirected to."""
    keys: tuple[Key, ...]
    fingerprints: tuple[str, ...]
    """SHA-256 of the certificates, for people to compare."""
    valid_until: int | None

    def current(self, now: int) -> None:
        """Raises ``CustodyError`` where the metadata has lapsed."""
        if self.valid_until is not None and now >= self.valid_until:
            raise CustodyError(
                "identity.metadata-expired",
                "The SAML identity provider's metadata has lapsed (validUntil).",
                "Give the gateway its current metadata.",
            )


def read_idp(canonical: CanonicalDocument, issuer: str) -> Idp:
    """``issuer`` chooses among several; empty: there is only one. Signatures are not checked."""
    root = parse(canonical.document)
    if root.name == md("EntitiesDescriptor"):
        entities = root.all(md("EntityDescriptor"))
        outer: tuple[Element, ...] = (root,)
    else:
        entities = (root,) if root.name == md("EntityDescriptor") else ()
        outer = ()
    found = [
        (entity, role)
        for entity in entities
        for role in entity.all(md("IDPSSODescriptor"))
        if PROTOCOL in role.attributes.get("protocolSupportEnumeration", "").split()
        and issuer in {"", entity.attributes.get("entityID", "")}
    ]
    if len(found) != 1:
        raise _unfit(
            f"It describes {len(found)} SAML 2.0 identity providers that could be meant, not one."
        )
    entity, role = found[0]
    name = entity.attributes.get("entityID", "")
    if not name:
        raise _unfit("The identity provider has no entityID.")
    if name == _OPERATOR:
        raise _unfit(f"Its entityID is {name!r}, as the issuer of operators' tickets is called.")
    certificates = tuple(_certificates(role))
    if not 1 <= len(certificates) <= _KEYS_AT_MOST:
        raise _unfit(f"It has {len(certificates)} certificates for signing, not 1 to 8.")
    ends = [
        read_instant(each.attributes["validUntil"])
        for each in (*outer, entity, role)
        if "validUntil" in each.attributes
    ]
    return Idp(
        entity_id=name,
        address=_address(role),
        keys=tuple(_key(certificate) for certificate in certificates),
        fingerprints=tuple(
            certificate.fingerprint(hashes.SHA256()).hex() for certificate in certificates
        ),
        valid_until=min(ends, default=None),
    )


def _certificates(role: Element) -> list[x509.Certificate]:
    """Of keys for signing, or for any use (saml-metadata §2.4.1.1).

    Their own dates do not matter (SAML V2.0 Metadata Interoperability Profile §2.6.1): the
    metadata vouches for a key for as long as it holds.
    """
    certificates = []
    for descriptor in role.all(md("KeyDescriptor")):
        if descriptor.attributes.get("use", "signing") != "signing":
            continue
        for element in descriptor.walk():
            if element.name != ds("X509Certificate"):
                continue
            try:
                certificates.append(x509.load_der_x509_certificate(unpacked(element.text)))
            except ValueError as error:
                raise _unfit("A certificate in it cannot be read.") from error
    return certificates


def _key(certificate: x509.Certificate) -> Key:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unfit("A certificate in it has a key that cannot be read.") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _CURVE_BITS:
        return key
    raise _unfit("A certificate in it has neither an RSA key of 2048 bits nor an EC key of 256.")


def _address(role: Element) -> str:
    addresses = [
        service.attributes.get("Location", "")
        for service in role.all(md("SingleSignOnService"))
        if service.attributes.get("Binding") == REDIRECT
    ]
    if not addresses:
        raise _unfit("It has no SingleSignOnService with the HTTP-Redirect binding.")
    try:
        parts = urlsplit(addresses[0])
        sound = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        sound = False
    if not sound or "#" in addresses[0] or not parts.hostname:
        raise _unfit("Its SingleSignOnService is not an https address.")
    return addresses[0]


def _unfit(fault: str) -> CustodyError:
    return CustodyError(
        "identity.metadata",
        f"The SAML identity provider's metadata cannot be used. {fault}",
        "Take the metadata anew from the identity provider.",
    )
