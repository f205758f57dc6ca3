"""The listener for metrics, put together.

Law: where none is configured, nothing of it is imported.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST

from custody.config.logins import MetricsConfig
from custody.config.tables import Config
from custody.config.values import Cleartext
from custody.model.errors import CustodyError
from custody.model.secret import Secret, SecretReference
from custody.operations.certificates.local_ca import load_certificate
from custody.operations.metrics.figures import GatewayFigures
from custody.operations.metrics.listener import MetricsListener

if TYPE_CHECKING:
    from custody.evidence import Log

SHORTEST_TOKEN: Final = 16
"""Characters."""


def make_metrics_listener(
    config: Config,
    metrics: MetricsConfig,
    figures: GatewayFigures,
    ready: Callable[[], str],
    *,
    announce: Callable[[str], None],
    tasks: asyncio.TaskGroup,
) -> MetricsListener:
    """Raises ``tls.*``, ``config.token``."""
    return MetricsListener(
        (metrics.address.host, metrics.address.port),
        tls=_context(config, metrics),
        token=None if metrics.token is None else _token(config, metrics.token),
        exposition=figures.exposition,
        exposition_type=CONTENT_TYPE_LATEST,
        ready=ready,
        announce=announce,
        tasks=tasks,
    )


def readiness(log: "Log", listening: Callable[[], bool]) -> str:
    """One word: ``ready``, or why no command would move now."""
    if not listening():
        return "starting"
    return "ready" if log.accepting else "full"


def _context(config: Config, metrics: MetricsConfig) -> ssl.SSLContext | None:
    if metrics.cleartext is Cleartext.LOOPBACK and metrics.address.loopback:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, config, metrics)
    return context


def _token(config: Config, reference: SecretReference) -> Secret:
    place = reference.place.reveal()
    if reference.scheme == "env":
        text = os.environ.get(place, "")
    else:
        try:
            text = (config.folder / place).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
    if len(text) < SHORTEST_TOKEN or not text.isascii() or not text.isprintable():
        raise CustodyError(
            "config.token",
            f"[listen.metrics] has no token at {reference}, or one of fewer than "
            f"{SHORTEST_TOKEN} characters.",
            "`openssl rand -hex 32` makes one.",
        )
    return Secret(text)
