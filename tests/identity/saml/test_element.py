"""The reader of canonical XML: it sees what lxml sees in the canonical form, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from custody.identity.saml.element import Element, parse
from custody.identity.saml.names import XML
from custody.model.errors import CustodyError

# XML 1.0 §2.2, without what a parser normalises away.
_CHARACTERS = st.characters(
    exclude_categories=["Cs"], exclude_characters="\ufffe\uffff",
).filter(lambda one: one >= " " or one in "\t\n\r")  # fmt: skip
_SPACES = {"x": "urn:x", "y": "urn:y", "z": "urn:z"}
_TEXTS = st.text(_CHARACTERS, max_size=8)
_NAMES = st.sampled_from(["a", "b", "{urn:x}a", "{urn:y}b", "{urn:x}c-d.e_f"])
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["k", "l", "{urn:x}k", "{urn:z}k"]), _TEXTS, max_size=3
)


def _tree(children: st.SearchStrategy[etree._Element]) -> st.SearchStrategy[etree._Element]:
    def make(
        name: str, attributes: dict[str, str], text: str, inner: list[tuple[etree._Element, str]]
    ) -> etree._Element:
        element = etree.Element(name, attributes, nsmap=_SPACES)
        element.text = text
        for child, tail in inner:
            child.tail = tail
            element.append(child)
        return element

    inner = st.lists(st.tuples(children, _TEXTS), max_size=3)
    return st.builds(make, _NAMES, _ATTRIBUTES, _TEXTS, inner)


_LEAVES = st.builds(lambda name: etree.Element(name, nsmap=_SPACES), _NAMES)
_TREES = st.recursive(_LEAVES, _tree, max_leaves=8)


def _seen(element: etree._Element) -> Element:
    children = tuple(_seen(child) for child in element)
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    return Element(str(element.tag), attributes, children, text)


@given(_TREES)
def test_it_sees_what_the_tree_is(tree: etree._Element) -> None:
    tree.tail = None
    assert parse(etree.tostring(tree, method="c14n", exclusive=True)) == _seen(tree)


@given(st.binary(max_size=64))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(CustodyError):
        parse(b"<" + data)


@given(st.text(alphabet='<>/=":& ;ax!?#x0\n', max_size=40))
def test_what_it_accepts_is_canonical(text: str) -> None:
    """Whatever it reads, lxml reads too, and canonicalises to the same bytes."""
    data = f"<a>{text}</a>".encode()
    try:
        found = parse(data)
    except CustodyError as error:
        assert error.code == "identity.malformed"  # noqa: PT017 - either outcome is right
        return
    root = etree.fromstring(data)
    assert _seen(root) == found


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "<a/>", "<a></a>\n", " <a></a>", "<a></a><b></b>", "<a>", "</a>", "<a></b>",
        "<a><b></a></b>", "<a ></a>", "<a></a >", '<a  b="1"></a>', "<a b='1'></a>",
        '<a b="1"c="2"></a>', "<a b=1></a>", '<a b="1" b="1"></a>', '<a b="<"></a>',
        '<a b="\n"></a>', "<a>&gt</a>", "<a>&quot;</a>", "<a>&#65;</a>", "<a>&#xd;</a>", "<a>&</a>",
        "<a>\r</a>", "<a>></a>", "<a><!----></a>", "<a><![CDATA[x]]></a>", "<a><?x?></a>",
        "<!DOCTYPE a><a></a>", "<p:a></p:a>", '<a p:b=""></a>', '<a xmlns:p=""></a>',
        '<a xmlns:p="urn:x" xmlns:p="urn:y"></a>', '<a xmlns="urn:x" xmlns="urn:y"></a>',
        '<a xmlns:xml="urn:x"></a>', '<a xmlns:xmlns="urn:x"></a>', '<a xmlns="urn:}{"></a>',
        '<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="" q:b=""></a>', "<a:b:c></a:b:c>", "<é></é>",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(CustodyError) as refused:
        parse(text.encode())
    assert refused.value.code == "identity.malformed"


def test_names_are_whole() -> None:
    found = parse(b'<a xmlns="urn:x" xml:lang="en" b="&quot;&#x9;&gt;"><b xmlns="">t</b>&lt;u</a>'
                  .replace(b"&gt;", b">"))  # fmt: skip
    inner = Element("b", {}, (), "t")
    assert found == Element("{urn:x}a", {f"{{{XML}}}lang": "en", "b": '"\t>'}, (inner,), "<u")
