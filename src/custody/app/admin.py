"""The admin socket: one JSON document per line in, one per line out.

Law: only the gateway's own account reaches it (0600 in a 0700 directory); a request that cannot be
read is answered and ends its connection; an answer never holds a traceback.
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

from custody.model.errors import CustodyError

REQUEST_BYTES_AT_MOST: Final = 1024 * 1024
IDLE_S: Final = 60.0
CONNECTIONS_AT_MOST: Final = 32

Dispatch = Callable[[str, Mapping[str, object]], Awaitable[object]]

_log: Final = logging.getLogger("custody.admin")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    call: str
    arguments: dict[str, object] = {}


class AdminServer:
    def __init__(self, path: Path, dispatch: Dispatch) -> None:
        self._path: Final = path
        self._dispatch: Final = dispatch
        self._decoder: Final = msgspec.json.Decoder(Request)
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
                self._serve, sock=door, limit=REQUEST_BYTES_AT_MOST
            )
        except OSError as error:
            door.close()
            raise CustodyError(
                "admin.socket",
                f"The admin socket {self._path} cannot be made: {error.strerror or error}.",
                "Choose a shorter or a writable `data` path (a socket's path has 107 characters).",
            ) from error

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            while self._open <= CONNECTIONS_AT_MOST:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readline()
                if not line:
                    return
                writer.write(await self._answer(line) + b"\n")
                async with asyncio.timeout(IDLE_S):
                    await writer.drain()
        except (TimeoutError, ValueError, OSError):
            return  # too long a line, too slow a peer, or a peer that went away
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = self._decoder.decode(line)
            result = await self._dispatch(request.call, request.arguments)
            return msgspec.json.encode({"result": result})
        except CustodyError as error:
            fault = {"code": error.code, "message": str(error)}
        except msgspec.DecodeError:
            fault = {"code": "admin.request", "message": "This is no request."}
        except Exception as error:  # noqa: BLE001 - an operator's question must not end the gateway
            _log.error("a request failed with %s", type(error).__name__)
            fault = {"code": "admin.failed", "message": "The request failed inside the gateway."}
        return msgspec.json.encode({"error": fault})
