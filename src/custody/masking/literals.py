"""Where literals stand in SQL text, and what they say.

Law: the reader is total and linear, and it errs by seeing too much: what is not terminated runs
to the end of the text. It follows PostgreSQL's lexical rules (manual, section 4.1), standard
strings, escape strings, Unicode strings, dollar quotes, nested comments.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple


class LexemeKind(Enum):
    STRING = "string"
    NUMBER = "number"
    COMMENT = "comment"
    IDENTIFIER = "identifier"
    """In double quotes."""


class Lexeme(NamedTuple):
    """``text[start:end]``, and what it means once quotes and escapes are read."""

    sort: LexemeKind
    start: int
    end: int
    value: str
    terminated: bool = True
    doubtful: bool = False
    """Its end depends on a server setting: a backslash in a string that is not an escape string."""


_START: Final = re.compile(
    r"--|/\*"
    r"|(?<![\w$])(?:[eEbBxXnN]|[uU]&)'|'"
    r'|(?<![\w$])[uU]&"|"'
    r"|(?<![\w$])\$(?:[^\W\d]\w*)?\$"
    r"|(?<![\w$])\.?[0-9][\w.]*"
)
_STANDARD: Final = re.compile(r"(?:[^']|'')*+")
_ESCAPED: Final = re.compile(r"(?:[^'\\]|''|\\.)*+", re.DOTALL)
_IDENTIFIER: Final = re.compile(r'(?:[^"]|"")*+')
_CONTINUED: Final = re.compile(r"[ \t\r\f]*+(?:--[^\n]*+)?\n(?:\s++|--[^\n]*+\n)*+'")
_UESCAPE: Final = re.compile(r"\s*+(?i:uescape)\s*+'([^'\s])'")
_COMMENT_MARK: Final = re.compile(r"/\*|\*/")
_ESCAPES: Final = re.compile(
    r"((?:\\x[0-9A-Fa-f]{1,2}|\\[0-7]{1,3})+)"
    r"|\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})|\\(.)",
    re.DOTALL,
)
_BYTE: Final = re.compile(r"\\x([0-9A-Fa-f]{1,2})|\\([0-7]{1,3})")
_NAMED_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HIDING: Final = ("\\", "''", '""', "&'", '&"')


def may_hide(text: str) -> bool:
    """Whether some literal may read differently from how it is written."""
    if "'" not in text and '"' not in text and "\\" not in text:
        return False  # for most texts that is all
    return any(sign in text for sign in _HIDING) or ("'" in text and "\n" in text)


def pieces(text: str) -> Iterator[Lexeme]:
    """All comments, strings, quoted identifiers and numbers, in order."""
    at = 0
    while (found := _START.search(text, at)) is not None:
        piece = _piece(text, found)
        yield piece
        at = piece.end


def _piece(  # noqa: PLR0911 - one return for each kind of opening
    text: str, found: re.Match[str]
) -> Lexeme:
    start, opener = found.start(), found.group()
    if opener == "--":
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        return Lexeme(LexemeKind.COMMENT, start, end, text[start + 2 : end])
    if opener == "/*":
        return _comment(text, start)
    if opener.endswith("'"):
        return _string(text, start, opener)
    if opener.endswith('"'):
        return _quoted_identifier(text, start, opener)
    if opener.startswith("$"):
        inside = found.end()
        end = text.find(opener, inside)
        if end < 0:
            return Lexeme(LexemeKind.STRING, start, len(text), text[inside:], terminated=False)
        return Lexeme(LexemeKind.STRING, start, end + len(opener), text[inside:end])
    return Lexeme(LexemeKind.NUMBER, start, found.end(), _number(opener))


def _comment(text: str, start: int) -> Lexeme:
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return Lexeme(LexemeKind.COMMENT, start, mark.end(), text[start + 2 : mark.start()])
    return Lexeme(LexemeKind.COMMENT, start, len(text), text[start + 2 :], terminated=False)


def _string(text: str, start: int, opener: str) -> Lexeme:
    """One string constant, with the parts that continue it on later lines."""
    escaped = opener[0] in "eE"
    body = _ESCAPED if escaped else _STANDARD
    at = start + len(opener)
    raw: list[str] = []
    while True:
        inside = body.match(text, at)
        end = inside.end() if inside else at
        raw.append(text[at:end].replace("''", "'"))
        if end >= len(text):
            return Lexeme(LexemeKind.STRING, start, len(text), "".join(raw), terminated=False)
        end += 1
        following = _CONTINUED.match(text, end)
        if following is None:
            break
        at = following.end()
    value = "".join(raw)
    if escaped:
        return Lexeme(LexemeKind.STRING, start, end, _paired(_unescape(value)))
    if opener[0] in "uU":
        end, value = _unicode(text, end, value)
        return Lexeme(LexemeKind.STRING, start, end, value)
    return Lexeme(LexemeKind.STRING, start, end, value, doubtful="\\" in value)


def _quoted_identifier(text: str, start: int, opener: str) -> Lexeme:
    at = start + len(opener)
    inside = _IDENTIFIER.match(text, at)
    end = inside.end() if inside else at
    value = text[at:end].replace('""', '"')
    if end >= len(text):
        return Lexeme(LexemeKind.IDENTIFIER, start, len(text), value, terminated=False)
    end += 1
    if opener[0] in "uU":
        end, value = _unicode(text, end, value)
    return Lexeme(LexemeKind.IDENTIFIER, start, end, value)


def _unicode(text: str, end: int, value: str) -> tuple[int, str]:
    """``U&`` escapes, with the escape character that ``UESCAPE`` may name."""
    sign = "\\"
    named = _UESCAPE.match(text, end)
    if named is not None:
        sign, end = named.group(1), named.end()
    sign = re.escape(sign)
    read = re.sub(
        sign + r"(?:\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4})|(" + sign + r"))",
        lambda m: m.group(3) or _character(m.group(1) or m.group(2)),
        value,
    )
    return end, _paired(read)


def _paired(text: str) -> str:
    """Two escapes may spell one character, as UTF-16 does; a half alone is none."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code <= 0x10FFFF else "\ufffd"


