"""The detectors by name: how a candidate is found, and who judges it.

Law: a shape's cue matches wherever its pattern would, costs little, and says nothing more; no
pattern can match across a border between values. All are RE2: linear on any input.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from custody.masking import credentials, numbers, services
from custody.masking.numbers import IBAN_LENGTHS, Found

Judge = Callable[[bytes, int, int], Iterator[Found]]


class Shape(NamedTuple):
    """One way in which a detector's value is written. The span judged is the pattern's first
    group that matched, or the whole match where the pattern has none.
    """

    detector: str
    cue: bytes
    pattern: bytes
    judge: Judge = credentials.whole
    apart: bool = False
    """Whether a letter or digit directly before or after spoils it."""


def _any(patterns: tuple[bytes, ...]) -> bytes:
    return rb"(?:" + rb"|".join(patterns) + rb")"


_E_MAIL: Final = (
    rb"(?:\"[^\"\t\n\r\x1f]{1,64}\"|[A-Za-z0-9\x1c_.%+!#$*~^-]+)(?:@|%40)"
    rb"(?:[A-Za-z0-9\x1c_-]+\.)+(?:[A-Za-z\x1c]{2,}|xn--[A-Za-z0-9-]+)"
)
_PHONE: Final = _any(
    (
        rb"\+ ?\(?[1-9][0-9]{0,3}\)?(?:[ .()/-]{0,3}[0-9]){6,14}",
        rb"\b00[1-9][0-9]{0,2}[ ./-]\(?[0-9](?:[ .()/-]{0,2}[0-9]){5,12}",
        rb"\b(?:1[ .-]?)?[2-9][0-9]{2}[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}",
        rb"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-]?[0-9]{4}",
        rb"\(0?[0-9]{1,4}\) ?[0-9]{3,5}[ -]?[0-9]{3,5}",
        rb"\b0[1-9](?:[ .-][0-9]{2}){4}",
        rb"\b0[0-9]{2,4}[ /-][0-9]{3,4}[ -]?[0-9]{3,5}",
        rb"\b0[0-9][ -][0-9]{4}[ -][0-9]{4}",
    )
)
_NAMED_PHONE: Final = (
    rb"(?i:phone|tel|mobile|cell|fax|whatsapp)[A-Za-z_ ]{0,10}[^0-9A-Za-z\x1f]{1,6}(\+?[0-9]{7,15})"
)
_SSN: Final = rb"[0-9]{3} ?[-./ ] ?[0-9]{2} ?[-./ ] ?[0-9]{4}"
_NAMED_SSN: Final = rb"(?i:ssn|social[ _-]?sec[a-z]*)[^0-9\x1f]{0,24}([0-9]{9})"
_COUNTRIES: Final = rb"(?:" + rb"|".join(sorted(IBAN_LENGTHS)) + rb")"
_IBAN_TAIL: Final = rb"[ -]?[0-9][ -]?[0-9](?:[ .-]{0,2}[A-Za-z0-9])"


def _iban(count: bytes) -> bytes:
    """At a word's start, or in capitals behind small letters; not inside hexadecimal digits."""
    capitals = rb"(?:^|[^A-Z0-9])(" + _COUNTRIES + _IBAN_TAIL + count + rb")"
    any_case = rb"(?:^|[^A-Za-z0-9])((?i:" + _COUNTRIES + rb")" + _IBAN_TAIL + count + rb")"
    return capitals + rb"|" + any_case


_IP6: Final = rb"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*"
_IP4: Final = rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_JWT: Final = rb"e(?:yJ|wo)[A-Za-z0-9_=-]{6,}\.[A-Za-z0-9_=-]{6,}(?:\.[A-Za-z0-9_=-]*){0,3}"
_WORD: Final = rb"(?:^|[^A-Za-z0-9])"
_NAME_CUE: Final = credentials.NAME + rb"[A-Za-z0-9_]{0,20}[^A-Za-z0-9_,;.]"

