"""TLS over bytes that someone else moves.

Law: not one byte is lost or read early at the change from clear text to TLS. asyncio's own
``start_tls`` cannot promise that (bytes already buffered vanish: cpython issue 142352) and keeps
256 KiB per connection; a pair of memory BIOs costs two small buffers and has no such seam.
"""

import ssl
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

_CHUNK: Final = 256 * 1024


class TlsEngine:
    """One TLS connection, client or server. Clear text on one side, ciphertext on the other."""

    def __init__(
        self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None
    ) -> None:
        self._incoming: Final = ssl.MemoryBIO()
        self._outgoing: Final = ssl.MemoryBIO()
        self._object: Final = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_hostname
        )
        self.established = False

    def handshake(self, ciphertext: bytes = b"") -> bool:
        """Go on with the handshake; true once it is done. Raises ``ssl.SSLError``."""
        if ciphertext:
            self._incoming.write(ciphertext)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True

    def decrypt(self, ciphertext: bytes = b"") -> tuple[list[bytes], bool]:
        """The clear text that these bytes complete, and whether the peer closed its side."""
        if ciphertext:
            self._incoming.write(ciphertext)
        pieces: list[bytes] = []
        try:
            while piece := self._object.read(_CHUNK):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return pieces, False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return pieces, True
        return pieces, True

    def encrypt(self, clear: bytes | memoryview) -> None:
        self._object.write(clear)

    def close_notify(self) -> None:
        """Say goodbye (RFC 8446 §6.1); without it the peer cannot tell an end from a cut."""
        try:
            self._object.unwrap()
        except ssl.SSLError:
            return

    def take(self) -> bytes:
        """Ciphertext to send."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def end_of_file(self) -> None:
        self._incoming.write_eof()

    @property
    def description(self) -> str:
        cipher = self._object.cipher()
        return f"{self._object.version()} {cipher[0] if cipher else ''}".strip()

    @property
    def application_protocol(self) -> str | None:
        return self._object.selected_alpn_protocol()

    def channel_binding(self) -> bytes | None:
        """The peer certificate's ``tls-server-end-point`` data (RFC 5929 §4.1), if it has any.

        The hash is that of the certificate's signature, MD5 and SHA-1 replaced by SHA-256.
        Certificates whose signature names no hash (Ed25519) have none.
        """
        encoded = self._object.getpeercert(binary_form=True)
        if encoded is None:
            return None
        certificate = x509.load_der_x509_certificate(encoded)
        algorithm = certificate.signature_hash_algorithm
        if algorithm is None:
            return None
        if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
            algorithm = hashes.SHA256()
        return certificate.fingerprint(algorithm)
