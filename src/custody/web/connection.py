"""One connection: h11 reads it, and the clock ends it.

Law: a peer that is slow, silent or reads nothing holds a connection for a bounded time, however it
drips; bytes that are no HTTP end it. Framing, and so request smuggling, is h11's business alone.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEADERS_S: Final = 10.0
"""From the connection, or from a request's first byte, until its headers are complete."""
ANSWER_S: Final = 75.0
"""From its headers until its answer has left; the guard's own bounds are tighter."""
IDLE_S: Final = 15.0
"""Between two requests, and for the last bytes of a connection that closes."""
HEADER_BYTES: Final = 32 * 1024


class ConsoleConnection(H11Protocol):
    """``gone`` is called once, when the connection is over."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        loop: asyncio.AbstractEventLoop,
        gone: Callable[[], None],
    ) -> None:
        super().__init__(config, state, {}, loop)
        self._gone: Final = gone
        self._deadline: asyncio.TimerHandle | None = None
        self._between = True
        """Whether the next byte begins a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent
        super().connection_made(transport)
        self._within(HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        try:
            super().connection_lost(exc)
        finally:
            self._gone()

    def data_received(self, data: bytes) -> None:
        if self._between:
            self._between = False
            self._within(HEADERS_S)
        before = self.cycle
        try:
            super().data_received(data)
        except Exception:  # noqa: BLE001 - whatever a stranger's bytes broke, only they end
            self.transport.abort()
            return
        if self.cycle is not before and not self._between:
            self._within(ANSWER_S)

    def on_response_complete(self) -> None:
        self._between = True
        self._within(IDLE_S)
        super().on_response_complete()
        if not self.cycle.response_complete:
            # The next request had come already.
            self._between = False
            self._within(ANSWER_S)

    def _within(self, seconds: float) -> None:
        """From now on, this much time."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)
