"""A credential's value: where it begins and ends in the notation that it is written in.

Law: what is not terminated goes to the end of its text. A placeholder, a column and a call of a
function are no values. Each reader looks at every byte at most once.
"""

import re
from collections.abc import Iterator
from typing import Final

from custody.masking.detectors.numbers import NumberMatch

BORDER: Final = b"\x1f"
_OPENER: Final = re.compile(
    rb"(?i:e|n|b|x|u&|_[a-z0-9]+ ?)?(?P<mark>\\{0,16}+(?:'|\"|`)|\$[A-Za-z0-9_]*\$)"
)
_IN_SINGLE: Final = re.compile(rb"(?:[^'\\\x1f]|''|\\[^\x1f])*+")
_IN_DOUBLE: Final = re.compile(rb"(?:[^\"\\\x1f]|\"\"|\\[^\x1f])*+")
_IN_BACK: Final = re.compile(rb"[^`\x1f]*+")
_BARE: Final = re.compile(
    rb"[^\s:=>'\"`;&,()<\x1f\[{](?:[^\s;&'\"`\x1f]"
    rb"|[;&](?![A-Za-z_][A-Za-z0-9_.-]*(?: [A-Z][a-z]+)?=|\s|\Z|\x1f))*+"
    rb"|[&,;<(](?=[^\s;&'\"`,()\x1f]{6})[^\s'\"`\x1f]++"
)
_ASSIGNMENT: Final = re.compile(rb"(?:=>|:=|==|=|:)\s*((?:[A-Za-z_][A-Za-z0-9_.]*\()?)\Z")
_WORDS: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*+")
_IDENTIFIER: Final = re.compile(rb"[\"`][A-Za-z_]++(?:[0-9]{1,2})?(?:_[A-Za-z0-9]++)*[\"`]")
_PLACEHOLDER: Final = re.compile(
    rb"(?i)\$[0-9]{1,9}|\$\(?\{?\{?[a-z_][a-z_0-9.: -]{0,64}\}{0,2}\)?|\?|%(?:\([a-z_]{1,64}\))?s?"
    rb"|[:@][a-z_0-9]{1,64}|\{[a-z_]{0,64}(?:pass|pwd|secret|token|key)[a-z_0-9.]{0,64}\}"
    rb"|\{[0-9]{0,4}\}|\{\{[^{}]{0,64}\}\}|<[^<>]{0,64}>|\*{1,64}|null|default|none|true|false|on|off"
    rb"|text|varchar|excluded\.[a-z_0-9\"]{0,64}"
    rb"|[a-z_][a-z_0-9]{0,64}\.[a-z_0-9]{0,64}(?:pass|pwd|secret|token|key)[a-z_0-9]{0,64}",
    re.DOTALL,
)
_CALL: Final = re.compile(
    rb"[A-Za-z_][A-Za-z0-9_.]{0,64}\((?:[^()]{0,200}\)[,;)\]}]{0,16}|(?:.{0,200}[,(])?)", re.DOTALL
)
_TRAILING: Final = b",)]}"
_SHORTEST_WEAK: Final = 16
_HEAD: Final = 64
"""As much of a value tells whether a weak name means it."""
_SPACED: Final = re.compile(rb"[^\s'\"`;,()<>|=\x1f][^\s'\"`;|\x1f]*+")
_LETTER: Final = re.compile(rb"[A-Za-z]")
_DIGIT_OR_SIGN: Final = re.compile(rb"[0-9!#$%&*+@^~?-]")
_ORDINARY: Final = re.compile(
    rb"(?i)(?:md5|sha-?[0-9]+|scram-sha-256|bcrypt|argon2[id]*|base64|utf-?8|v?[0-9.]+|int[0-9]"
    rb"|asc|desc|nulls|limit|text|from|where|and|or|is|as|not|null|then|else|end|on|using|in|like|"
    rb"varchar|bytea|set|to|for|of|has|was|must|may|with|by|at|the|a|user|auth|reset|change|hash"
    rb"|encryption|authentication|policy|field|column|file|manager|link|prompt|required|expired"
    rb"|incorrect|invalid|wrong|missing|stdin|root|[a-z]+[_-][a-z_-]+|-.*)"
)
_BLOCK: Final = re.compile(
    rb"[ \t]*[|>][+-]?[0-9]?[ \t]*\r?\n((?:[ \t]+[^\n\x1f]*(?:\n|\Z|(?=\x1f))|[ \t]*\n)+)"
)
_NEXT_LINE: Final = re.compile(
    rb"[ \t]*\r?\n[ \t]+(?![A-Za-z0-9_.-]+[ \t]*:|- )([^\s\x1f][^\n\x1f]*)"
)
_LINE: Final = re.compile(rb"[ \t]*(?:![A-Za-z!]*[ \t]+)?([^\s\x1f][^\n\x1f]*)")
_VALUES: Final = re.compile(
    rb"[^()';\x1f]{0,1000}+\)\s*(?i:overriding\s+\w+\s+value\s*)?(?i:values?)\s*(?=\()"
)
_COLUMNS: Final = re.compile(rb"\(([^()';\x1f]{0,1000})\Z")
_ITEM: Final = re.compile(
    rb"\s*(?:(?:[A-Za-z&_]{0,8}'(?:[^'\\\x1f]|''|\\[^\x1f])*+'?|\$([A-Za-z0-9_]*)\$(?s:.*?)\$\1\$"
    rb"|\((?:[^()'\x1f]|'(?:[^'\x1f]|'')*+')*+\)|[^,()'\x1f])*+)"
)


