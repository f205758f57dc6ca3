"""Numbers that mean a person or an account: judged by their check digits and ranges.

Law: a judge gets a candidate that a pattern found and says which parts of it are the thing; its
work is linear in the candidate's length. Digits are compared without their separators.
"""

import ipaddress
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from stdnum.iso7064 import mod_97_10

_DIGITS: Final = re.compile(rb"[0-9]+")
_NOT_ALPHANUMERIC: Final = re.compile(rb"[^0-9A-Za-z]+")
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]+")
_WORD_BEFORE: Final = re.compile(rb"[0-9A-Za-z]*\Z")
_WORD_AFTER: Final = re.compile(rb"[0-9A-Za-z]*")
_UUID: Final = re.compile(rb"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_DATE: Final = re.compile(rb"(?:\A|[^0-9])[0-9]{2}[-/. ][0-9]{2}[-/. ](?:19|20)[0-9]{2}")
_MORE_DOTS: Final = re.compile(rb"\.[0-9\x1a]")
_FIRST_DIGITS: Final = b"2345689"
_DOUBLE: Final = bytes.maketrans(b"0123456789", b"0246813579")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_NO_PART_OF_A_WORD: Final = b" \t\n\r,;:=.'\"()[]{}<>|/\x1f\x1a"
_NEIGHBOURHOOD: Final = 40


class NumberMatch(NamedTuple):
    """A part of the text, and its value in one canonical spelling (``None``: take the text)."""

    start: int
    end: int
    normal: str | None = None


def cards(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """Payment cards, ISO/IEC 7812: issuer ranges, lengths 12 to 19, Luhn's check digit."""
    written = data[start:end]
    digits = written.translate(None, b" \t\r\n._-")
    if len(digits) <= 19 and (len(digits) == len(written) or _is_card(digits, written)):
        # The usual case: one number and nothing else.
        if _is_card(digits, written) and not _inside_hexadecimal(data, start, end):
            yield NumberMatch(start, end, digits.decode())
        return
    yield from _cards_among(data, start, end)


def _is_card(digits: bytes, written: bytes) -> bool:
    if digits[0] not in _FIRST_DIGITS or not _is_issued(digits):
        return False
    if (sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLE)) - 48 * len(digits)) % 10:
        return False
    sizes = [len(group) for group in _DIGITS.findall(written)]
    return _is_usual_grouping([0, *accumulate(sizes)], 0, len(sizes) - 1)


