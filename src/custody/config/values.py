"""Readers of the values that only the gateway's own tables hold: its name, addresses, protocols.

Law: as in ``model.value_readers``: a reader accepts or says what it wants, and never repeats the
value.
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from custody.model.config.config_key import UnfitValueError, ValueReader, reads
from custody.model.config.value_readers import is_loopback, text, url

GATEWAY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})")


class Cleartext(StrEnum):
    """Whether a listener speaks without TLS: to its own machine, or to nobody."""

    REFUSE = "refuse"
    LOOPBACK = "loopback"


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@reads("text")
def gateway_name(value: object) -> str:
    if not GATEWAY_NAME.fullmatch(found := text(value)):
        raise UnfitValueError("It must be a name such as gw1.example.com.")
    return found


def address(least_port: int) -> ValueReader[Address]:
    """``least_port`` 0 lets a listener pick any port."""

    @reads("HOST:PORT")
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


@reads("URL")
def root_url(value: object) -> str:
    """A URL with no path, as browsers reach the gateway."""
    found = url(value).removesuffix("/")
    if urlsplit(found).path:
        raise UnfitValueError(
            'It must be a URL without a path, such as "https://gw1.example.com:8443".'
        )
    return found


def protocol(built: Callable[[], Collection[str]]) -> ValueReader[str]:
    @reads(_quoted(built()))
    def read(value: object) -> str:
        if (found := text(value)) not in built():
            raise UnfitValueError(
                f"It must be a protocol that is spoken here: {_quoted(built())}.", "config.choice"
            )
        return found

    return read


def _quoted(names: Collection[str]) -> str:
    return ", ".join(f'"{one}"' for one in sorted(names))
