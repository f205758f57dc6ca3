"""Passwords, hashes of passwords, connection strings and private keys inside any text.

Law: a judge here reads from where its pattern stopped to the end of the value it belongs to, and
never past a border between values. What is not terminated goes to the end.
"""

import re
from collections.abc import Iterator
from typing import Final

from custody.masking.numbers import NumberMatch

_GAP: Final = rb"(?:[\s]|/\*(?:[^*\x1f]|\*+[^*/\x1f])*\*+/|--[^\n\x1f]*\n)*"
"""White space and comments, as SQL has them."""
NAME: Final = (
    rb"(?i:pass(?:word|wd|phrase|code)|pwd|identified"
    rb"|secret|api[_ -]?key"
    rb"|(?:access|secret|account|private|auth|encryption|signing|master)[_ -]?key"
    rb"|(?:access|auth|refresh|session|id|bearer|api|security|csrf)[_ -]?token)"
)
_SUFFIX: Final = rb"[A-Za-z0-9_]{0,20}[\"'`\]\\]{0,3}(?:\s*::\s*[A-Za-z]+)?"
_LINK: Final = rb"(?:[=:(<>!~|]{1,3}|(?i:to|by|as|is|in|like|ilike|with\s+[^\s\x1f]+\s+(?:by|as)))"
_OPENER: Final = rb"((?i:e|n|b|x|u&|_[a-z0-9]+ ?)?\\*'|\\*\"|\$[A-Za-z0-9_]*\$)"

QUOTED: Final = (
    NAME + _SUFFIX + _GAP + rb"(?:" + _LINK + _GAP + rb"\(?" + _GAP + rb"){0,3}" + _OPENER
)
"""``password 'x'``, ``password = "x"``, ``"password": "x"``, ``IDENTIFIED BY $$x$$``."""
BARE: Final = NAME + _SUFFIX + rb"\s*(?:=>|:=|==|=|:)\s*([^\s:=>'\"`;&,(\x1f][^\s;&'\"\x1f]*)"
"""``password=x`` in connection strings, environment files and addresses."""
URL: Final = rb"[A-Za-z][A-Za-z0-9+.-]*:(?:\\?/){2}[^\s:/?#@'\"\\\x1f]*:([^\s'\"<>\x1f]*)(?:@|%40)"
PAIRS: Final = (
    rb"(?i:jdbc:oracle:[a-z0-9]+:)[^/\s\x1f]*/([^@\s\x1f]+)@"
    rb"|[A-Za-z0-9_.-]+:([^\s@:/\x1f]+)@(?:tcp|unix|udp)\("
    rb"|[A-Za-z*][A-Za-z0-9_.*-]*:(?:[0-9]{2,5}|\*):[A-Za-z0-9_*-]+:[A-Za-z0-9_*-]+:([^\s:\x1f]+)"
)
"""Oracle's, Go's and ``.pgpass``'s ways to write user and password."""
HEADER: Final = rb"(?i:basic|bearer|digest|token)\s+([A-Za-z0-9._~+/=-]{16,})"
HASHES: Final = (
    rb"SCRAM-SHA-[0-9]+\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+(?::[A-Za-z0-9+/=]*)?"
    rb"|md5[0-9a-f]{32}"
    rb"|\$(?:2[abxy]?|1|5|6|y|7)\$[./A-Za-z0-9$=,-]{20,}"
    rb"|\$(?:argon2[a-z]*|scrypt|pbkdf2[a-z0-9-]*)\$[^\s'\"\x1f]{16,}"
    rb"|(?:pbkdf2_sha[0-9]+|bcrypt_sha256|argon2|scrypt)\$[^\s'\"\x1f]{16,}"
)
PRIVATE_KEY: Final = (
    rb"-{3,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-{0,5}"
    rb"|PuTTY-User-Key-File-[0-9]:|Private-Lines: [0-9]+"
)
KEY_BODY: Final = (
    rb"(?:MII[A-Za-z0-9+/]{3,4}IB(?:ADANBgkqhkiG9w0BAQEFAA|AAKC)|MHcCAQEE|MC4CAQAwBQYDK2Vw"
    rb"|b3BlbnNzaC1rZXktdjE)[A-Za-z0-9+/=\s\\]*"
)
"""The beginnings of PKCS #1, PKCS #8, SEC 1 and OpenSSH keys in base64, without their frame."""

