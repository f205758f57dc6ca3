"""The XML worker: one document in, its canonical bytes out, and then it ends.

Law: it holds no key, no socket and no file but its two pipes, and cannot open any. It decides
nothing: it checks no signature, and nobody believes what it writes before one was checked.
"""

import os
import resource
from typing import Final

from lxml import etree

from custody.identity.saml.document import (
    LENGTH,
    METADATA_BYTES_AT_MOST,
    READY,
    SIGNATURES_AT_MOST,
    CanonicalDocument,
    Reading,
    UnreadableDocument,
    XmlSignature,
    encode,
)
from custody.identity.saml.names import EXCLUSIVE, ds, exclusive

_MEMORY_BYTES: Final = 512 * 1024 * 1024
_SECONDS: Final = 4
_NICENESS: Final = 5
_FILES: Final = 3
"""Its pipes and the null device are open; no other file or socket can be."""
_CHUNK: Final = 64 * 1024
_ELEMENTS_AT_MOST: Final = 4_096
_NAMESPACE_CHARACTERS_AT_MOST: Final = 256
"""Exclusive canonicalisation repeats declarations: a long one would multiply the document."""
_PREFIXES_AT_MOST: Final = 16


class _OddError(Exception):
    """The document has a shape that no SAML message has."""


def read(document: bytes) -> Reading:
    """Its canonical form, and for each signature in it what that is about."""
    try:
        root = _parse(document)
        _bounded(root)
        signatures = sum(1 for _ in root.iter(ds("Signature")))
        if signatures > SIGNATURES_AT_MOST:
            return UnreadableDocument()
        seals = tuple(_seal(document, number) for number in range(signatures))
        return CanonicalDocument(_canonical(root, ()), seals)
    except (etree.LxmlError, _OddError, ValueError, MemoryError):
        return UnreadableDocument()


def _parse(document: bytes) -> etree._Element:
    # A parser keeps names that it has seen: each document has its own.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        collect_ids=False,
    )
    return etree.fromstring(document, parser)


def _bounded(root: etree._Element) -> None:
    for count, element in enumerate(root.iter()):
        if count >= _ELEMENTS_AT_MOST:
            raise _OddError
        spaces = element.nsmap.values()
        if any(len(space or "") > _NAMESPACE_CHARACTERS_AT_MOST for space in spaces):
            raise _OddError


def _seal(document: bytes, number: int) -> XmlSignature:
    # Taking a signature out changes the tree, so each has a tree of its own.
    signature = list(_parse(document).iter(ds("Signature")))[number]
    parent = signature.getparent()
    info = _only(signature, ds("SignedInfo"))
    value = _only(signature, ds("SignatureValue"))
    reference = _only(info, ds("Reference"))
    transforms = _only(reference, ds("Transforms"))
    if parent is None or len(value):
        raise _OddError
    signed_info = _canonical(info, _prefixes(_only(info, ds("CanonicalizationMethod"))))
    prefixes: tuple[str, ...] = ()
    for transform in transforms.findall(ds("Transform")):
        if transform.get("Algorithm") == EXCLUSIVE:
            prefixes = _prefixes(transform)
    _take_out(parent, signature)
    covered = _canonical(parent, prefixes)
    return XmlSignature(signed_info, (value.text or "").encode(), covered)


def _only(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(name)
    if len(found) != 1:
        raise _OddError
    return found[0]


def _prefixes(method: etree._Element) -> tuple[str, ...]:
    """Exclusive XML Canonicalization §4: prefixes that are handled as inclusive ones."""
    found = method.findall(exclusive("InclusiveNamespaces"))
    prefixes = tuple(prefix for one in found for prefix in one.get("PrefixList", "").split())
    if len(prefixes) > _PREFIXES_AT_MOST:
        raise _OddError
    return prefixes


def _take_out(parent: etree._Element, signature: etree._Element) -> None:
    """XML Signature §6.6.4. The text behind the signature stays: it is the parent's."""
    before = signature.getprevious()
    behind = signature.tail or ""
    if before is None:
        parent.text = (parent.text or "") + behind
    else:
        before.tail = (before.tail or "") + behind
    parent.remove(signature)


def _canonical(element: etree._Element, prefixes: tuple[str, ...]) -> bytes:
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=list(prefixes) or None,
    )


def confine() -> None:
    """No core with a document in it, nothing opened or written, no more than so much memory."""
    os.nice(_NICENESS)
    for limit, value in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


def _receive() -> bytes | None:
    received = bytearray()
    wanted = LENGTH.size
    while len(received) < wanted:
        part = os.read(0, _CHUNK)
        if not part:
            return None
        received += part
        if wanted == LENGTH.size and len(received) >= LENGTH.size:
            wanted += LENGTH.unpack_from(received)[0]
            if wanted > LENGTH.size + METADATA_BYTES_AT_MOST:
                return None
    return bytes(received[LENGTH.size : wanted])


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main() -> int:
    read(b'<a xmlns="urn:a"/>')  # what is loaded late is loaded now
    confine()
    _write(READY)
    document = _receive()
    if document is None:
        return 1
    reply = encode(read(document))
    _write(LENGTH.pack(len(reply)) + reply)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
