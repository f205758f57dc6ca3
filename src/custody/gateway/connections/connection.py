"""One TCP connection, in clear text or TLS, and its back-pressure.

Law: bytes arrive at the owner in order and once; nothing is written after ``close``. Reading stops
while the owner is behind, for whatever reason, and goes on when every reason is gone.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final, Protocol, cast

from custody.gateway.connections.tls import TlsEngine

WRITE_HIGH_WATER: Final = 256 * 1024
"""Bytes waiting to be sent at which the other side is no longer read."""


class ConnectionOwner(Protocol):
    """Whoever hosts a connection."""

    def opened(self, connection: "Connection") -> None: ...
    def received(self, connection: "Connection", data: bytes) -> None: ...
    def ended(self, connection: "Connection") -> None:
        """The peer will send nothing more; it may still read."""
        ...

    def lost(self, connection: "Connection") -> None:
        """The connection is gone, both ways. Called exactly once."""
        ...

    def writing_blocked(self, connection: "Connection", clogged: bool) -> None:  # noqa: FBT001 - an edge
        """The peer reads more slowly than it is written to, or has caught up."""
        ...


class Connection(asyncio.Protocol):
    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner: Final = owner
        self._transport: asyncio.Transport | None = None
        self._tls: TlsEngine | None = None
        self._established: asyncio.Future[None] | None = None
        self._holds: set[str] = set()
        self.clogged = False
        """More waits to be written than its peer takes now."""
        self._closed = False
        self._ended = False
        self._peer_ended = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        tls = self._tls
        if tls is None:
            self._owner.received(self, data)
        elif tls.established:
            self._decrypted(tls, data)
        else:
            self._handshake(tls, data)

    def eof_received(self) -> bool:
        if self._tls is not None:
            self._tls.end_of_file()
            if self._established is not None and not self._established.done():
                self._established.set_exception(ConnectionResetError("closed in TLS handshake"))
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._closed = True
        if self._established is not None and not self._established.done():
            self._established.set_exception(ConnectionResetError("lost in TLS handshake"))
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self.clogged = True
        self._owner.writing_blocked(self, True)

    def resume_writing(self) -> None:
        self.clogged = False
        self._owner.writing_blocked(self, False)

    # What the owner calls.

    def write(self, data: bytes | memoryview) -> None:
        if self._closed or self._ended or self._transport is None:
            return
        if self._tls is None:
            self._transport.write(data)
            return
        self._tls.encrypt(data)
        self._transport.write(self._tls.take())

    def write_all(self, wire: Iterable[bytes | memoryview]) -> None:
        if self._closed or self._ended or self._transport is None:
            return
        if self._tls is None:
            self._transport.writelines(wire)
            return
        for piece in wire:
            if len(piece):
                self._tls.encrypt(piece)
        self._transport.write(self._tls.take())

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        first: bytes = b"",
    ) -> TlsEngine:
        """Change to TLS; ``first`` are ciphertext bytes that were read already.

        Raises ``ssl.SSLError`` or ``ConnectionError``. The caller sets the time-out.
        """
        tls = TlsEngine(context, server_side=server_side, server_hostname=server_hostname)
        self._tls = tls
        self._established = asyncio.get_running_loop().create_future()
        self._handshake(tls, first)
        await self._established
        return tls

    def pause_reading(self, reason: str) -> None:
        """Stop reading for this reason."""
        if not self._holds and self._transport is not None and not self._closed:
            self._transport.pause_reading()
        self._holds.add(reason)

    def resume_reading(self, reason: str) -> None:
        """Go on reading, unless another reason is left."""
        if reason not in self._holds:
            return
        self._holds.discard(reason)
        if not self._holds and self._transport is not None and not self._closed:
            self._transport.resume_reading()

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes, and go on reading where the transport can."""
        if self._closed or self._ended or self._transport is None:
            return
        self._say_goodbye(self._transport)
        if self._transport.can_write_eof():
            self._ended = True
            self._transport.write_eof()

    def close(self) -> None:
        """Send what is queued, then close."""
        if self._closed or self._transport is None:
            return
        self._closed = True
        if not self._ended:
            self._say_goodbye(self._transport)
        self._transport.close()

    def _say_goodbye(self, transport: asyncio.Transport) -> None:
        if self._tls is not None and self._tls.established:
            self._tls.close_notify()
            transport.write(self._tls.take())

    def abort(self) -> None:
        """Drop the connection with whatever is queued."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def tls(self) -> TlsEngine | None:
        return self._tls

    @property
    def peer(self) -> tuple[str, int]:
        name = self._transport.get_extra_info("peername") if self._transport else None
        return (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("", 0)

    @property
    def address(self) -> str:
        host, port = self.peer
        return f"{host}:{port}"

    # TLS.

    def _handshake(self, tls: TlsEngine, data: bytes) -> None:
        established = self._established
        if established is None or established.done() or self._transport is None:
            return
        try:
            done = tls.handshake(data)
        except ssl.SSLError as error:
            self._transport.write(tls.take())  # the alert that tells the peer why
            established.set_exception(error)
            return
        self._transport.write(tls.take())
        if done:
            established.set_result(None)
            # What came behind the handshake's last flight is delivered once whoever waits for
            # the handshake has seen it end.
            asyncio.get_running_loop().call_soon(self._decrypted, tls, b"")

    def _decrypted(self, tls: TlsEngine, data: bytes) -> None:
        try:
            pieces, over = tls.decrypt(data)
        except ssl.SSLError:
            self.abort()
            return
        if self._transport is not None and (reply := tls.take()):
            self._transport.write(reply)  # a key update or a renegotiation refusal
        for piece in pieces:
            self._owner.received(self, piece)
        if over:
            self._end()

    def _end(self) -> None:
        if not self._peer_ended and not self._closed:
            self._peer_ended = True
            self._owner.ended(self)
