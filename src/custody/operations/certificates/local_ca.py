"""The local certificate authority: enough for clients to check the gateway they speak to.

Law: the authority's key and the server's key lie in `keys`, readable by the owner alone; what
clients need, the authority's certificate, lies in `data/ca.pem`. A certificate is only ever
replaced whole.
"""

import datetime as dt
import os
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from custody.config.logins import ConsoleConfig, MetricsConfig
from custody.config.tables import Config, ListenerConfig
from custody.model.errors import CustodyError
from custody.operations.certificates.x509 import (
    authority_certificate,
    new_key,
    server_certificate,
    serves,
)

AUTHORITY_KEY: Final = "ca.key"
SERVER_KEY: Final = "server.key"
SERVER_CERTIFICATE: Final = "server.pem"
AUTHORITY_CERTIFICATE: Final = "ca.pem"
"""In `data`."""
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


class ServerIdentity(msgspec.Struct, frozen=True):
    """Files of a certificate chain and its private key, PEM."""

    certificate: Path
    key: Path


def create_authority(
    keys: Path, data: Path, name: str, hosts: Iterable[str], now: dt.datetime
) -> None:
    """A new authority and a first server certificate. Nothing that exists is replaced."""
    key = new_key()
    certificate = authority_certificate(key, name, now)
    _write(keys / AUTHORITY_KEY, _private(key), 0o600)
    _write(data / AUTHORITY_CERTIFICATE, _public(certificate), 0o644)
    _issue(keys, key, certificate, hosts, now)


def server_identity(
    config: Config, listener: ListenerConfig | ConsoleConfig | MetricsConfig, now: dt.datetime
) -> ServerIdentity:
    """The listener's own certificate, or the local authority's, renewed where it is time."""
    if listener.cert is not None and listener.key is not None:
        return ServerIdentity(listener.cert, listener.key)
    renew_server_certificate(config, now)
    keys = config.gateway.keys
    return ServerIdentity(keys / SERVER_CERTIFICATE, keys / SERVER_KEY)


def renew_server_certificate(config: Config, now: dt.datetime) -> bool:
    """Issues anew if the certificate is about to expire or lacks a host; whether it did.

    Raises ``CustodyError`` ``tls.no-authority`` or ``tls.authority-expired``.
    """
    keys = config.gateway.keys
    hosts = hosts_of(config)
    try:
        current = read_certificate(keys / SERVER_CERTIFICATE)
        if serves(current, _read_key(keys / SERVER_KEY), hosts, now):
            return False
    except CustodyError:  # one of the two is missing or damaged: both are made anew
        pass
    authority = read_certificate(config.gateway.data / AUTHORITY_CERTIFICATE)
    if authority.not_valid_after_utc <= now:
        raise CustodyError(
            "tls.authority-expired",
            "The local CA has expired.",
            "Make a new one with `custody init` in a new directory, and give clients its ca.pem.",
        )
    _issue(keys, _read_key(keys / AUTHORITY_KEY), authority, hosts, now)
    return True


def hosts_of(config: Config) -> tuple[str, ...]:
    """Every name and address that clients may reach this gateway under."""
    hosts = local_hosts(config.gateway.name)
    doors = [listener.address for listener in config.listeners]
    doors += [target.listen for target in config.targets if target.listen is not None]
    if config.metrics is not None:
        doors.append(config.metrics.address)
    if config.console is not None:
        doors.append(config.console.address)
        hosts += [host for host in (urlsplit(config.console.url).hostname,) if host]
    hosts += [door.host for door in doors if door.host not in _EVERYWHERE]
    hosts += [listener.host for listener in config.listeners if listener.host]
    return tuple(dict.fromkeys(hosts))


def local_hosts(name: str) -> list[str]:
    return ["localhost", "127.0.0.1", "::1", socket.gethostname(), name]


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        cause = error.strerror or "error"
    except ValueError:
        cause = "it is no PEM certificate"
    raise CustodyError(
        "tls.no-authority",
        f"The certificate {path} cannot be read: {cause}.",
        "`custody init DIR` makes a local CA; or give the listener `cert` and `key`.",
    )


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CustodyError(
            "tls.no-authority",
            f"The private key {path} cannot be read.",
            "Restore it, or give the listener `cert` and `key`.",
        )
    return key


def _issue(
    keys: Path,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    hosts: Iterable[str],
    now: dt.datetime,
) -> None:
    """A new key and certificate. A crash between the two files is mended by the next renewal,
    which finds that they do not belong together.
    """
    key = new_key()
    certificate = server_certificate(key, authority_key, authority, hosts, now)
    _write(keys / SERVER_KEY, _private(key), 0o600)
    _write(keys / SERVER_CERTIFICATE, _public(certificate) + _public(authority), 0o644)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes, mode: int) -> None:
    """The whole file or none of it, never readable by others before it should be."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_certificate(
    context: ssl.SSLContext,
    config: Config,
    listener: ListenerConfig | ConsoleConfig | MetricsConfig,
) -> None:
    """Give connections to come the listener's certificate as it is now; the local authority's is
    renewed where it is time. Raises ``CustodyError``.
    """
    identity = server_identity(config, listener, dt.datetime.now(dt.UTC))
    try:
        context.load_cert_chain(identity.certificate, identity.key)
    except (OSError, ssl.SSLError) as error:
        raise CustodyError(
            "tls.certificate",
            f"The certificate {identity.certificate} and its key cannot be used.",
            "Check both files: PEM, readable, and belonging together.",
        ) from error