def _cards_among(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """Cards among other numbers, told apart by their groups of digits."""
    groups = [(g.start(), g.end()) for g in _DIGITS.finditer(data, start, end)]
    digits = b"".join(data[a:b] for a, b in groups)
    values = [digit - 48 for digit in digits]
    # Sums with the digits at even and at odd places doubled: any window is checked in one step.
    sums = (
        [0, *accumulate(_DOUBLED[v] if i % 2 == 0 else v for i, v in enumerate(values))],
        [0, *accumulate(_DOUBLED[v] if i % 2 == 1 else v for i, v in enumerate(values))],
    )
    offsets = [0, *accumulate(b - a for a, b in groups)]
    at = 0
    while at < len(groups):
        last = _card_from(digits, offsets, sums, at)
        if last is None or _inside_hexadecimal(data, groups[at][0], groups[last][1]):
            at += 1
            continue
        number = digits[offsets[at] : offsets[last + 1]]
        yield NumberMatch(groups[at][0], groups[last][1], number.decode())
        at = last + 1


def _card_from(
    digits: bytes, offsets: list[int], sums: tuple[list[int], list[int]], first: int
) -> int | None:
    """The last group of the longest card that starts at group ``first``."""
    begin = offsets[first]
    if digits[begin] not in _FIRST_DIGITS:
        return None
    best = None
    for last in range(first, min(first + 19, len(offsets) - 1)):
        end = offsets[last + 1]
        length = end - begin
        if length > 19:
            break
        parity = sums[end % 2]
        if (
            length >= 12
            and (parity[end] - parity[begin]) % 10 == 0
            and _is_issued(digits[begin:end])
            and _is_usual_grouping(offsets, first, last)
        ):
            best = last
    return best


def _is_usual_grouping(offsets: list[int], first: int, last: int) -> bool:
    """Whether people and programs write one number like this, rather than a list of numbers."""
    sizes = [offsets[i + 1] - offsets[i] for i in range(first, last + 1)]
    if len(sizes) <= 5 and all(size >= 3 for size in sizes[:-1]):
        return True
    return sizes[0] <= 2 and all(size == sizes[0] for size in sizes[:-1]) and sizes[-1] <= sizes[0]


_ISSUED: Final = (
    (2200, 2204, range(16, 20)),  # Mir
    (2221, 2720, range(16, 17)),  # Mastercard
    (3000, 3099, range(14, 20)),  # Diners Club
    (3400, 3499, range(15, 16)),  # American Express
    (3500, 3599, range(15, 20)),  # JCB
    (3600, 3699, range(14, 20)),  # Diners Club
    (3700, 3799, range(15, 16)),  # American Express
    (3800, 3999, range(14, 20)),  # Diners Club
    (4000, 4999, (13, 16, 18, 19)),  # Visa
    (5000, 5099, range(12, 20)),  # Maestro, Dankort, Elo, RuPay, Verve
    (5100, 5599, range(16, 17)),  # Mastercard
    (5600, 6999, range(12, 20)),  # Maestro, Discover, UnionPay, RuPay, Troy, Hipercard
    (8100, 8299, range(16, 20)),  # UnionPay, RuPay
    (9792, 9792, range(16, 17)),  # Troy
)
"""First four digits from and to, and the lengths that networks issue with them."""


def _is_issued(number: bytes) -> bool:
    first = int(number[:4])
    return any(low <= first <= high and len(number) in sizes for low, high, sizes in _ISSUED)


def _inside_hexadecimal(data: bytes, start: int, end: int) -> bool:
    """Whether the digits are a part of a longer hexadecimal word or of a UUID."""
    around = data[max(0, start - 1) : start] + data[end : end + 1]
    if not around.strip(_NO_PART_OF_A_WORD):
        return False
    low, high = max(0, start - _NEIGHBOURHOOD), end + _NEIGHBOURHOOD
    for uuid in _UUID.finditer(data, low, high):
        if uuid.start() <= start and end <= uuid.end():
            return True
    before = _WORD_BEFORE.search(data[low:start])
    after = _WORD_AFTER.match(data, end, high)
    left, right = before.group() if before else b"", after.group() if after else b""
    if _HEXADECIMAL.fullmatch(left + right) is None:
        return False
    # Letters on one side alone are a word that the number stands beside.
    return bool(left and right) or any(48 <= char <= 57 for char in left + right)


IBAN_LENGTHS: Final = {
    b"AD": 24, b"AE": 23, b"AL": 28, b"AT": 20, b"AZ": 28, b"BA": 20, b"BE": 16, b"BG": 22,
    b"BH": 22, b"BI": 27, b"BR": 29, b"BY": 28, b"CH": 21, b"CR": 22, b"CY": 28, b"CZ": 24,
    b"DE": 22, b"DJ": 27, b"DK": 18, b"DO": 28, b"EE": 20, b"EG": 29, b"ES": 24, b"FI": 18,
    b"FK": 18, b"FO": 18, b"FR": 27, b"GB": 22, b"GE": 22, b"GI": 23, b"GL": 18, b"GR": 27,
    b"GT": 28, b"HN": 28, b"HR": 21, b"HU": 28, b"IE": 22, b"IL": 23, b"IQ": 23, b"IS": 26,
    b"IT": 27, b"JO": 30, b"KW": 30, b"KZ": 20, b"LB": 28, b"LC": 32, b"LI": 21, b"LT": 20,
    b"LU": 20, b"LV": 21, b"LY": 25, b"MC": 27, b"MD": 24, b"ME": 22, b"MK": 19, b"MN": 20,
    b"MR": 27, b"MT": 31, b"MU": 30, b"NI": 28, b"NL": 18, b"NO": 15, b"OM": 23, b"PK": 24,
    b"PL": 28, b"PS": 29, b"PT": 25, b"QA": 29, b"RO": 24, b"RS": 22, b"RU": 33, b"SA": 24,
    b"SC": 31, b"SD": 18, b"SE": 24, b"SI": 19, b"SK": 24, b"SM": 27, b"SO": 23, b"ST": 25,
    b"SV": 28, b"TL": 23, b"TN": 24, b"TR": 26, b"UA": 29, b"VA": 22, b"VG": 24, b"XK": 20,
    b"YE": 30,
}  # fmt: skip
"""ISO 13616 registry: country, length."""


def ibans(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """ISO 13616: the country's length and the MOD 97-10 check of ISO 7064."""
    length = IBAN_LENGTHS.get(data[start : start + 2].upper())
    if length is None:
        return
    letters = bytearray()
    for at in range(start, end):
        char = data[at : at + 1]
        if not char.isalnum():
            continue
        letters += char.upper()
        if len(letters) == length:
            number = letters.decode()
            if mod_97_10.checksum(number[4:] + number[:4]) == 1:
                yield NumberMatch(start, at + 1, number)
            return


def social_security(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """US social security numbers: the ranges that are or were ever issued."""
    digits = b"".join(_DIGITS.findall(data, start, end))
    if len(digits) != 9:
        return
    area, group, serial = int(digits[:3]), int(digits[3:5]), int(digits[5:])
    if area in {0, 666} or area >= 900 or group == 0 or serial == 0:
        return
    yield NumberMatch(start, end, digits.decode())


def phones(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """ITU-T E.164: 7 to 15 digits; what is a date is not a phone number."""
    text = data[start:end]
    digits = b"".join(_DIGITS.findall(text))
    if not 7 <= len(digits) <= 15 or _DATE.search(text):
        return
    if digits.startswith(b"00"):
        digits = digits[2:]
        text = b"+" + text
    sign = "+" if text.lstrip(b"( ").startswith(b"+") else ""
    yield NumberMatch(start, end, sign + digits.decode())


def addresses(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """IP addresses, both versions, in their canonical spelling."""
    text = data[start:end].rstrip(b".:") if not data[start:end].endswith(b"::") else data[start:end]
    if not 2 < len(text) <= 45 or _MORE_DOTS.match(data, start + len(text)):
        return
    if b":" not in text:
        if all(int(octet) < 256 for octet in text.split(b".")):
            yield NumberMatch(start, start + len(text), text.decode())
        return
    try:
        address = ipaddress.ip_address(text.decode())
    except ValueError:
        return
    yield NumberMatch(start, start + len(text), str(address))
