"""A target as the data path needs it, and the TLS that it is reached with."""

import functools
import ssl
from pathlib import Path

import msgspec

from custody.model.config.protocol_settings import NoSettings
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
    own: msgspec.Struct = NoSettings()
    """The keys that its protocol declares for ``[[target]]``."""
    credential_key: str = ""
    """The key that names its credential; empty: it has none."""

    def tls_context(self) -> ssl.SSLContext:
        """Certificates are checked in ``verify-full`` only, as libpq's sslmode defines it."""
        # Making one reads certificates and takes milliseconds; connections of a target share it.
        changed = 0
        if self.tls == "verify-full" and self.ca is not None:
            changed = self.ca.stat().st_mtime_ns
        return _context(self.tls, self.ca, changed)


@functools.lru_cache(maxsize=64)
def _context(tls: str, ca: Path | None, changed: int) -> ssl.SSLContext:
    """``changed``: of the file ``ca``, so that another one is read by the next connection."""
    del changed
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls == "verify-full":
        if ca is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            context.load_verify_locations(cafile=str(ca))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
