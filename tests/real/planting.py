"""Secrets that no one else can have made, so that each found byte names the path it came by.

Law: every secret is unique, remembered with its path, and of a kind that the configuration under
test must mask: by a detector, or by nothing but the column that it belongs to.
"""

import base64
import random
import string
from collections.abc import Callable

import msgspec


class Planted(msgspec.Struct, frozen=True):
    """A secret, and where it was planted. ``head`` is the least that must not show of it, for a
    value that something on the way may cut.
    """

    value: str
    path: str
    head: int

    @property
    def least(self) -> str:
        return self.value[: self.head] if self.head else self.value


class Planter:
    """Makes secrets, seeded, and keeps the list."""

    def __init__(self, seed: int) -> None:
        self.planted: list[Planted] = []
        self._chance = random.Random(seed)

    def card(self, path: str) -> str:
        """Sixteen digits that pass the Luhn check."""
        digits = "4" + "".join(self._chance.choices(string.digits, k=14))
        return self._keep(digits + _luhn(digits), path)

    def email(self, path: str) -> str:
        return self._keep(f"{self._word(14)}@{self._word(9)}.example.com", path)

    def token(self, path: str) -> str:
        """As a well-known service writes them."""
        return self._keep("ghp_" + self._letters(36), path)

    def cloud_key(self, path: str) -> str:
        return self._keep(
            "AKIA" + "".join(self._chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)), path
        )

    def jwt(self, path: str) -> str:
        def part(words: str) -> str:
            return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")

        head = part('{"alg":"RS256","typ":"JWT"}')
        body = part(f'{{"sub":"{self._word(12)}"}}')
        return self._keep(f"{head}.{body}.{self._letters(64)}", path)

    def plain(self, path: str, head: int = 0) -> str:
        """A value that looks like nothing: only its column, or its place, gives it away."""
        return self._keep(self._word(20), path, head)

    def number(self, path: str) -> int:
        """A number that looks like nothing."""
        return int(self._keep(str(self._chance.randrange(10**14, 10**15)), path))

    @property
    def shaped(self) -> tuple[Callable[[str], str], ...]:
        """The kinds that a detector finds anywhere."""
        return (self.card, self.email, self.token, self.cloud_key, self.jwt)

    def remember(self, value: str, path: str) -> str:
        """A secret that something else made: a ticket, a password."""
        return self._keep(value, path)

    def _keep(self, value: str, path: str, head: int = 0) -> str:
        self.planted.append(Planted(value, path, head))
        return value

    def _word(self, length: int) -> str:
        # Consonants: no word of any language, no number, no hexadecimal.
        return "".join(self._chance.choices("ghjklmnpqrstvwxz", k=length))

    def _letters(self, length: int) -> str:
        return "".join(self._chance.choices(string.ascii_letters + string.digits, k=length))


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
