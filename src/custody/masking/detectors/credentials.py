"""Hashes of passwords, connection strings and private keys inside any text.

Law: a judge here reads from where its pattern stopped to the end of the value it belongs to, and
never past a border between values. What is not terminated goes to the end.
"""

import re
from collections.abc import Iterator
from typing import Final

from custody.masking.detectors.numbers import NumberMatch
from custody.masking.detectors.secret_values import border

URL: Final = rb"[A-Za-z][A-Za-z0-9+.-]*:(?:\\?/){2}[^\s:/?#@'\"\\\x1f]*:([^\s'\"<>\x1f]*)(?:@|%40)"
PAIRS: Final = (
    rb"(?i:jdbc:oracle:[a-z0-9]+:)[^/\s\x1f]*/([^@\s\x1f]+)@"
    rb"|\b[A-Za-z][A-Za-z0-9_$#]*/([^\s@'\"/\x1f]+)@//"
    rb"|[A-Za-z0-9_.-]+:([^\s@:/\x1f]+)@(?:tcp|unix|udp)\("
)
"""Oracle's and Go's ways to write user and password."""
_PGPASS_FIELD: Final = rb"(?:[^:\s\\'\"\x1f]|\\[:\\])+"
PGPASS: Final = (
    rb"(?:[A-Za-z0-9_.*/-]|\\[:\\]|\[[0-9A-Fa-f:]+\])+:(?:[0-9]{2,5}|\*):"
    + _PGPASS_FIELD
    + rb":"
    + _PGPASS_FIELD
    + rb":((?:[^\s\\'\"\x1f]|\\[^\x1f])+)"
)
"""``host:port:database:user:password``, the form of ``.pgpass``."""
QUOTED_BACK: Final = (
    rb"missing \"=\" after \"([^\x1f]+?)\" in connection"
    rb"|could not translate host name \"([^\"\x1f]*)@"
)
"""What libpq repeats of a connection string that it could not read."""
HEADER: Final = rb"(?i:basic|bearer|digest|token)\s+([A-Za-z0-9._~+/=-]{16,})"
HASHES: Final = (
    rb"SCRAM-SHA-[0-9]+\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+(?::[A-Za-z0-9+/=]*)?"
    rb"|md5[0-9a-f]{32}"
    rb"|\$(?:2[abxy]?|1|5|6|y|7|gy|apr1|md5|sha1)\$[./A-Za-z0-9$=,-]{20,}"
    rb"|\$(?:argon2[a-z]*|scrypt|pbkdf2[a-z0-9-]*)\$[^\s'\"\x1f]{16,}"
    rb"|(?:pbkdf2_sha[0-9]+|bcrypt_sha256|argon2|scrypt)\$[^\s'\"\x1f]{16,}"
)
PRIVATE_KEY: Final = (
    rb"-{3,5} ?(?i:BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10})-{0,5}"
    rb"|PuTTY-User-Key-File-[0-9]:|Private-Lines: [0-9]+"
)
KEY_BODY: Final = (
    rb"(?:MII[A-Za-z0-9+/]{3,4}IB(?:ADANBgkqhkiG9w0BAQEFAA|AAKC)|MHcCAQEE|MC4CAQAwBQYDK2Vw"
    rb"|b3BlbnNzaC1rZXktdjE)[A-Za-z0-9+/=\s\\]*"
)
"""The beginnings of PKCS #1, PKCS #8, SEC 1 and OpenSSH keys in base64, without their frame."""

_OWN: Final = b"\x1a"
_KEY_END: Final = re.compile(rb"-{3,5} ?(?i:END) [^\x1f\n-]{0,60}-{0,5}|Private-MAC: [0-9a-f]+")
_PGPASS_BEFORE: Final = re.compile(
    rb"((?:[^:\s\\\x1f]|\\.|\[[0-9A-Fa-f:]+\])+):[^:\s]+:((?:[^:\s\\]|\\.)+):((?:[^:\s\\]|\\.)+):\Z"
)
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]{0,4}")
_REST_OF_LINE: Final = re.compile(rb"[^\n\r'\"\x1f]*")
_PORT: Final = re.compile(rb"[0-9]{1,5}/")


def userinfo(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """The password of an address; a port is none."""
    if end > start and not _PORT.match(data, start, end):
        yield NumberMatch(start, end)


def pgpass(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """The last field, to the end of its line; a time and an address have no names in between."""
    before = _PGPASS_BEFORE.search(data, max(0, start - 300), start)
    if before is None:
        return
    fields = (*before.group(1, 2, 3), data[start:end])
    if all(_HEXADECIMAL.fullmatch(field) for field in fields) or not all(
        any(chr(char).isalpha() or char == 42 for char in field) for field in fields[1:3]
    ):
        return
    begin = before.start()
    if begin == 0 or data[begin - 1 : begin] in b"\n\x1f":
        rest = _REST_OF_LINE.match(data, end)
        end = rest.end() if rest else end
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