def border(data: bytes, start: int) -> int:
    """Where the value that holds ``start`` ends."""
    at = data.find(BORDER, start)
    return len(data) if at < 0 else at


def near_border(data: bytes, start: int) -> int:
    """As ``border``, if that is near; else a place behind which only a reader that has found a
    value looks for it.
    """
    near = data.find(BORDER, start, start + _NEAR)
    return near if near >= 0 else len(data)


_NEAR: Final = 4096


def at(
    data: bytes, start: int, limit: int, *, listed: bool, strong: bool, assigned: bytes = b"="
) -> Iterator[NumberMatch]:
    """The value at ``start``. ``assigned``: what joins it with its name; a value without quotes
    is one only behind ``=`` or ``:``. ``listed``: more of them may follow, each behind a comma.
    """
    opener = _OPENER.match(data, start, limit)
    if opener is None:
        if data[start : start + 1] in b"[{" and data[start : start + 1]:
            yield from nested(data, start, limit)
        elif (joined := _ASSIGNMENT.search(assigned)) is not None:
            # What looks like the beginning of a call may be a value with a bracket in it.
            yield from bare(data, start - len(joined.group(1)), limit, strong=strong)
        return
    while opener is not None:
        inside, close, after = quoted(data, opener.start("mark"), opener.end(), limit)
        if close > inside and not _PLACEHOLDER.fullmatch(data, inside, close):
            yield NumberMatch(inside, close)
        following = (_FOLLOWING if listed else _CONCATENATED).match(data, after, limit)
        opener = _OPENER.match(data, following.end(), limit) if following else None


_CONCATENATED: Final = re.compile(rb"\s*+\|\|\s*+")
_FOLLOWING: Final = re.compile(rb"(?:\s|::\s*[A-Za-z_]+|\|\|)*+[,\s]\s*|\s*\|\|\s*")


def quoted(data: bytes, start: int, end: int, limit: int) -> tuple[int, int, int]:
    """From an opening quote, ``[start, end)``: where its value begins and ends, and what follows.

    Doubled quotes open a value that doubled quotes close, as SQL inside SQL has them.
    """
    opener = data[start:end]
    limit = min(limit, border(data, end))
    if opener.startswith(b"$"):
        close = data.find(opener, end, limit)
        return (end, limit, limit) if close < 0 else (end, close, close + len(opener))
    sign = opener[-1:]
    count = 1
    while data[end : end + 1] == sign:
        count += 1
        end += 1
    if count % 2 == 0 and count > 1:
        # An empty text, or the quotes of a text inside a text.
        if not opener.startswith(b"\\") and _opens(data, end, limit):
            close = data.find(sign * count, end, limit)
            return (end, limit, limit) if close < 0 else (end, close, close + count)
        return end, end, end
    if opener.startswith(b"\\"):
        close = data.find(opener, end, limit)
        while close > 0 and data[close - 1 : close] == b"\\":
            close = data.find(opener, close + len(opener), limit)
        return (end, limit, limit) if close < 0 else (end, close, close + len(opener))
    pattern = {b"'": _IN_SINGLE, b'"': _IN_DOUBLE, b"`": _IN_BACK}[sign]
    inside = pattern.match(data, end, limit)
    close = inside.end() if inside else end
    return end - count + 1 if count > 1 else end, close, min(close + 1, limit)


