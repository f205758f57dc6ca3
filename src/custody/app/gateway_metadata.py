"""The public description of this gateway: its listeners, and the providers to log in with.

Law: an address is given as clients reach it, not as it was bound; nothing here opens anything.
"""

import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import serialization

from custody import __version__
from custody.app.console_faces import GatewayInfo, ListenerInfo, ProviderInfo
from custody.config.tables import Config, ListenerConfig
from custody.config.values import Address, Cleartext
from custody.model.words import TargetName
from custody.operations.certificates.local_ca import AUTHORITY_CERTIFICATE, read_certificate

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class BoundAddress(msgspec.Struct, frozen=True):
    """A listener that is open. ``address`` is as configured, ``port`` the one that was bound."""

    listener: ListenerConfig
    address: Address
    port: int
    target: TargetName | None = None


def gateway_info(config: Config, bound: Sequence[BoundAddress]) -> GatewayInfo:
    """Raises ``tls.no-authority`` where the local authority's certificate cannot be read."""
    return GatewayInfo(
        name=config.gateway.name,
        version=__version__,
        ca=_authority(config),
        providers=tuple(_providers(config)),
        listeners=tuple(
            ListenerInfo(
                protocol=each.listener.name,
                host=public_host(config, each.listener, each.address.host),
                port=each.port,
                target=each.target,
                own_certificate=each.listener.cert is not None,
            )
            for each in bound
        ),
        local=config.login.local,
    )


def public_host(config: Config, listener: ListenerConfig, bound: str) -> str:
    """The name that clients reach a listener by, and check its certificate against.

    What the operator says (``host``); else, of a listener on every address, the console's host as
    its ``url`` says it, or this machine's name. Loopback is ``localhost``: libpq before 15 finds no
    IP address in a certificate.
    """
    if listener.host:
        return listener.host
    if bound in _EVERYWHERE:
        named = urlsplit(config.console.url).hostname if config.console is not None else None
        return named or socket.gethostname()
    return "localhost" if bound in _LOOPBACK else bound


def _authority(config: Config) -> str:
    """The local authority's certificate, where anything of this gateway rests on it."""
    own = [listener.cert is not None for listener in config.listeners]
    console = config.console
    if console is not None and console.cleartext is Cleartext.REFUSE:
        own.append(console.cert is not None)
    if all(own):
        return ""
    certificate = read_certificate(config.gateway.data / AUTHORITY_CERTIFICATE)
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _providers(config: Config) -> list[ProviderInfo]:
    oidc = [
        ProviderInfo(
            name=each.name,
            kind="oidc",
            issuer=each.issuer,
            audience=each.audience or (each.client_id,),
            client_id=each.client_id,
            flows=tuple(flow.value for flow in each.flows),
        )
        for each in config.oidc
    ]
    saml = [ProviderInfo(each.name, "saml", "") for each in config.saml]
    workload = [
        ProviderInfo(each.name, "workload", each.issuer, each.audience) for each in config.workload
    ]
    return [*oidc, *saml, *workload]
