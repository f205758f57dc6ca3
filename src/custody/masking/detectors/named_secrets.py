"""The value behind a credential's name: ``password = 'x'``, ``["secret", "x"]``, ``<pwd>x</pwd>``.

Law: a name is read on to its value over whatever joins the two in SQL, JSON, YAML, XML, addresses
and shell lines, never past a border between values, and within a bound. A name that stands in
quotes ends at its own quote: what closes it opens no value.
"""

import re
from collections.abc import Iterator
from typing import Final

from custody.masking.detectors import secret_values as value
from custody.masking.detectors.numbers import NumberMatch
from custody.masking.detectors.secret_values import near_border

_STRONG: Final = (
    rb"pass(?:word|wd|phrase|code)|pwd|identified|requirepass|masterauth|secret|api[_ -]?key"
    rb"|(?:access|secret|account|private|auth|encryption|signing|master)[_ -]?key"
    rb"|(?:access|auth|refresh|session|id|bearer|api|security|csrf)[_ -]?token"
)
_SHORT: Final = rb"pass|token"
NAME: Final = rb"(?i:" + _STRONG + rb"|" + _SHORT + rb")"
"""Where a name may begin. What of it is one, ``named`` says."""
CUE: Final = (
    rb"(?i:" + _STRONG + rb")|(?i:" + _SHORT + rb")(?:[\"'`\\\]}\s]{0,8}[=:>,]|(?-i:[^a-z]))"
)

_WORD: Final = re.compile(rb"[A-Za-z0-9_]{0,40}+")
_KEY_BEFORE: Final = re.compile(rb"[A-Za-z0-9_.$/{},@-]{0,64}\Z")
_KEY_BEHIND: Final = re.compile(rb"[A-Za-z0-9_.$/{},@-]{0,64}+")
_QUOTES: Final = b"'\"`"
_GAP: Final = rb"(?:\s|\\[nrt]|/\*(?:[^*\x1f]|\*(?!/)){0,400}+\*/|--[^\n\x1f]{0,400}+\n)"
_CLOSER: Final = re.compile(rb"\\{0,16}+(?:'+|\"+|`)")
_AFTER_CLOSER: Final = re.compile(
    _GAP
    + rb"{0,64}+(?:\|\||::|->|[:=>~!<]|\Z|\x1f|[)\]}]|,(?:"
    + _GAP
    + rb"{1,64}+|(?=['\"$\[{0-9]))"
    rb"|(?i:using|value|in|like|ilike|is)\b)"
)
"""What shows that a quote behind a name closes a text rather than opens one."""
_TYPE: Final = rb"::\s*[A-Za-z_][A-Za-z0-9_]*+(?:\[\])?"
_LINK: Final = re.compile(
    rb"(?:"
    + _GAP
    + rb"|"
    + _TYPE
    + rb"|\|\||->>?|[=:<>!~]{1,3}"
    + rb"|(?i:to|by|as|is|not|distinct|from|in|any|all|some|like|ilike|using|set|encrypted)\b"
    + rb"|(?i:with)\s+[A-Za-z0-9_\"'`]++\s+(?:(?i:by|as)\b)"
    + rb"|(?i:(?:text|varchar|bpchar|citext|name|bytea|json|jsonb|character(?:\s+varying)?)\b"
    + rb"(?:\s*\(\s*[0-9]+\s*\))?(?:\s+not\s+null)?\s+default\b)"
    + rb"|[A-Za-z_][A-Za-z0-9_.]{0,62}+\("
    + rb"|[(]"
    + rb"){0,12}+"
)
"""All that may stand between a name and its value, as one run."""
_CLOSED: Final = re.compile(
    rb"(?:"
    + _GAP
    + rb"|"
    + _TYPE
    + rb"|[\])}])*+(?=[=:<>!~|-]|"
    + _GAP
    + rb"{0,64}+(?i:in|like|ilike|is|as)\b)"
)
_BRACKETS: Final = re.compile(
    rb"(?:[\])}]|" + _TYPE + rb"|" + _GAP + rb"(?=" + _GAP + rb"{0,64}+[\])}:]))*+"
)
_VALUE_KEY: Final = re.compile(
    rb"[\s,;\\\"'`nr-]{0,40}+(?i:values?|val|content|data|string|default)\\{0,16}+[\"'`]?\s*[:=]\s*"
)
"""``"name": "password", "value":``"""
_VALUE_TAG: Final = re.compile(
    rb"\s*</[A-Za-z0-9_:.-]{1,64}>\s*<(?i:values?|val|string|content|data)(?:\s[^<>\x1f]{0,200})?>"
)
_PART: Final = re.compile(rb"[^\x1f]{0,8}\r?\n\r?\n([^\r\n\x1f]+)")
"""A part of a form: its name, an empty line, its value."""
_TAG_OPEN: Final = re.compile(rb"(?:<|&lt;)(?:[A-Za-z0-9_.-]{1,40}:)?[A-Za-z0-9_.-]{0,40}\Z")
_TAG: Final = re.compile(rb"(?:\s[^<>\x1f]{0,400})?(?:(?<!/)>|&gt;)")
_LIST_BEFORE: Final = re.compile(rb"[(,]\s*\Z")
_TEMPLATE: Final = re.compile(rb"[\s='\"]{0,4}%[0-9$]{0,4}-?[0-9]{0,3}[LsI][^'\x1f]{0,2000}+'")
_USING: Final = re.compile(rb"[\s=]{0,8}\$[0-9]{1,5}[^'\x1f]{0,2000}+'\s*(?i:using)\b")
_NEXT: Final = re.compile(rb"(?:" + _GAP + rb"|,|\|\|)++")
_FLAG: Final = re.compile(
    rb"(?:\A|[\s'\"=,\[\x1f])--?[A-Za-z][A-Za-z0-9_-]{0,40}\Z|(?:\A|[\s'\"=\x1f])--?\Z"
)
_NETRC: Final = re.compile(rb"(?i:login|account|user)\s+\S{1,64}\s+\Z")
_SETTING: Final = re.compile(rb"(?i:set)\s+(?i:local\s+|session\s+)?[A-Za-z0-9_.]{0,64}\Z")
_LINE_START: Final = re.compile(
    rb"(?:\A|[\n\x1f'\"$]|\\n)[ \t]*(?:- +)*[\"']?[A-Za-z0-9_.-]{0,64}\Z"
)
_COLON: Final = re.compile(rb"[\"']?[ \t]*:(?![:=])")
_LOOK_BACK: Final = 160