_BORDER: Final = b"\x1f"
_OWN: Final = b"\x1a"
_KEY_END: Final = re.compile(rb"-{3,5} ?END [^\x1f\n-]{0,60}-{0,5}|Private-MAC: [0-9a-f]+")
_IN_SINGLE: Final = re.compile(rb"(?:[^'\\\x1f]|''|\\[^\x1f])*+")
_IN_DOUBLE: Final = re.compile(rb"(?:[^\"\\\x1f]|\"\"|\\[^\x1f])*+")
_PLACEHOLDER: Final = re.compile(
    rb"(?i)\$[0-9]+|\?|%(?:\([a-z_]+\))?s?|:[a-z_0-9]+|@[a-z_0-9]+|\{[^}]*\}|<[^>]*>|\*+"
    rb"|null|default|none|true|false|on|off|text|varchar|excluded\..*"
    rb"|[a-z_][a-z_0-9]*\.[a-z_0-9]*(?:pass|pwd|secret|token|key)[a-z_0-9]*"
    rb"|[a-z_][a-z_0-9.]*\(.*",
    re.DOTALL,
)
_TRAILING: Final = b",)]}"
_STRONG_NAME: Final = re.compile(rb"(?i)pass|pwd")
_SHORTEST_WEAK: Final = 8
_PORT: Final = re.compile(rb"[0-9]{1,5}/")


def border(data: bytes, start: int) -> int:
    """Where the value that holds ``start`` ends."""
    at = data.find(_BORDER, start)
    return len(data) if at < 0 else at


def quoted(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """From an opening quote (the span) to its end, doubled and escaped quotes included."""
    opener = data[start:end]
    if opener.startswith(b"$"):
        close = data.find(opener, end, border(data, end))
        close = border(data, end) if close < 0 else close
    else:
        inside = (_IN_DOUBLE if opener.endswith(b'"') else _IN_SINGLE).match(data, end)
        close = inside.end() if inside else end
        if opener.startswith(b"\\") and data[end:close].endswith(b"\\"):
            close -= 1
    if close > end and not _PLACEHOLDER.fullmatch(data, end, close):
        yield NumberMatch(end, close)


def bare(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """A value without quotes; a placeholder, a column or a function call is none."""
    value = data[start:end].rstrip(_TRAILING)
    if not value or _PLACEHOLDER.fullmatch(data[start:end]) or _PLACEHOLDER.fullmatch(value):
        return
    name = data[max(0, start - 48) : start]
    if len(value) < _SHORTEST_WEAK and not _STRONG_NAME.search(name):
        return
    yield NumberMatch(start, start + len(value))


def userinfo(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """The password of an address; a port is none."""
    if end > start and not _PORT.match(data, start, end):
        yield NumberMatch(start, end)


def private_key(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """From the first line of a private key to its last, or to the end of the value."""
    limit = border(data, end)
    closing = _KEY_END.search(data, end, limit)
    yield NumberMatch(start, closing.end() if closing else limit)


def opens_private_key(text: str) -> bool:
    """Whether a private key begins in ``text`` and does not end in it."""
    data = text.encode("ascii", "replace")
    begin = data.rfind(b"PRIVATE KEY")
    return (
        begin >= 0
        and b"BEGIN" in data[max(0, begin - 60) : begin]
        and not _KEY_END.search(data, begin)
    )


def closes_private_key(text: str) -> bool:
    return _KEY_END.search(text.encode("ascii", "replace")) is not None


def long_secret(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """Forty characters of base64 as AWS makes its secret keys: mixed, and no hexadecimal digest."""
    value = data[start:end]
    if len(value) != 40:
        return
    upper = sum(65 <= char <= 90 for char in value)
    lower = sum(97 <= char <= 122 for char in value)
    others = sum(char < 65 for char in value)
    if upper >= 5 and lower >= 5 and others >= 2 and len(set(value)) >= 18:
        yield NumberMatch(start, end)


def whole(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """The pattern alone decides."""
    if data[start:end].strip(_OWN):
        yield NumberMatch(start, end)
