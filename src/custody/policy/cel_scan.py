"""What a CEL condition mentions, found without evaluating it.

Law: what is reported is never less than what an evaluation can touch. A condition that cannot be
read with certainty is refused at load; it is never guessed at.

CEL reserves the word ``loop``, which is also one of our variables. It is therefore spelled ``Loop``
towards the CEL library, in the same columns, so that positions in its messages stay true.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from custody.policy.variables import CONDITION_FIELDS

MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
"""CEL language definition, Macros: their first argument is a name that they bind."""

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*)
    | (?P<string>
        (?:[bB]?[rR]|[rR][bB])(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')
      | [bB]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
               |"(?:\\.|[^\\"\n])*"|'(?:\\.|[^\\'\n])*'))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class CelToken(msgspec.Struct, frozen=True):
    kind: str
    text: str
    start: int


class ConditionScan(msgspec.Struct, frozen=True):
    """``mentioned`` maps each variable to the fields touched; all of them where any may be."""

    source: str
    """The condition as the CEL library is to be given it."""
    mentioned: Mapping[str, frozenset[str]]
    names: frozenset[str]
    """Every free-standing name, as it is written."""
    bound: frozenset[str]
    """Names that macros bind."""
    unknown: tuple[str, ...]
    """Fields that no variable has, as ``command.nope``."""
    patterns: tuple[str, ...]
    """String literals given to ``matches``, as CEL literals."""


def tokens(source: str) -> list[CelToken]:
    """The condition's tokens, without white space and comments; total."""
    return [
        CelToken(match.lastgroup or "mark", match.group(), match.start())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    ]


def read(source: str) -> ConditionScan:
    """Total: also what is not CEL gives a reading, and fails later where it is compiled."""
    stream = tokens(source)
    spelled = list(source)
    mentioned: dict[str, frozenset[str]] = {}
    names, unknown = set[str](), list[str]()
    for at, token in enumerate(stream):
        if token.kind != "name" or _text(stream, at - 1) == ".":
            continue
        if token.text == "loop":
            spelled[token.start] = "L"
        if _text(stream, at + 1) == "(":
            continue
        names.add(token.text)
        if token.text in CONDITION_FIELDS:
            field = _field(stream, at)
            if field and field not in CONDITION_FIELDS[token.text]:
                unknown.append(f"{token.text}.{field}")
            touched = (
                frozenset({field}) & CONDITION_FIELDS[token.text]
                if field
                else CONDITION_FIELDS[token.text]
            )
            mentioned[token.text] = mentioned.get(token.text, frozenset()) | touched
    return ConditionScan(
        source="".join(spelled),
        mentioned=mentioned,
        names=frozenset(names),
        bound=frozenset(_bound(stream)),
        unknown=tuple(unknown),
        patterns=tuple(_patterns(stream)),
    )


def _text(stream: Sequence[CelToken], at: int) -> str:
    return stream[at].text if 0 <= at < len(stream) else ""


def _field(stream: Sequence[CelToken], at: int) -> str:
    """The field that is read of the variable at ``at``; empty where it may be any of them."""
    if _text(stream, at + 1) != "." or _text(stream, at + 3) == "(":
        return ""
    return stream[at + 2].text if at + 2 < len(stream) and stream[at + 2].kind == "name" else ""


def _bound(stream: Sequence[CelToken]) -> Iterator[str]:
    for at, token in enumerate(stream):
        if token.text in MACROS and _text(stream, at - 1) == "." and _text(stream, at + 1) == "(":
            yield _text(stream, at + 2)


def _patterns(stream: Sequence[CelToken]) -> Iterator[str]:
    for at, token in enumerate(stream):
        if token.text == "matches" and _text(stream, at + 1) == "(":
            literal = stream[at + 2] if at + 2 < len(stream) else token
            if literal.kind == "string" and _text(stream, at + 3) == ")":
                yield literal.text