def _unescape(value: str) -> str:
    def read(found: re.Match[str]) -> str:
        octets, four, eight, other = found.groups()
        if octets is not None:
            data = bytes((int(h, 16) if h else int(o, 8)) & 0xFF for h, o in _BYTE.findall(octets))
            return data.decode("utf-8", "replace")
        if other is not None:
            return _NAMED_ESCAPES.get(other, other)
        return _character(four or eight)

    return _ESCAPES.sub(read, value)


def _number(text: str) -> str:
    plain = text.replace("_", "")
    return plain.lstrip("0") or "0" if plain.isdigit() else plain


def is_disguised(written: str, value: str) -> bool:
    """Whether a string or quoted identifier reads differently from how it is written."""
    return not written.startswith("$") and f"'{value}'" != written[-len(value) - 2 :].replace(
        '"', "'"
    )


def value_of(literal: str) -> str:
    """What a literal says; the text itself where it is no literal that we can read."""
    found = list(pieces(literal.strip()))
    if len(found) == 1 and found[0].sort in {LexemeKind.STRING, LexemeKind.NUMBER}:
        sign = literal.strip()[: found[0].start].strip()
        return found[0].value if sign in {"", "+"} else sign + found[0].value
    return literal.strip()


def quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def replace(text: str, changes: Sequence[tuple[int, int, str]]) -> str:
    """``text`` with ``text[start:end]`` exchanged for each change; they do not overlap."""
    parts = []
    at = 0
    for start, end, new in changes:
        parts.append(text[at:start])
        parts.append(new)
        at = end
    parts.append(text[at:])
    return "".join(parts)