def _opens(data: bytes, at: int, limit: int) -> bool:
    return at < limit and data[at : at + 1] not in b" \t\r\n,;)]}|:.="


def nested(data: bytes, start: int, limit: int) -> Iterator[NumberMatch]:
    """All that stands between a bracket and the one that closes it."""
    if _PLACEHOLDER.match(data, start, limit) and not data[start + 1 : start + 3].strip(
        b"\" '\\[{"
    ):
        pass
    elif (place := _PLACEHOLDER.match(data, start, limit)) and data[
        place.end() : place.end() + 1
    ] in b"\"' ,;)":
        return
    depth, at = 0, start
    while at < limit:
        token = _TOKEN.match(data, at, limit)
        if token is None:
            break
        sign = token.group()[:1]
        at = token.end()
        if sign in b"[{" and sign:
            depth += 1
        elif sign in b"]}" and sign:
            depth -= 1
            if depth == 0:
                at -= 1
                break
    if data[start + 1 : at].strip():
        yield NumberMatch(start + 1, at)


_TOKEN: Final = re.compile(
    rb"[\[{\]}]|\\*+\"(?:[^\"\\\x1f]|\\[^\"\x1f]|\\\"(?=[^,:}\]\x1f]))*+\\*\"?|'(?:[^'\x1f]|'')*+'?"
    rb"|[^\[{\]}\"'\\\x1f]++|\\"
)


def bare(data: bytes, start: int, limit: int, *, strong: bool) -> Iterator[NumberMatch]:
    """A value without quotes."""
    if not strong:
        head = _BARE.match(data, start, min(limit, start + _HEAD))
        if head is None or not _is_long(head.group()):
            return
    found = _BARE.match(data, start, limit)
    if found is None:
        return
    whole = found.group()
    text = whole.rstrip(_TRAILING)
    if not text or _PLACEHOLDER.fullmatch(whole) or _PLACEHOLDER.fullmatch(text):
        return
    if _is_call(found):
        return
    yield NumberMatch(start, start + len(text))


def _is_call(found: "re.Match[bytes]") -> bool:
    """A call of a function: to its bracket, or with its arguments where it has no quotes."""
    call = _CALL.fullmatch(found.group())
    if call is None:
        return False
    return found.group().endswith((b"(", b",")) or b")" in found.group()


def _is_long(text: bytes) -> bool:
    """What a weak name is taken at its word for."""
    return (
        len(text) >= _SHORTEST_WEAK
        and _LETTER.search(text) is not None
        and any(48 <= char <= 57 for char in text)
    )


def behind_word(data: bytes, start: int, limit: int, word: bytes) -> Iterator[NumberMatch]:
    """``identified by x``, ``set app.password to x``: one word behind another."""
    found = re.compile(
        rb"[A-Za-z0-9_.]*\s+(?:(?i:values)\s+)?(?i:"
        + word
        + rb")\s+(?:(?i:values)\s+)?([^\s'\"$;\x1f][^\s;'\"\x1f]*)"
    ).match(data, start, limit)
    if found is not None and not _PLACEHOLDER.fullmatch(found.group(1)):
        yield NumberMatch(*found.span(1))


