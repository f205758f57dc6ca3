"""The tables ``[login]`` and ``[listen.console]``.

Law: as in ``tables``: what stands here is complete, and a value is in its final form.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from custody.config import values as read_own
from custody.config.values import Address, Cleartext
from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey, UnfitValueError, reads
from custody.model.secret import SecretReference

LEAST_RECHECK_MS: Final = 30_000


ListenAddress = Annotated[
    Address, ConfigKey(read_own.address(0), "Where to listen; port 0 picks one.")
]
CertificateFile = Annotated[
    Path | None, ConfigKey(read.path, "Certificate chain, PEM.", "one of the local CA's", file=True)
]
KeyFile = Annotated[
    Path | None, ConfigKey(read.path, "Its private key, PEM.", "the local CA's", file=True)
]
MostConnections = Annotated[int, ConfigKey(read.integer(1, 100_000), "Connections open at once.")]


class ConsoleConfig(msgspec.Struct, frozen=True, kw_only=True):
    address: ListenAddress
    url: Annotated[
        str,
        ConfigKey(
            read_own.root_url,
            "How browsers and clients reach it; providers send browsers back there.",
            "`https://` and the address",
        ),
    ] = ""
    cert: CertificateFile = None
    key: KeyFile = None
    cleartext: Annotated[
        Cleartext,
        ConfigKey(
            read.choice(Cleartext),
            "Whether it speaks without TLS, on a loopback address, for tests.",
        ),
    ] = Cleartext.REFUSE
    max_connections: MostConnections = 1000

    def public_url(self, port: int = 0) -> str:
        """As others reach it; ``port`` is the one that was bound, where the address has 0."""
        if self.url:
            return self.url
        scheme = "http" if self.cleartext is Cleartext.LOOPBACK else "https"
        return f"{scheme}://{Address(self.address.host, self.address.port or port)}"


class MetricsConfig(msgspec.Struct, frozen=True, kw_only=True):
    address: ListenAddress
    cert: CertificateFile = None
    key: KeyFile = None
    cleartext: Annotated[
        Cleartext,
        ConfigKey(
            read.choice(Cleartext),
            "Whether it speaks without TLS on a loopback address; on another it never does.",
        ),
    ] = Cleartext.LOOPBACK
    token: Annotated[
        SecretReference | None,
        ConfigKey(
            read.secret_reference,
            "Where the bearer token is that whoever asks must bring: `env:NAME`, `file:PATH`.",
            "none; off loopback it is needed",
        ),
    ] = None


@reads("duration")
def read_recheck(value: object) -> int:
    if (found := read.duration(value)) < LEAST_RECHECK_MS:
        raise UnfitValueError("It must be 30s or longer: providers refuse who asks them too often.")
    return found


class LoginConfig(msgspec.Struct, frozen=True, kw_only=True):
    local: Annotated[
        bool,
        ConfigKey(
            read.flag,
            "Operator's tickets, and loops of accounts of the gateway's own host. "
            "`false`: only proved identities, and local loops that still run end.",
        ),
    ] = True
    lifetime_ms: Annotated[
        int, ConfigKey(read.duration, "How long a login holds at most.", "`8h`")
    ] = 8 * 3_600_000
    recheck_ms: Annotated[
        int,
        ConfigKey(
            read_recheck,
            "How often a login with a refresh token is asked for again at its provider; "
            "30 s at least.",
            "`60s`",
        ),
    ] = 60_000
