"""A target as the data path needs it, and the TLS that it is reached with."""

import ssl
from pathlib import Path

import msgspec

from custody.model.words import TargetName


class Target(msgspec.Struct, frozen=True):
    """A system behind the gateway. Its credential is the vault's, never kept here."""

    name: TargetName
    protocol: str
    host: str
    port: int
    tls: str
    """``off``, ``prefer``, ``require`` or ``verify-full``."""
    ca: Path | None
    database: str
    user: str

    def tls_context(self) -> ssl.SSLContext:
        """Certificates are checked in ``verify-full`` only, as libpq's sslmode defines it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls == "verify-full":
            if self.ca is None:
                context.load_default_certs(ssl.Purpose.SERVER_AUTH)
            else:
                context.load_verify_locations(cafile=str(self.ca))
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
