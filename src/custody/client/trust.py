"""The certificate authorities of a gateway's listeners, as one file that every client can read.

Law: the file holds the gateway's own authority; the system's authorities are added only where a
listener has a certificate of its own. Never a word such as libpq's ``system``, which older clients
take for a file's name.
"""

import ssl
from pathlib import Path
from typing import Final

from custody.client.gateway import GatewayDescription
from custody.model.errors import CustodyError

_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def authority_of(facts: GatewayDescription, named: str) -> str:
    """PEM. ``named`` is whom the gateway's API is trusted by, if somebody said: the same may have
    signed its listeners' certificates.
    """
    told = [facts.ca]
    if not facts.ca or any(listener.own_certificate for listener in facts.listeners):
        told += [named, system_authorities()]
    return "\n".join(dict.fromkeys(text.strip() for text in told if text.strip())) + "\n"


def system_authorities() -> str:
    """The file that this Python trusts (``SSL_CERT_FILE`` counts), else the distribution's.

    Raises ``run.authorities``.
    """
    for place in (ssl.get_default_verify_paths().cafile or "", *_BUNDLES):
        if Path(place).is_file():
            return Path(place).read_text(encoding="utf-8", errors="replace")
    raise CustodyError(
        "run.authorities",
        "The gateway has a certificate of its own, and this system's authorities are not found.",
        "Install the package ca-certificates, or set SSL_CERT_FILE.",
    )
