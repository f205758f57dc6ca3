"""The eight shapes of signature wrapping (Somorovsky et al., "On Breaking SAML", 2012), as the
numbering of SAML Raider has them, and some more.

Law: each takes a rightly signed response and adds an assertion that names mallory.
"""

import copy
from collections.abc import Callable

from lxml import etree
from tests.identity.saml.small_idp import DS, SAMLP, assertion_of, forged, signature_of

Shape = Callable[[etree._Element], etree._Element]


def _detached(element: etree._Element) -> tuple[etree._Element, etree._Element]:
    """The signature, and the element as it was before it was signed."""
    signature = copy.deepcopy(signature_of(element))
    bare = copy.deepcopy(element)
    bare.remove(signature_of(bare))
    return signature, bare


def xsw1(root: etree._Element) -> etree._Element:
    """A forged response holds the signature, which holds the signed response."""
    signature, bare = _detached(root)
    evil = forged(root, "_evilresponse")
    signature.append(bare)
    evil.insert(1, signature)
    return evil


def xsw2(root: etree._Element) -> etree._Element:
    """A forged response holds the signed response, and the signature beside it."""
    signature, bare = _detached(root)
    evil = forged(root, "_evilresponse")
    evil.insert(1, bare)
    evil.insert(2, signature)
    return evil


def xsw3(root: etree._Element) -> etree._Element:
    """A forged assertion stands before the signed one."""
    root.insert(root.index(assertion_of(root)), forged(assertion_of(root)))
    return root


def xsw4(root: etree._Element) -> etree._Element:
    """A forged assertion holds the signed one."""
    original = assertion_of(root)
    evil = forged(original)
    root.replace(original, evil)
    evil.append(original)
    return root


def xsw5(root: etree._Element) -> etree._Element:
    """A forged assertion holds the signature; the signed one stands behind it."""
    original = assertion_of(root)
    signature, bare = _detached(original)
    evil = forged(original)
    evil.insert(1, signature)
    root.replace(original, evil)
    root.append(bare)
    return root


def xsw6(root: etree._Element) -> etree._Element:
    """A forged assertion holds the signature, which holds the signed assertion."""
    original = assertion_of(root)
    signature, bare = _detached(original)
    evil = forged(original)
    signature.append(bare)
    evil.insert(1, signature)
    root.replace(original, evil)
    return root


def xsw7(root: etree._Element) -> etree._Element:
    """Extensions hold a forged assertion."""
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(forged(assertion_of(root), str(assertion_of(root).get("ID"))))
    root.insert(1, extensions)
    return root


def xsw8(root: etree._Element) -> etree._Element:
    """A forged assertion holds the signature, whose Object holds the signed assertion."""
    original = assertion_of(root)
    signature, bare = _detached(original)
    evil = forged(original)
    etree.SubElement(signature, f"{{{DS}}}Object").append(bare)
    evil.insert(1, signature)
    root.replace(original, evil)
    return root


def same_id(root: etree._Element) -> etree._Element:
    """As XSW5, and the forged assertion has the signed one's ID."""
    xsw5(root)
    assertion_of(root).set("ID", "_assertion1")
    return root


def swapped(root: etree._Element) -> etree._Element:
    """The forged assertion takes the signed one's place, ID and signature."""
    original = assertion_of(root)
    signature, _ = _detached(original)
    evil = forged(original, "_assertion1")
    evil.insert(1, signature)
    root.replace(original, evil)
    return root


def in_an_object(root: etree._Element) -> etree._Element:
    """The signature stays right; its unsigned Object holds a forged assertion."""
    holder = etree.SubElement(signature_of(assertion_of(root)), f"{{{DS}}}Object")
    holder.append(forged(assertion_of(root)))
    return root


def in_key_info(root: etree._Element) -> etree._Element:
    """The same in KeyInfo."""
    holder = etree.SubElement(signature_of(assertion_of(root)), f"{{{DS}}}KeyInfo")
    holder.append(forged(assertion_of(root)))
    return root


def nested_response(root: etree._Element) -> etree._Element:
    """A forged response holds the right one as it is."""
    evil = forged(root, "_evilresponse")
    evil.remove(assertion_of(evil))
    evil.append(root)
    return evil


ON_RESPONSES: tuple[Shape, ...] = (xsw1, xsw2)
ON_ASSERTIONS: tuple[Shape, ...] = (
    xsw3, xsw4, xsw5, xsw6, xsw7, xsw8, same_id, swapped, in_an_object, in_key_info,
    nested_response,
)  # fmt: skip
