"""The detectors by name: how a candidate is found, and who judges it.

Law: a shape's cue matches wherever its pattern would, costs little, and says nothing more; no
pattern can match across a border between values. All are RE2: linear on any input.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from custody.masking.detectors import (
    credentials,
    named_secrets,
    numbers,
    service_keys,
    shell_secrets,
)
from custody.masking.detectors.numbers import IBAN_LENGTHS, NumberMatch

Judge = Callable[[bytes, int, int], Iterator[NumberMatch]]


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
    exact: re.Pattern[bytes] | None = None
    """What a candidate must hold, where the pattern is looser than that."""
    costly: bool = False
    """Its judge takes long: only so many candidates are named one by one."""
    lane: str = ""
    """Cues of one lane share an automaton on long texts; measured so that none of them explodes."""


_COUNTED: Final = re.compile(rb"\{([0-9]+),?[0-9]*\}")
_COUNTED_TO: Final = 4


def _any(patterns: tuple[bytes, ...]) -> bytes:
    return rb"(?:" + rb"|".join(patterns) + rb")"


def _loose(pattern: bytes) -> bytes:
    """Matches wherever ``pattern`` does, with long counts made short and open.

    Several long counts side by side would make the automaton grow with their product on text
    that keeps them all busy, base64 for example: then RE2 is linear but slow.
    """
    return _COUNTED.sub(
        lambda count: b"{4,}" if int(count.group(1)) > _COUNTED_TO else count.group(), pattern
    )


def _service(detector: str, pattern: bytes, before: bytes = b"", *, lane: str) -> Shape:
    """A service's keys: found by the loose pattern, then held against the exact one."""
    loose = _loose(pattern)
    return Shape(
        detector,
        loose,
        before + rb"(" + loose + rb")" if before else loose,
        exact=re.compile(pattern),
        lane=lane,
    )


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

SHAPES: Final = (
    Shape(
        "card",
        rb"[0-9](?:[ \t\r\n._-]{0,8}[0-9]){11}",
        rb"[0-9](?:[ \t\r\n._-]{0,8}[0-9]){11,}",
        numbers.cards,
        lane="digits",
    ),
    Shape(
        "email", rb"[A-Za-z0-9\x1c_.%+!#$*~^\"-](?:@|%40)[A-Za-z0-9\x1c_-]", _E_MAIL, lane="marks"
    ),
    Shape("phone", _loose(_PHONE), _PHONE, numbers.phones, apart=True, lane="phones"),
    Shape("phone", _loose(_NAMED_PHONE), _NAMED_PHONE, numbers.phones, lane="phones"),
    Shape("iban", _iban(rb"{6}"), _iban(rb"{11,30}"), numbers.ibans, lane="words"),
    Shape("ssn", _SSN, _SSN, numbers.social_security, apart=True, lane="digits"),
    Shape("ssn", _NAMED_SSN, _NAMED_SSN, numbers.social_security, apart=True, lane="phones"),
    Shape("ip", _IP4, _IP4, numbers.addresses, apart=True, lane="digits"),
    Shape(
        "ip",
        rb"(?:[0-9A-Fa-f]{1,4}:){5}|[0-9A-Fa-f]::|::[0-9A-Fa-f]",
        _IP6,
        numbers.addresses,
        apart=True,
        lane="phones",
    ),
    Shape("jwt", rb"e(?:yJ|wo)[A-Za-z0-9_=-]{6,}\.", _JWT, lane="marks"),
    Shape(
        "private-key",
        rb"(?i:PRIVATE KEY)|Private-Lines|PuTTY-User",
        credentials.PRIVATE_KEY,
        credentials.private_key,
        lane="marks",
    ),
    Shape(
        "private-key",
        rb"MII[A-Za-z0-9+/]{3,4}IBA|MHcCAQEE|MC4CAQAw|b3BlbnNzaC1rZX",
        credentials.KEY_BODY,
        lane="marks",
    ),
    _service("cloud-key", _any(service_keys.CLOUD_KEYS), lane="cloud"),
    Shape(
        "cloud-key",
        rb"[A-Za-z0-9/+]{40}",
        rb"[A-Za-z0-9/+]{40,}",
        credentials.long_secret,
        lane="cloud",
    ),
    Shape(
        "cloud-key",
        _loose(_any(service_keys.NAMED_CLOUD_KEYS)),
        _any(service_keys.NAMED_CLOUD_KEYS),
        lane="names",
    ),
    _service("token", _any(service_keys.TOKENS), lane="tokens"),
    _service("token", _any(service_keys.WORD_TOKENS), _WORD, lane="links"),
    Shape(
        "token",
        rb"(?i:basic|bearer|digest|token)\s+[A-Za-z0-9._~+/=-]{16}",
        credentials.HEADER,
        lane="words",
    ),
    Shape(
        "password",
        named_secrets.CUE,
        named_secrets.NAME,
        named_secrets.named,
        costly=True,
        lane="passwords",
    ),
    Shape(
        "password",
        rb"SCRAM-SHA-|md5[0-9a-f]{4}|\$[a-z0-9-]+\$[./A-Za-z0-9$=,-]{4}"
        rb"|(?:pbkdf2_sha|bcrypt_sha|argon2|scrypt)[0-9]*\$",
        credentials.HASHES,
        lane="words",
    ),
    Shape(
        "connection-string",
        rb"/[^\s\x1f]*:[^\s\x1f]*(?:@|%40)",
        credentials.URL,
        credentials.userinfo,
        lane="links",
    ),
    Shape(
        "connection-string",
        rb"(?i:jdbc:oracle)|@(?:tcp|unix|udp)\(|@//",
        credentials.PAIRS,
        lane="links",
    ),
    Shape(
        "connection-string",
        rb":(?:[0-9]{2,5}|\*):[0-9]{0,20}[^:\s\x1f0-9.,+Z-]",
        credentials.PGPASS,
        credentials.pgpass,
        lane="links",
    ),
    Shape(
        "connection-string",
        rb"in connection|translate host name",
        credentials.QUOTED_BACK,
        lane="links",
    ),
    Shape(
        "password", shell_secrets.CUE, shell_secrets.PATTERN, shell_secrets.argument, lane="words"
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
