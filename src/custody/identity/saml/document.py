"""The documents that the XML worker may be given, and the answers that it may give.

Law: a document reaches a parser only as UTF-8 within its bound and without a single ``<!`` or
``<?``, so that no DTD, entity, comment, CDATA section or processing instruction exists. A worker's
answer is a claim: canonical bytes that mean nothing until a signature was verified over them.
"""

import base64
import binascii
import re
import struct
from typing import Final

import msgspec

from custody.model.errors import CustodyError

RESPONSE_BYTES_AT_MOST: Final = 256 * 1024
METADATA_BYTES_AT_MOST: Final = 1024 * 1024
REPLY_BYTES_AT_MOST: Final = 16 * 1024 * 1024
SIGNATURES_AT_MOST: Final = 2
"""One over the response, one over its assertion."""
LENGTH: Final = struct.Struct(">I")
READY: Final = b"\n"

_DECLARATION: Final = re.compile(
    r"<\?xml version=(?P<a>[\"'])1\.0(?P=a)"
    r"(?: encoding=(?P<b>[\"'])(?i:utf-8)(?P=b))?"
    r"(?: standalone=(?P<c>[\"'])(?:yes|no)(?P=c))? ?\?>"
)
_REMARK: Final = re.compile(r"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_WHITESPACE: Final = b" \t\r\n"


class XmlSignature(msgspec.Struct, frozen=True):
    """One ``ds:Signature`` and the canonical bytes that it is about."""

    signed_info: bytes
    value: bytes
    """The text of SignatureValue."""
    covered: bytes
    """The signature's own parent, without that signature."""


class CanonicalDocument(msgspec.Struct, frozen=True, tag="canonical"):
    """A document in canonical form, and its signatures in document order."""

    document: bytes
    seals: tuple[XmlSignature, ...]


class UnreadableDocument(msgspec.Struct, frozen=True, tag="unreadable"):
    """Not well-formed, or beyond a bound of the worker's."""


Reading = CanonicalDocument | UnreadableDocument

encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final[msgspec.msgpack.Decoder[Reading]] = msgspec.msgpack.Decoder(Reading)


def decode(reply: bytes) -> Reading:
    """Raises ``msgspec.DecodeError`` for anything that is not a reading."""
    return _decoder.decode(reply)


def unpacked(value: bytes | str) -> bytes:
    """Base64 as XML and forms carry it: line breaks are allowed, nothing else is.

    Raises ``ValueError``.
    """
    data = value.encode("ascii") if isinstance(value, str) else value
    try:
        return base64.b64decode(data.translate(None, _WHITESPACE), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def response_document(posted: bytes) -> bytes:
    """The XML of a form's ``SAMLResponse`` (bindings §3.5.4), fit for the worker."""
    # Line breaks add one or two bytes to every 76.
    if len(posted) > RESPONSE_BYTES_AT_MOST * 3 // 2:
        raise _too_large()
    try:
        document = unpacked(posted)
    except ValueError as error:
        raise CustodyError(
            "identity.malformed", "The SAML response is not base64.", "Log in again."
        ) from error
    if len(document) > RESPONSE_BYTES_AT_MOST:
        raise _too_large()
    text = _text(document)
    declared = _DECLARATION.match(text)
    return _plain(text[declared.end() :] if declared else text)


def metadata_document(document: bytes) -> bytes:
    """An identity provider's metadata; the remarks that operators like to leave are taken out."""
    if len(document) > METADATA_BYTES_AT_MOST:
        raise _too_large()
    return _plain(_REMARK.sub("", _text(document)))


def _text(document: bytes) -> str:
    try:
        return document.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise CustodyError(
            "identity.malformed", "The SAML document is not UTF-8.", "It has to be sent as UTF-8."
        ) from error


def _plain(text: str) -> bytes:
    if "<!" in text or "<?" in text:
        raise CustodyError(
            "identity.malformed",
            "The SAML document holds a DTD, a comment, CDATA or a processing instruction.",
            "None of them belongs there; if your identity provider made it, it cannot be used.",
        )
    return text.encode()


def _too_large() -> CustodyError:
    return CustodyError(
        "identity.too-large",
        "The SAML document is larger than is read here.",
        "Let the identity provider send fewer attributes (metadata: one provider's only).",
    )