SHAPES: Final = (
    Shape(
        "card",
        rb"[0-9](?:[ ._-]{0,3}[0-9]){11}",
        rb"[0-9](?:[ ._-]{0,3}[0-9]){11,}",
        numbers.cards,
    ),
    Shape("email", rb"[A-Za-z0-9\x1c_.%+!#$*~^\"-](?:@|%40)[A-Za-z0-9\x1c_-]", _E_MAIL),
    Shape("phone", _PHONE, _PHONE, numbers.phones, apart=True),
    Shape("phone", _NAMED_PHONE, _NAMED_PHONE, numbers.phones),
    Shape("iban", _iban(rb"{11}"), _iban(rb"{11,30}"), numbers.ibans),
    Shape("ssn", _SSN, _SSN, numbers.social_security, apart=True),
    Shape("ssn", _NAMED_SSN, _NAMED_SSN, numbers.social_security, apart=True),
    Shape("ip", _IP4, _IP4, numbers.addresses, apart=True),
    Shape(
        "ip",
        rb"(?:[0-9A-Fa-f]{1,4}:){5}|[0-9A-Fa-f]::|::[0-9A-Fa-f]",
        _IP6,
        numbers.addresses,
        apart=True,
    ),
    Shape("jwt", rb"e(?:yJ|wo)[A-Za-z0-9_=-]{6,}\.", _JWT),
    Shape(
        "private-key",
        rb"PRIVATE KEY|Private-Lines|PuTTY-User",
        credentials.PRIVATE_KEY,
        credentials.private_key,
    ),
    Shape(
        "private-key",
        rb"MII[A-Za-z0-9+/]{3,4}IBA|MHcCAQEE|MC4CAQAw|b3BlbnNzaC1rZX",
        credentials.KEY_BODY,
    ),
    Shape("cloud-key", _any(services.CLOUD_KEYS), _any(services.CLOUD_KEYS)),
    Shape("cloud-key", rb"[A-Za-z0-9/+]{40}", rb"[A-Za-z0-9/+]{40,}", credentials.long_secret),
    Shape("cloud-key", _any(services.NAMED_CLOUD_KEYS), _any(services.NAMED_CLOUD_KEYS)),
    Shape("token", _any(services.TOKENS), _any(services.TOKENS)),
    Shape("token", _any(services.WORD_TOKENS), _WORD + rb"(" + _any(services.WORD_TOKENS) + rb")"),
    Shape("token", rb"(?i:basic|bearer|digest|token)\s+[A-Za-z0-9._~+/=-]{16}", credentials.HEADER),
    Shape("password", _NAME_CUE, credentials.QUOTED, credentials.quoted),
    Shape("password", _NAME_CUE, credentials.BARE, credentials.bare),
    Shape(
        "password",
        rb"SCRAM-SHA-|md5[0-9a-f]{32}|\$[a-z0-9-]{1,16}\$[./A-Za-z0-9$=,-]{16}"
        rb"|(?:pbkdf2_sha|bcrypt_sha|argon2|scrypt)[0-9]*\$",
        credentials.HASHES,
    ),
    Shape(
        "connection-string",
        rb"/[^\s\x1f]*:[^\s\x1f]*(?:@|%40)",
        credentials.URL,
        credentials.userinfo,
    ),
    Shape(
        "connection-string",
        rb"(?i:jdbc:oracle)|@(?:tcp|unix|udp)\(|:(?:[0-9]{2,5}|\*):[A-Za-z0-9_*-]+:[A-Za-z0-9_*-]+:",
        credentials.PAIRS,
    ),
)

SECRETS: Final = (
    "jwt",
    "cloud-key",
    "private-key",
    "token",
    "password",
    "connection-string",
)
"""Always looked for; what ``secret`` stands for in a rule."""
PERSONAL: Final = ("card", "email", "phone", "iban", "ssn", "ip")
"""Looked for where a rule asks."""
NAMES: Final = frozenset(SECRETS) | frozenset(PERSONAL)
