"""Readers of single config values: each takes what TOML gave and returns our own type.

Law: a reader accepts or says what it wants instead; it never repeats the value, which may be a
secret that slipped into the wrong place.
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from custody.model.durations import UNITS_MS
from custody.model.secret import Secret
from custody.model.words import NAME, Effect
from custody.policy import Hours
from custody.vault import read_reference

C = TypeVar("C", bound=StrEnum)

GATEWAY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})")
_PART: Final = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_SIZE: Final = re.compile(r"(\d{1,12}) ?(B|KiB|MiB|GiB)")
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_LONGEST_MS: Final = 100 * 366 * 86_400_000
_LONGEST_TEXT: Final = 16_384
_MOST_ITEMS: Final = 10_000


class UnfitValueError(Exception):
    """What a value should be; the caller knows where it stands."""

    def __init__(self, wanted: str, code: str = "config.value") -> None:
        super().__init__(wanted)
        self.wanted: Final = wanted
        self.code: Final = code


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SecretReference(msgspec.Struct, frozen=True):
    """Where a secret is to be found; shows itself without a secret inside."""

    scheme: str
    rest: Secret

    def reveal(self) -> str:
        """The whole reference as the vault reads it. With ``plain`` it *is* the secret."""
        return f"{self.scheme}:{self.rest.reveal()}"

    def __str__(self) -> str:
        return "plain:…" if self.scheme == "plain" else self.reveal()

    __repr__ = __str__


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def text(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitValueError(f"It must be a text in quotes, not {_kind(value)}.", "config.type")
    if len(value) > _LONGEST_TEXT:
        raise UnfitValueError(f"It is longer than {_LONGEST_TEXT} characters.")
    return value


def some_text(value: object) -> str:
    if not (found := text(value)).strip():
        raise UnfitValueError("It must not be empty.")
    return found


def name(value: object) -> str:
    if not NAME.fullmatch(found := text(value)):
        raise UnfitValueError(
            "It must be a name of at most 63 letters, digits, dots, dashes and underscores."
        )
    return found


def gateway_name(value: object) -> str:
    if not GATEWAY_NAME.fullmatch(found := text(value)):
        raise UnfitValueError("It must be a name such as gw1.example.com.")
    return found


def texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UnfitValueError(
            f'It must be a list such as ["one", "two"], not {_kind(value)}.', "config.type"
        )
    if len(value) > _MOST_ITEMS:
        raise UnfitValueError(f"It has more than {_MOST_ITEMS} entries.")
    return tuple(some_text(item) for item in value)


def some_texts(value: object) -> tuple[str, ...]:
    if not (found := texts(value)):
        raise UnfitValueError("It must not be empty.")
    return found


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnfitValueError(f"It must be true or false, not {_kind(value)}.", "config.type")
    return value


def integer(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnfitValueError(f"It must be a whole number, not {_kind(value)}.", "config.type")
        if not least <= value <= most:
            raise UnfitValueError(f"It must be between {least} and {most}.")
        return value

    return read


def size(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str):
            if not (found := _SIZE.fullmatch(value.strip())):
                raise UnfitValueError(
                    'It must be a number of bytes, or such as "64 KiB" or "1 MiB".'
                )
            value = int(found[1]) * _BYTES[found[2]]
        return integer(least, most)(value)

    return read


def duration(value: object) -> int:
    """Milliseconds."""
    wanted = 'It must be a duration such as "90s", "10m", "8h", "30d" or "1h30m".'
    if not isinstance(value, str):
        raise UnfitValueError(wanted, "config.type")
    compact = value.strip()
    parts = [(int(part[1]), part[2]) for part in _PART.finditer(compact)]
    milliseconds = sum(count * UNITS_MS[unit] for count, unit in parts)
    spelled = "".join(part.group() for part in _PART.finditer(compact))
    if spelled != compact or not 0 < milliseconds <= _LONGEST_MS:
        raise UnfitValueError(wanted)
    return milliseconds


def address(least_port: int) -> Callable[[object], Address]:
    """``least_port`` 0 lets a listener pick any port."""

    def read(value: object) -> Address:
        wanted = UnfitValueError('It must be HOST:PORT, such as "127.0.0.1:5432" or "[::1]:5432".')
        host, colon, port = text(value).rpartition(":")
        if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5):
            raise wanted
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            try:
                ipaddress.IPv6Address(host)
            except ValueError:
                raise wanted from None
        elif not _HOST.fullmatch(host):
            raise wanted
        if not least_port <= int(port) <= 65535:
            raise UnfitValueError(f"Its port must be between {least_port} and 65535.")
        return Address(host, int(port))

    return read


def path(value: object) -> Path:
    """As written; whoever reads the file makes it relative to the file."""
    found = some_text(value)
    if "\0" in found:
        raise UnfitValueError("It must be the path of a file.")
    return Path(found)


def secret_reference(value: object) -> SecretReference:
    if not isinstance(value, str):
        raise UnfitValueError(f"It must be a text in quotes, not {_kind(value)}.", "config.type")
    reference = read_reference(value)
    if reference is None:
        raise UnfitValueError(
            "It must be a reference: env:NAME, file:PATH, secret:NAME, vault:…, aws:… or k8s:…; "
            "plain:… if the secret itself must stand here.",
            "config.secret-reference",
        )
    scheme, rest = reference.key, reference.place
    if not rest or (scheme == "env" and not _VARIABLE.fullmatch(rest)) or "\0" in rest:
        raise UnfitValueError(
            f"After {scheme}: comes {_REST.get(scheme, 'the place of the secret')}.",
            "config.secret-reference",
        )
    return SecretReference(scheme, Secret(rest))


_REST: Final = {
    "env": "the name of an environment variable",
    "file": "the path of a file",
    "plain": "the secret",
}


def choice(kind: type[C]) -> Callable[[object], C]:
    def read(value: object) -> C:
        found = text(value)
        options = [member.value for member in kind]
        if found in options:
            return kind(found)
        near = get_close_matches(found, options, 1)
        said = ", ".join(f'"{option}"' for option in options)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise UnfitValueError(f"It must be one of {said}.{hint}", "config.choice")

    return read


def protocol(built: Collection[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if (found := text(value)) not in built:
            said = ", ".join(f'"{one}"' for one in sorted(built))
            raise UnfitValueError(
                f"It must be a protocol that is spoken here: {said}.", "config.choice"
            )
        return found

    return read


def effects(value: object) -> frozenset[Effect]:
    """An empty list grants only what has no effect: BEGIN, SHOW and the like."""
    return frozenset(choice(Effect)(item) for item in texts(value))


def hours(value: object) -> Hours:
    wanted = UnfitValueError('It must be hours of the day in UTC, such as "08:00-18:00".')
    start, dash, end = text(value).replace(" ", "").partition("-")
    first, last = _CLOCK.fullmatch(start), _CLOCK.fullmatch(end)
    if not dash or first is None or last is None:
        raise wanted
    minutes = [int(found[1]) * 60 + int(found[2]) for found in (first, last)]
    if minutes[0] == minutes[1] or minutes[0] >= 1440 or minutes[1] > 1440:
        raise wanted
    return Hours(minutes[0], minutes[1])