def named(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """The values that belong to the name that begins at ``start``."""
    limit = near_border(data, end)
    low = max(0, start - _LOOK_BACK)
    before = data[low:start]
    at = _end_of(data, end)
    name = data[start:at].lower()
    if not _is_name(data, start, end, name, before):
        return
    strong = not name.startswith((b"token",)) and b"token" not in name[:16]
    yield from _read(data, start, at, limit, before, name, strong=strong)


def _end_of(data: bytes, end: int) -> int:
    word = _WORD.match(data, end)
    return word.end() if word else end


def _is_name(data: bytes, start: int, end: int, name: bytes, before: bytes) -> bool:
    """``pass`` and ``token`` are names only as the whole of a word or of its last part."""
    if name[: end - start] not in {b"pass", b"token"}:
        return True
    if len(name) != end - start:
        return False
    last = before[-1:]
    return (
        not last.isalpha()
        or data[start : start + 1].isupper()
        or before[-2:].lower() in {b"db", b"er"}
    )


def _read(  # noqa: PLR0917 - where it stands, no less
    data: bytes, start: int, at: int, limit: int, before: bytes, name: bytes, *, strong: bool
) -> Iterator[NumberMatch]:
    if _TAG_OPEN.search(before):
        opened = _TAG.match(data, at, limit)
        if opened is not None:
            yield from value.element(data, opened.end(), limit)
            return
    template = _TEMPLATE.match(data, at, limit) or _USING.match(data, at, limit)
    if template is not None:
        yield from _each(data, template.end(), limit)
        return
    key = _KEY_BEFORE.search(before)
    opening = before[: key.start()][-1:] if key else b""
    if opening and opening in _QUOTES:
        yield from _behind_quoted(data, start, at, limit, opening, before, name, strong=strong)
        return
    if name == b"identified" or _SETTING.search(before):
        yield from value.behind_word(data, at, limit, b"by" if name == b"identified" else b"to")
    yield from _behind_plain(data, start, at, limit, before, name, strong=strong)


def _behind_quoted(  # noqa: PLR0917 - as above
    data: bytes,
    start: int,
    at: int,
    limit: int,
    opening: bytes,
    before: bytes,
    name: bytes,
    *,
    strong: bool,
) -> Iterator[NumberMatch]:
    """The name ends at its own quote: ``'app.secret', 'x'``, ``"password": {"value": "x"}``."""
    rest = _KEY_BEHIND.match(data, at, limit)
    at = rest.end() if rest else at
    closer = _CLOSER.match(data, at, limit)
    if closer is None:
        yield from _behind_plain(data, at, at, limit, before, name, strong=strong)
        return
    at = closer.end()
    if opening != b"'" and (rows := value.insert_list(data, start, at, limit)) is not None:
        yield from rows
        return
    part = _PART.match(data, at, limit)
    if part is not None and b"ame=" in before:
        yield NumberMatch(*part.span(1))
        return
    found = _VALUE_KEY.match(data, at, limit)
    if found is not None:
        yield from value.at(data, found.end(), limit, listed=False, strong=strong)
        return
    if b">" in data[at : at + 1]:
        yield from value.element(data, at + 1, limit)
        return
    brackets = _BRACKETS.match(data, at, limit)
    at = brackets.end() if brackets else at
    comma = _comma(data, at, limit)
    if comma is None:
        yield from _joined(data, at, limit, strong=strong)
    elif (
        brackets is None
        or not data[brackets.start() : at].strip()
        or b"}" in data[brackets.start() : at]
    ):
        yield from _listed(data, comma, limit, opening, before, strong=strong)


def _comma(data: bytes, at: int, limit: int) -> int | None:
    while at < limit and data[at : at + 1].isspace():
        at += 1
    return at + 1 if data[at : at + 1] == b"," else None


def _listed(
    data: bytes, at: int, limit: int, opening: bytes, before: bytes, *, strong: bool
) -> Iterator[NumberMatch]:
    """``'password', 'x'``. Between double quotes it may be a list of SQL's identifiers."""
    link = _LINK.match(data, at, limit)
    at = link.end() if link else at
    identifiers = opening in b'"`' and not _in_array(before)
    if identifiers and value.is_identifier(data, at, limit):
        return
    yield from value.at(data, at, limit, listed=True, strong=strong)


def _in_array(before: bytes) -> bool:
    """Whether an array's bracket is the last that was opened."""
    return before.rfind(b"[") > max(before.rfind(b"("), before.rfind(b"]"))


def _joined(data: bytes, at: int, limit: int, *, strong: bool) -> Iterator[NumberMatch]:
    """Behind what joins a name with its value; nothing where nothing does."""
    link = _LINK.match(data, at, limit)
    if link is None or not link.group().strip():
        return
    yield from value.at(
        data, link.end(), limit, listed=b"(" in link.group(), strong=strong, assigned=link.group()
    )


def _behind_plain(  # noqa: PLR0917 - one branch for each way of writing it
    data: bytes, start: int, at: int, limit: int, before: bytes, name: bytes, *, strong: bool
) -> Iterator[NumberMatch]:
    """The name stands in no quotes of its own."""
    closed = _CLOSED.match(data, at, limit)
    at = closed.end() if closed and data[at : closed.end()].strip() else at
    colon = _COLON.match(data, at, limit)
    if colon is not None and (
        _LINE_START.search(before) or value.is_block(data, colon.end(), limit)
    ):
        opener = _CLOSER.match(data, colon.end(), limit) or _CLOSER.match(
            data, colon.end() + 1, limit
        )
        if opener is None or not _AFTER_CLOSER.match(data, opener.end(), limit):
            yield from value.line(data, colon.end(), limit, strong=strong)
            return
    tag = _VALUE_TAG.match(data, at, limit)
    if tag is not None:
        yield from value.element(data, tag.end(), limit)
        return
    found = _VALUE_KEY.match(data, at, limit)
    if found is not None and b"\n" in found.group():
        yield from value.at(data, found.end(), limit, listed=False, strong=strong)
        return
    rows = value.insert_list(data, start, at, limit) if start < at else None
    if rows is not None:
        yield from rows
        return
    link = _LINK.match(data, at, limit)
    behind = link.end() if link else at
    joined = link.group() if link else b""
    closer = _CLOSER.match(data, behind, limit)
    if closer is not None and _AFTER_CLOSER.match(data, closer.end(), limit):
        # The name was the end of a longer text: 'password=' || 'x', concat('password ', 'x').
        after = _NEXT.match(data, closer.end(), limit)
        if after is None:
            yield from _joined(data, closer.end(), limit, strong=strong)
            return
        more = _LINK.match(data, after.end(), limit)
        yield from value.at(
            data, more.end() if more else after.end(), limit, listed=True, strong=strong
        )
        return
    yield from value.at(data, behind, limit, listed=b"(" in joined, strong=strong, assigned=joined)
    if behind > at and not joined.strip() and strong:
        told = bool(_FLAG.search(before) or _NETRC.search(before)) or name in {
            b"requirepass",
            b"masterauth",
        }
        yield from value.spaced(
            data, behind, limit, told=told, command=name == b"passwd", before=before
        )


def _each(data: bytes, at: int, limit: int) -> Iterator[NumberMatch]:
    """Every text in a list of arguments."""
    while (comma := _NEXT.match(data, at, limit)) is not None:
        found = list(value.at(data, comma.end(), limit, listed=False, strong=True))
        if not found:
            return
        yield from found
        at = min(found[-1].end + 1, limit)
