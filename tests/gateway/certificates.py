"""A throwaway certificate for localhost."""

import datetime as dt
import ssl
from pathlib import Path

from custody.operations.certificates.local_ca import (
    SERVER_CERTIFICATE,
    SERVER_KEY,
    create_authority,
)


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context and one of a client that trusts it."""
    keys, data = folder / "keys", folder / "data"
    keys.mkdir()
    data.mkdir()
    create_authority(keys, data, "test", ["localhost"], dt.datetime.now(dt.UTC))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(keys / SERVER_CERTIFICATE, keys / SERVER_KEY)
    server.set_alpn_protocols(["toy"])
    return server, ssl.create_default_context(cafile=str(data / "ca.pem"))
