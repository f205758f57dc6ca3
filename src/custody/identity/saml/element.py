"""Canonical XML (Exclusive XML Canonicalization 1.0, without comments), read into values.

Law: only the canonical form is read, and only here; every other spelling is refused. So two
readers cannot see different things in the same signed bytes, and a text is always whole.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from custody.identity.saml.names import XML
from custody.model.errors import CustodyError

_DEPTH_AT_MOST: Final = 64
_PREFIXES_AT_MOST: Final = 64
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.\-]*"
_QUALIFIED: Final = rf"(?:{_NAME}:)?{_NAME}"
# Canonical XML 1.0 §2.3: one blank between attributes, double quotes, what is special is escaped.
_ATTRIBUTE: Final = rf' ({_QUALIFIED})="([^"<\t\n\r]*)"'
_TOKEN: Final = re.compile(
    rf"<(?P<open>{_QUALIFIED})(?P<attributes>(?: {_QUALIFIED}=\"[^\"<\t\n\r]*\")*)>"
    rf"|</(?P<close>{_QUALIFIED})>"
    r"|(?P<text>[^<>\r]+)"
)
_ATTRIBUTES: Final = re.compile(_ATTRIBUTE)
_REFERENCE: Final = re.compile(r"&(?:([a-zA-Z0-9#]{1,4};))?")
_IN_TEXT: Final = {"amp;": "&", "lt;": "<", "gt;": ">", "#xD;": "\r"}
_IN_ATTRIBUTE: Final = {
    "amp;": "&", "lt;": "<", "quot;": '"', "#x9;": "\t", "#xA;": "\n", "#xD;": "\r",
}  # fmt: skip


class Element(msgspec.Struct, frozen=True):
    """``name`` is ``{namespace}local``; so are attributes' names where they have a namespace."""

    name: str
    attributes: dict[str, str]
    children: tuple["Element", ...]
    text: str
    """All character data directly inside, whole."""

    def walk(self) -> Iterator["Element"]:
        yield self
        for child in self.children:
            yield from child.walk()

    def whole(self) -> str:
        """The text of an element that may hold nothing else."""
        if self.children:
            raise odd()
        return self.text

    def all(self, name: str) -> tuple["Element", ...]:
        return tuple(child for child in self.children if child.name == name)


class _Open:
    """An element whose end was not seen yet."""

    __slots__ = ("attributes", "children", "name", "qualified", "spaces", "text")

    def __init__(
        self, qualified: str, name: str, attributes: dict[str, str], spaces: dict[str, str]
    ) -> None:
        self.qualified: Final = qualified
        self.name: Final = name
        self.attributes: Final = attributes
        self.spaces: Final = spaces
        self.children: Final[list[Element]] = []
        self.text: Final[list[str]] = []

    def close(self) -> Element:
        return Element(self.name, self.attributes, tuple(self.children), "".join(self.text))


def parse(canonical: bytes) -> Element:
    """The one element that the bytes are. Raises ``CustodyError`` ``identity.malformed``."""
    try:
        text = canonical.decode("utf-8")
    except UnicodeDecodeError as error:
        raise odd() from error
    stack: list[_Open] = []
    root: Element | None = None
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or root is not None:
            raise odd()
        place = token.end()
        root = _step(stack, token)
    if root is None:
        raise odd()
    return root


def _step(stack: list[_Open], token: re.Match[str]) -> Element | None:
    """Take one token in; the root, once it is closed."""
    if (name := token["open"]) is not None:
        if len(stack) >= _DEPTH_AT_MOST:
            raise odd()
        stack.append(_opened(name, token["attributes"], stack[-1].spaces if stack else {}))
        return None
    if not stack:
        raise odd()
    if (name := token["close"]) is None:
        stack[-1].text.append(_resolved(token["text"], _IN_TEXT))
        return None
    closed = stack.pop()
    if closed.qualified != name:
        raise odd()
    element = closed.close()
    if not stack:
        return element
    stack[-1].children.append(element)
    return None


def _opened(qualified: str, written: str, outer: dict[str, str]) -> _Open:
    spaces = outer
    declarations: set[str] = set()
    plain: list[tuple[str, str]] = []
    for name, value in _ATTRIBUTES.findall(written):
        prefix, _, local = name.rpartition(":")
        resolved = _resolved(value, _IN_ATTRIBUTE)
        if name == "xmlns" or prefix == "xmlns":
            declared = local if prefix else ""
            # Namespaces in XML 1.0 §3: what is reserved, and no prefix may be undeclared.
            if declared in {"xml", "xmlns", *declarations} or (declared and not resolved):
                raise odd()
            declarations.add(declared)
            spaces = {**spaces, declared: resolved}
            if len(spaces) > _PREFIXES_AT_MOST:
                raise odd()
        else:
            plain.append((name, resolved))
    attributes: dict[str, str] = {}
    for name, value in plain:
        prefix, _, local = name.rpartition(":")
        expanded = _expanded(prefix, local, spaces) if prefix else local
        if expanded in attributes:
            raise odd()
        attributes[expanded] = value
    prefix, _, local = qualified.rpartition(":")
    return _Open(qualified, _expanded(prefix, local, spaces), attributes, spaces)


def _expanded(prefix: str, local: str, spaces: dict[str, str]) -> str:
    if prefix == "xml":
        return f"{{{XML}}}{local}"
    space = spaces.get(prefix, "")
    if prefix and not space:
        raise odd()
    # A brace in a namespace could make two different names look the same.
    if "{" in space or "}" in space:
        raise odd()
    return f"{{{space}}}{local}" if space else local


def _resolved(written: str, known: dict[str, str]) -> str:
    if "&" not in written:
        return written

    def character(found: re.Match[str]) -> str:
        value = known.get(found[1] or "")
        if value is None:
            raise odd()
        return value

    return _REFERENCE.sub(character, written)


def odd() -> CustodyError:
    return CustodyError(
        "identity.malformed",
        "The SAML document does not have the shape that SAML gives it.",
        "Log in again; if it happens again, look at what the identity provider sends.",
    )
