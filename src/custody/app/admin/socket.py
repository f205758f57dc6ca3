"""The admin socket: one JSON document per line in, one per line out.

Law: only the gateway's own account reaches it (0600 in a 0700 directory); every connection and
every request has an owner and an end; an answer never holds a traceback.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from custody.app.admin.admin_caller import UNKNOWN, AdminCaller, actor_of, admin_caller
from custody.model.errors import CustodyError

REQUEST_BYTES_AT_MOST: Final = 1024 * 1024
IDLE_S: Final = 60.0
CONNECTIONS_AT_MOST: Final = 32
REQUESTS_AT_ONCE: Final = 8
"""Of all connections together; the rest wait their turn."""
ANSWER_S: Final = 120.0
"""From a request's arrival to its answer, the waiting for its turn included."""
CLOSE_S: Final = 5.0

Dispatch = Callable[[str, Mapping[str, object], AdminCaller], Awaitable[object]]

_log: Final = logging.getLogger("custody.admin")


class AdminRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    call: str
    arguments: dict[str, object] = {}


class AdminServer:
    """``tasks`` owns every connection; ``answer_s`` is how long a request may take."""

    def __init__(
        self,
        path: Path,
        dispatch: Dispatch,
        tasks: asyncio.TaskGroup,
        *,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._path: Final = path
        self._dispatch: Final = dispatch
        self._tasks: Final = tasks
        self._answer_s: Final = answer_s
        self._turn: Final = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._decoder: Final = msgspec.json.Decoder(AdminRequest)
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self) -> None:
        """Listen. A socket file that a crash left behind is replaced: the log's lock has shown
        that no other gateway runs on this data.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        try:
            self._path.parent.chmod(0o700)
            # No await while the mask is narrowed: whatever else runs would make its files by it.
            before = os.umask(0o177)
            try:
                door.bind(str(self._path))
            finally:
                os.umask(before)
            self._server = await asyncio.start_unix_server(
                self._accept, sock=door, limit=REQUEST_BYTES_AT_MOST
            )
        except OSError as error:
            door.close()
            raise CustodyError(
                "admin.socket",
                f"The admin socket {self._path} cannot be made: {error.strerror or error}.",
                "Choose a shorter or a writable `data` path (a socket's path has 107 characters).",
            ) from error

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= CONNECTIONS_AT_MOST:
            _log.warning("a connection was refused, %d are open", self._open)
            writer.close()
            return
        self._open += 1
        self._tasks.create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        caller = UNKNOWN if peer is None else admin_caller(peer)
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readline()
                if not line:
                    return
                writer.write(await self._answer(line, caller) + b"\n")
                async with asyncio.timeout(IDLE_S):
                    await writer.drain()
        except (TimeoutError, ValueError, OSError):
            return  # too long a line, too slow a peer, or a peer that went away
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await writer.wait_closed()

    async def _answer(self, line: bytes, caller: AdminCaller) -> bytes:
        try:
            request = self._decoder.decode(line)
            result = await self._result(request, caller)
            return msgspec.json.encode({"result": result})
        except CustodyError as error:
            fault = {"code": error.code, "message": str(error)}
        except msgspec.DecodeError:
            fault = {"code": "admin.request", "message": "This is no request."}
        except Exception as error:  # noqa: BLE001 - an operator's question must not end the gateway
            _log.error("a request failed with %s", type(error).__name__)
            fault = {"code": "admin.failed", "message": "The request failed inside the gateway."}
        return msgspec.json.encode({"error": fault})

    async def _result(self, request: AdminRequest, caller: AdminCaller) -> object:
        arguments = dict(request.arguments)
        if isinstance(claimed := arguments.get("actor"), str):
            arguments["actor"] = actor_of(claimed, caller)
        try:
            async with asyncio.timeout(self._answer_s), self._turn:
                return await self._dispatch(request.call, arguments, caller)
        except TimeoutError as error:
            raise CustodyError(
                "admin.timeout",
                f"The running gateway had no answer within {self._answer_s:.0f} s.",
                "Ask for less at once, or try again when the machine is less busy.",
            ) from error
