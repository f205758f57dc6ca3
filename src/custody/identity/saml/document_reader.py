"""The XML worker, seen from the gateway: a process for each document.

Law: ``read`` always answers, within a bound. A document that crashes its worker, or keeps it
longer than its time, is refused, and no other document ever meets that process.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Final

import msgspec

from custody.identity.saml.document import (
    LENGTH,
    READY,
    REPLY_BYTES_AT_MOST,
    CanonicalDocument,
    UnreadableDocument,
    decode,
)
from custody.model.errors import CustodyError

# Nothing of the gateway's environment: it may hold targets' passwords.
_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_START_SECONDS: Final = 10.0
_FAREWELL_SECONDS: Final = 5.0


class SamlDocumentReader:
    """``timeout``: seconds that one document may take once its worker has started."""

    def __init__(self, *, timeout: float = 2.0, at_once: int = 2, waiting: int = 16) -> None:
        self._timeout: Final = timeout
        self._at_once: Final = asyncio.Semaphore(at_once)
        self._room: Final = at_once + waiting
        self._inside = 0

    async def read(self, document: bytes) -> CanonicalDocument:
        """Its canonical form; ``document`` is as ``document.py`` made it."""
        if self._inside >= self._room:
            raise CustodyError(
                "identity.busy", "Too many SAML documents wait to be read.", "Try again shortly."
            )
        self._inside += 1
        try:
            async with self._at_once:
                reply = await self._reply(document)
        finally:
            self._inside -= 1
        if reply is None:
            raise CustodyError(
                "identity.unreadable",
                "The process that read the SAML document was lost, or took too long.",
                "Try again; if it happens again, the document is not one of an identity provider.",
            )
        try:
            reading = decode(reply)
        except msgspec.MsgspecError as error:
            raise _malformed() from error
        if isinstance(reading, UnreadableDocument):
            raise _malformed()
        return reading

    async def _reply(self, document: bytes) -> bytes | None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "custody.identity.saml.worker",
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=environment,
                start_new_session=True,  # the terminal's Ctrl-C is not for it
                cwd="/",
            )
        except OSError:
            return None
        try:
            return await self._conversation(worker, document)
        except (OSError, EOFError, TimeoutError):
            return None
        finally:
            with suppress(ProcessLookupError):
                worker.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await worker.wait()

    async def _conversation(self, worker: Process, document: bytes) -> bytes | None:
        stdin, stdout = worker.stdin, worker.stdout
        if stdin is None or stdout is None:
            return None
        async with asyncio.timeout(_START_SECONDS):
            if await stdout.readexactly(len(READY)) != READY:
                return None
        async with asyncio.timeout(self._timeout):
            stdin.write(LENGTH.pack(len(document)) + document)
            await stdin.drain()
            (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
            if length > REPLY_BYTES_AT_MOST:
                return None
            return await stdout.readexactly(length)


def _malformed() -> CustodyError:
    return CustodyError(
        "identity.malformed",
        "The SAML document is not well-formed XML of the shape that SAML has.",
        "Log in again; if it happens again, look at what the identity provider sends.",
    )