def spaced(
    data: bytes, start: int, limit: int, *, told: bool, command: bool, before: bytes
) -> Iterator[NumberMatch]:
    """A word behind a name and a blank. ``told``: an option's or a keyword's, certainly a value."""
    found = _SPACED.match(data, start, limit)
    if found is None:
        return
    text = found.group().rstrip(_TRAILING)
    if not text or _PLACEHOLDER.fullmatch(text):
        return
    if told:
        if not text.startswith(b"-"):
            yield NumberMatch(start, start + len(text))
        return
    if _ORDINARY.fullmatch(text) or b"(" in text or b"." in text[:-1]:
        return
    mixed = _LETTER.search(text) is not None and _DIGIT_OR_SIGN.search(text) is not None
    last = found.end() == limit or data[found.end() : found.end() + 1] in b"\n'\";\r"
    environment = before[-4:].upper().endswith(b"ENV ") or b"ENV " in before[-80:]
    if (len(text) >= 6 and mixed) or ((command or environment) and last and len(text) > 3):
        yield NumberMatch(start, start + len(text))


def is_block(data: bytes, start: int, limit: int) -> bool:
    """Whether YAML's block or tag follows, which no sentence has."""
    return _BLOCK_OR_TAG.match(data, start, limit) is not None


_BLOCK_OR_TAG: Final = re.compile(rb"[ \t]*(?:[|>][+-]?[0-9]?[ \t]*\r?\n|![A-Za-z!]+[ \t])")


def line(data: bytes, start: int, limit: int, *, strong: bool) -> Iterator[NumberMatch]:
    """YAML's and mail's way: to the end of the line, or the lines that are indented below."""
    block = _BLOCK.match(data, start, limit)
    if block is not None:
        yield NumberMatch(*block.span(1))
        return
    found = _NEXT_LINE.match(data, start, limit) or _LINE.match(data, start, limit)
    if found is None:
        return
    begin, end = found.span(1)
    if data[begin : begin + 1] in b"[{" or _OPENER.match(data, begin, limit):
        yield from at(data, begin, limit, listed=False, strong=strong)
        return
    text = data[begin:end].rstrip()
    first = text.split(None, 1)[0].rstrip(_TRAILING)
    if (
        _PLACEHOLDER.fullmatch(text)
        or _PLACEHOLDER.fullmatch(first)
        or (not strong and not _is_long(first))
    ):
        return
    stop = min(
        (place for sign in (b"'", b'"', b";", b" #", b"\\n") if (place := text.find(sign)) > 0),
        default=len(text),
    )
    kept = text[:stop].rstrip().rstrip(_TRAILING) or text[:stop]
    yield NumberMatch(begin, begin + len(kept))


_ELEMENT: Final = 16_384


def element(data: bytes, start: int, limit: int) -> Iterator[NumberMatch]:
    """The content of an XML element, up to the tag that closes it."""
    stop = -1
    limit = min(border(data, start), start + _ELEMENT)
    for closing in (b"</", b"&lt;/"):
        place = data.find(closing, start, limit)
        if place >= 0 and (stop < 0 or place < stop):
            stop = place
    if stop > start and data[start:stop].strip():
        yield NumberMatch(start, stop)


def is_identifier(data: bytes, start: int, limit: int) -> bool:
    return _IDENTIFIER.match(data, start, limit) is not None


def insert_list(data: bytes, start: int, at: int, limit: int) -> Iterator[NumberMatch] | None:
    """``(login, password) VALUES ('joe', 'x')``: the values at the name's place in its list."""
    rows = _VALUES.match(data, at, limit)
    if rows is None:
        return None
    listed = _COLUMNS.search(data[max(0, start - 1000) : start])
    if listed is None:
        return None
    return _at_place(data, rows.end(), limit, listed.group(1).count(b","))


def _at_place(data: bytes, at: int, limit: int, place: int) -> Iterator[NumberMatch]:
    while data[at : at + 1] == b"(":
        at += 1
        number = 0
        while at < limit:
            item = _ITEM.match(data, at, limit)
            if item is None:
                return
            if number == place:
                yield from _literals(data, *item.span())
            at = item.end()
            sign = data[at : at + 1]
            at += 1
            number += 1
            if sign != b",":
                break
        following = _FOLLOWING.match(data, at, limit)
        if following is None:
            return
        at = following.end()


def _literals(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    while (opener := _ANY_OPENER.search(data, start, end)) is not None:
        inside, close, start = quoted(data, opener.start(), opener.end(), end)
        if close > inside and not _PLACEHOLDER.fullmatch(data, inside, close):
            yield NumberMatch(inside, close)


_ANY_OPENER: Final = re.compile(rb"'|\$[A-Za-z_]*\$")
