"""A service provider's metadata and its requests, by HTTP-Redirect (bindings §3.4).

Law: pure; every value is escaped where it is put in.
"""

import base64
import zlib
from html import escape
from typing import Final
from urllib.parse import urlencode

from custody.identity.saml.instants import write_instant
from custody.identity.saml.names import ASSERTION, METADATA, POST, PROTOCOL
from custody.identity.saml.settings import ServiceProvider
from custody.model.errors import CustodyError

RELAY_BYTES_AT_MOST: Final = 80
"""Bindings §3.4.3."""
_RAW_DEFLATE: Final = -15


def request_url(address: str, service: ServiceProvider, *, id: str, now: int, relay: str) -> str:  # noqa: A002 - SAML's word
    """Where the browser is sent. Raises ``CustodyError`` where ``relay`` is too long."""
    if len(relay.encode()) > RELAY_BYTES_AT_MOST:
        raise CustodyError("identity.relay", "A RelayState has 80 bytes at most.")
    request = (
        f'<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}"'
        f' ID="{escape(id)}" Version="2.0" IssueInstant="{write_instant(now)}"'
        f' Destination="{escape(address)}" ProtocolBinding="{POST}"'
        f' AssertionConsumerServiceURL="{escape(service.acs_url)}">'
        f"<saml:Issuer>{escape(service.entity_id)}</saml:Issuer>"
        '<samlp:NameIDPolicy AllowCreate="true"/>'
        "</samlp:AuthnRequest>"
    )
    deflate = zlib.compressobj(wbits=_RAW_DEFLATE)
    packed = deflate.compress(request.encode()) + deflate.flush()
    query = urlencode({"SAMLRequest": base64.b64encode(packed).decode(), "RelayState": relay})
    return f"{address}{'&' if '?' in address else '?'}{query}"


def service_metadata(service: ServiceProvider) -> bytes:
    """Our own metadata: no key in it, since nothing is signed or decrypted here."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<md:EntityDescriptor xmlns:md="{METADATA}" entityID="{escape(service.entity_id)}">'
        '<md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true"'
        f' protocolSupportEnumeration="{PROTOCOL}">'
        f'<md:AssertionConsumerService Binding="{POST}" Location="{escape(service.acs_url)}"'
        ' index="0" isDefault="true"/>'
        "</md:SPSSODescriptor></md:EntityDescriptor>\n"
    ).encode()
