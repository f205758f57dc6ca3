"""Readers of single values of the configuration: each takes what TOML gave, returns our own type.

Law: a reader accepts or says what it wants instead; it never repeats the value, which may be a
secret that slipped into the wrong place. Pure: a path is read, never looked at.
"""

import ipaddress
import re
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlsplit

from custody.model.config.config_key import FilePath, UnfitValueError, ValueReader, reads
from custody.model.durations import UNITS_MS
from custody.model.secret import ReferenceText
from custody.model.words import NAME

C = TypeVar("C", bound=StrEnum)

_PART: Final = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_SIZE: Final = re.compile(r"(\d{1,12}) ?(B|KiB|MiB|GiB)")
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_LONGEST_MS: Final = 100 * 366 * 86_400_000
_LONGEST_TEXT: Final = 16_384
_LONGEST_URL: Final = 2048
_MOST_ITEMS: Final = 10_000


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


@reads("text")
def text(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitValueError(f"It must be a text in quotes, not {_kind(value)}.", "config.type")
    if len(value) > _LONGEST_TEXT:
        raise UnfitValueError(f"It is longer than {_LONGEST_TEXT} characters.")
    return value


@reads("text")
def some_text(value: object) -> str:
    if not (found := text(value)).strip():
        raise UnfitValueError("It must not be empty.")
    return found


@reads("text")
def name(value: object) -> str:
    if not NAME.fullmatch(found := text(value)):
        raise UnfitValueError(
            "It must be a name of at most 63 letters, digits, dots, dashes and underscores."
        )
    return found


@reads("list")
def texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UnfitValueError(
            f'It must be a list such as ["one", "two"], not {_kind(value)}.', "config.type"
        )
    if len(value) > _MOST_ITEMS:
        raise UnfitValueError(f"It has more than {_MOST_ITEMS} entries.")
    return tuple(some_text(item) for item in value)


@reads("list")
def some_texts(value: object) -> tuple[str, ...]:
    if not (found := texts(value)):
        raise UnfitValueError("It must not be empty.")
    return found


@reads("true or false")
def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnfitValueError(f"It must be true or false, not {_kind(value)}.", "config.type")
    return value


def integer(least: int, most: int) -> ValueReader[int]:
    @reads("number")
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnfitValueError(f"It must be a whole number, not {_kind(value)}.", "config.type")
        if not least <= value <= most:
            raise UnfitValueError(f"It must be between {least} and {most}.")
        return value

    return read


def size(least: int, most: int) -> ValueReader[int]:
    @reads("size")
    def read(value: object) -> int:
        if isinstance(value, str):
            if not (found := _SIZE.fullmatch(value.strip())):
                raise UnfitValueError(
                    'It must be a number of bytes, or such as "64 KiB" or "1 MiB".'
                )
            value = int(found[1]) * _BYTES[found[2]]
        return integer(least, most)(value)

    return read


@reads("duration")
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


@reads("path")
def path(value: object) -> FilePath:
    found = some_text(value)
    if "\0" in found:
        raise UnfitValueError("It must be the path of a file.")
    return FilePath(found)


def choice(kind: type[C]) -> ValueReader[C]:
    *first, last = [f'"{member.value}"' for member in kind]

    @reads(f"{', '.join(first)} or {last}")
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


def choices(kind: type[C]) -> ValueReader[tuple[C, ...]]:
    @reads("list")
    def read(value: object) -> tuple[C, ...]:
        one = choice(kind)
        return tuple(one(item) for item in some_texts(value))

    return read


@reads("reference")
def secret_reference(value: object) -> ReferenceText:
    if not isinstance(value, str):
        raise UnfitValueError(f"It must be a text in quotes, not {_kind(value)}.", "config.type")
    return ReferenceText(value)


@reads("URL")
def url(value: object) -> str:
    """https, or http to this machine itself; no user, no query, no fragment, no slash at its end
    but one that belongs to a path.
    """
    wanted = UnfitValueError('It must be a URL such as "https://id.example.com", without a query.')
    found = some_text(value)
    try:
        parts = urlsplit(found)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wanted from None
    plain = len(found) <= _LONGEST_URL and found.isascii() and found.isprintable()
    if not plain or " " in found or not host or parts.query or parts.fragment or "@" in found:
        raise wanted
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise UnfitValueError(
            "It must begin with https:// (http:// is for loopback addresses only)."
        )
    return found


@reads("URL or path")
def url_or_path(value: object) -> str | FilePath:
    """A text that begins as a URL does is one; anything else is a file."""
    found = some_text(value)
    return url(found) if "://" in found else path(found)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
