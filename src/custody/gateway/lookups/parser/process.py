"""One worker process, seen from the gateway.

Law: at most one text is with a worker at a time, so that a crash has exactly one culprit. A worker
that breaks its protocol, or does not answer in time, is killed and never spoken to again.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Final, cast

import msgspec

from custody.gateway.lookups.parser.frames import LENGTH, REPLY_BYTES_AT_MOST, decode
from custody.gateway.lookups.parser.limits import patience_for
from custody.wire.sql.syntax import Analysis, Unreadable

# Nothing of the gateway's environment: it may hold targets' passwords.
_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "PATH", "LANG", "LC_ALL", "SYSTEMROOT")


class Worker(asyncio.SubprocessProtocol):
    """``idle`` is called when it can take a text, ``gone`` once when it cannot any more."""

    def __init__(
        self,
        processor_seconds: float,
        idle: Callable[["Worker"], None],
        gone: Callable[["Worker"], None],
    ) -> None:
        self._processor_seconds: Final = processor_seconds
        self._idle: Final = idle
        self._gone: Final = gone
        self._event_loop: Final = asyncio.get_running_loop()
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._received: Final = bytearray()
        self._answer: Callable[[Analysis], None] | None = None
        self._length = 0
        self._timer: asyncio.TimerHandle | None = None
        self._doomed = False
        self.ready = False
        self.was_ready = False
        self.ended: Final = asyncio.Event()

    async def start(self) -> None:
        """Raises ``OSError`` where no process can be made."""
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        await self._event_loop.subprocess_exec(
            lambda: self,
            sys.executable,
            "-m",
            "custody.gateway.lookups.parser.worker",
            str(self._processor_seconds),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # the terminal's Ctrl-C is not for it
            cwd="/",
        )

    def ask(self, text: bytes, length: int, answer: Callable[[Analysis], None]) -> None:
        """Give it a text of ``length`` characters; ``answer`` is called once, whatever comes."""
        self._answer = answer
        self._length = length
        patience = patience_for(len(text), self._processor_seconds)
        self._timer = self._event_loop.call_later(patience, self._late)
        if self._input is not None:
            self._input.write(LENGTH.pack(len(text)) + text)

    def kill(self) -> None:
        self._doomed = True
        if self._transport is not None and not self.ended.is_set():
            try:
                self._transport.kill()
            except ProcessLookupError:
                # It is gone already; process_exited will say so.
                self.ready = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._input = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        if self._doomed:
            self.kill()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        del fd
        self._received.extend(data)
        while len(self._received) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._received)
            if length > REPLY_BYTES_AT_MOST:
                self._finish(Unreadable("crash"))
                self.kill()
                return
            end = LENGTH.size + length
            if len(self._received) < end:
                return
            frame = bytes(self._received[LENGTH.size : end])
            del self._received[:end]
            self._frame(frame)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del fd, exc
        if self._answer is None:
            self._lost()
        # Else it is ending, and how it ended says why. One that does not end is late.

    def process_exited(self) -> None:
        if self._transport is not None:
            late = self._transport.get_returncode() == -signal.SIGPROF
            self._lost(Unreadable("time-out") if late else None)
            self._transport.close()
        self.ended.set()

    def _frame(self, frame: bytes) -> None:
        if not frame and not self.ready:
            self.ready = self.was_ready = True
            self._idle(self)
            return
        try:
            analysis = decode(frame, self._length)
        except (msgspec.MsgspecError, RecursionError):
            self._finish(Unreadable("crash"))
            self.kill()
            return
        if self._answer is None:
            # An answer to no question: it cannot be trusted to answer the next one.
            self.kill()
            return
        self._finish(analysis)
        if self.ready:
            self._idle(self)

    def _finish(self, analysis: Analysis) -> None:
        answer, self._answer = self._answer, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if answer is not None:
            answer(analysis)

    def _late(self) -> None:
        """It hangs, or the machine has no time for it at all: that says nothing of the text."""
        self._lost(Unreadable("overload"))
        self.kill()

    def _lost(self, why: Unreadable | None = None) -> None:
        if not self.ready and self._answer is None:
            return
        self.ready = False
        self._finish(why or Unreadable("crash"))
        self._gone(self)
