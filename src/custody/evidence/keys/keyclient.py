"""The gateway's side of the key-holder process.

Law: the key-holder's end is a clear fault, never a wait without end; until it is restarted nothing
is signed and no day key opens, and records go on being made durable.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from custody.evidence.keys import keyholder
from custody.evidence.keys.keyring import KeyholderGoneError
from custody.model.errors import LogFailureError

_WAIT_SECONDS: Final = 10.0
_END_SECONDS: Final = 2.0
# Nothing of the gateway's environment: it may hold targets' passwords.
_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR")


class KeyholderProcess:
    """A running key-holder; a ``KeyService``. Calls block, from any thread, one at a time."""

    def __init__(
        self,
        keys: Path,
        anchor: Path | None = None,
        *,
        name: str | None = None,
        accept_new_anchor: bool = False,
    ) -> None:
        """Starts it. Raises ``LogFailureError`` with the key-holder's own words if it cannot.

        ``name`` is the gateway's; the one that the keys were made for, if it is not given.
        """
        command = [sys.executable, "-m", "custody.evidence.keys.keyholder", "--keys", str(keys)]
        if anchor is not None:
            command += ["--anchor", str(anchor)]
        if name is not None:
            command += ["--name", name]
        self._command: Final = command
        self._lock: Final = threading.Lock()
        self._start(["--accept-new-anchor"] if accept_new_anchor else [])
        try:
            self.public, self.name = self._about()
        except LogFailureError:
            self.close()
            raise

    def sign(self, body: bytes) -> bytes:
        return self._ask(keyholder.SIGN + body)

    def wrap(self, day: str, secret: bytes) -> bytes:
        return self._ask(keyholder.WRAP + day.encode() + secret)

    def unwrap(self, day: str, wrapped: bytes) -> bytes:
        return self._ask(keyholder.UNWRAP + day.encode() + wrapped)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def restart(self) -> None:
        """A new process with the same keys, in the place of one that ended."""
        with self._lock:
            self._stop()
            self._start([])
        public, _ = self._about()
        if public != self.public:
            self.close()
            raise LogFailureError("keys.changed", "The log key changed while the log was open.")

    def close(self) -> None:
        with self._lock:
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, more: list[str]) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        ours, theirs = socket.socketpair()
        with theirs:
            # Its own session, so that a terminal's Ctrl-C reaches the gateway only.
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                self._command + more,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                env=environment,
                start_new_session=True,
            )
        ours.settimeout(_WAIT_SECONDS)
        self._socket = ours

    def _stop(self) -> None:
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
            return
        self._process.kill()
        self._process.wait()

    def _about(self) -> tuple[bytes, str]:
        about = self._ask(keyholder.ABOUT)
        return about[:32], about[32:].decode()

    def _ask(self, request: bytes) -> bytes:
        with self._lock:
            try:
                self._socket.sendall(keyholder.LENGTH.pack(len(request)) + request)
                (length,) = keyholder.LENGTH.unpack(self._receive(keyholder.LENGTH.size))
                reply = self._receive(min(length, keyholder.MESSAGE_MAX))
            except OSError:
                # Late bytes of a reply that timed out must not answer the next question.
                self._socket.close()
                raise KeyholderGoneError from None
        if reply[:1] == keyholder.DONE:
            return reply[1:]
        code, _, sentence = reply[1:].decode("utf-8", "replace").partition("\n")
        raise LogFailureError(code, sentence)

    def _receive(self, length: int) -> bytes:
        parts = b""
        while len(parts) < length:
            part = self._socket.recv(length - len(parts))
            if not part:
                raise ConnectionResetError
            parts += part
        return parts
