"""Values that masking must keep out of the evidence, of every kind, each made once.

Law: a value is remembered with its way before it is used, in each spelling that the way gives it.
"""

import random
import string
from collections import Counter
from enum import StrEnum
from typing import Final

from tests.real.planting import Planted


class ValueKind(StrEnum):
    COLUMN = "a masked column's text"
    NUMBER = "a masked column's number"
    CARD = "card"
    IBAN = "iban"
    SSN = "ssn"
    TOKEN = "token"
    PASSWORD = "password"
    PRIVATE_KEY = "private key"


SHAPED: Final = (ValueKind.CARD, ValueKind.IBAN, ValueKind.SSN, ValueKind.TOKEN)
"""Found by what they look like, wherever they stand."""
ALWAYS: Final = frozenset({ValueKind.TOKEN, ValueKind.PASSWORD, ValueKind.PRIVATE_KEY})
"""Masked without any rule."""


class Made:
    """One value, as it is written, and the kind that it is of."""

    def __init__(self, kind: ValueKind, written: str) -> None:
        self.kind: Final = kind
        self.written: Final = written


class TruthPlanter:
    """Makes values from a seed, and keeps the list."""

    def __init__(self, seed: int) -> None:
        self.chance: Final = random.Random(seed)
        self.planted: Final[list[Planted]] = []
        self.kinds: Final[Counter[ValueKind]] = Counter()
        self.ways: Final[Counter[str]] = Counter()

    def make(self, kind: ValueKind, way: str) -> Made:
        written, cores = getattr(self, f"_{kind.name.lower()}")()
        self.kinds[kind] += 1
        self.ways[way] += 1
        for core in cores:
            for spelled in {core, core.upper(), core.lower()}:
                self.planted.append(Planted(spelled, f"{kind.value}: {way}", 0))
        return Made(kind, written)

    def _word(self, alphabet: str, length: int) -> str:
        return "".join(self.chance.choices(alphabet, k=length))

    def _column(self) -> tuple[str, list[str]]:
        word = self._word("ghjklmnpqrstvwxz", 20)
        return word, [word]

    def _number(self) -> tuple[str, list[str]]:
        number = str(self.chance.randrange(10**14, 10**15))
        return number, [number]

    def _card(self) -> tuple[str, list[str]]:
        digits = self.chance.choice("45") + self._word("12345", 1) + self._word(string.digits, 13)
        digits += _luhn(digits)
        groups = [digits[at : at + 4] for at in range(0, 16, 4)]
        sign = self.chance.choice(["", "", " ", "-", "\n", "  ", "\u00a0"])
        written = sign.join(groups)
        return written, [digits, written]

    def _iban(self) -> tuple[str, list[str]]:
        rest = self._word(string.digits, 18)
        number = "".join(str(int(char, 36)) for char in rest + "DE00")
        iban = f"DE{98 - int(number) % 97:02d}{rest}"
        return iban, [iban, rest]

    def _ssn(self) -> tuple[str, list[str]]:
        ssn = f"{self._word('12345', 3)}-{self._word('123', 2)}-{self._word('3456', 4)}"
        return ssn, [ssn]

    def _token(self) -> tuple[str, list[str]]:
        body = self._word(string.ascii_letters + string.digits, 36)
        return "ghp_" + body, [body]

    def _password(self) -> tuple[str, list[str]]:
        word = self._word(string.ascii_letters, 6) + self._word(string.digits, 3)
        word += self._word(string.ascii_letters, 5)
        return word, [word]

    def _private_key(self) -> tuple[str, list[str]]:
        lines = [self._word(string.ascii_letters + string.digits + "+/", 64) for _ in range(3)]
        body = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" + self._word("abcd", 30), *lines])
        return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----", lines


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
