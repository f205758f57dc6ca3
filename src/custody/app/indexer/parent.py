"""The gateway's side of the indexing process; also what ``python -m`` starts as that process.

Law: the process may die, hang or fail at any time, and nothing but searching waits for it. It is
started again, later and later; it learns only the durable end of the log.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from custody.app.indexer.pipe import (
    LINE_MAX,
    DayKeyReply,
    DayKeyRequest,
    FollowOrder,
    IndexReached,
    from_child,
    line,
)
from custody.evidence import KeyService, SealError
from custody.model.errors import LogFailureError

LOOK_SECONDS: Final = 1.0
"""How often the log is looked at for something new. A question does not wait for it, and what is
indexed a second's worth at once costs less than in small pieces.
"""
FRESHEN_SECONDS: Final = 5.0
"""How long a question waits for the index to catch up before it is answered from what is there."""
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
END_SECONDS: Final = 5.0
# Nothing of the gateway's environment: it may hold targets' passwords.
_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR")

_log: Final = logging.getLogger("custody.index")


class IndexerProcess:
    """Keeps one indexing process running beside the gateway. ``run`` it in one task."""

    def __init__(
        self,
        *,
        data: Path,
        name: str,
        keys: KeyService,
        durable: Callable[[], tuple[str, int]],
        log: tuple[str, str] = ("text", "info"),
    ) -> None:
        """``durable`` gives the origin and the durable size of the log that is being written;
        ``log``: how the process writes its own lines, format and level.
        """
        self._log_words: Final = log
        self._data: Final = data
        self._name: Final = name
        self._keys: Final = keys
        self._durable: Final = durable
        self._token = 0
        self._reached = 0
        self._fault = ""
        self._moved: Final = asyncio.Condition()
        self._started: Final = asyncio.Event()
        self.pid: int | None = None
        """Of the process that runs now."""
        self._stdin: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._one_life()
            except OSError as error:
                _log.warning("the indexing process failed: %s", error.strerror)
            lived = asyncio.get_running_loop().time() - started
            pause = FIRST_PAUSE_SECONDS if lived > LONGEST_PAUSE_SECONDS else pause * 2
            pause = min(pause, LONGEST_PAUSE_SECONDS)
            _log.warning("the indexing process ended; it is started again in %.0f s", pause)
            await asyncio.sleep(pause)

    async def catch_up(self) -> bool:
        """Wait until all that is durable now is indexed, but not for ever; whether it is."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(FRESHEN_SECONDS):
                await self._started.wait()
                wanted = await self._order()
                async with self._moved:
                    await self._moved.wait_for(lambda: self._reached >= wanted)
                    return not self._fault
        return False

    async def _one_life(self) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "custody.app.indexer.parent",
            "--data",
            str(self._data),
            "--name",
            self._name,
            "--log-format",
            self._log_words[0],
            "--log-level",
            self._log_words[1],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_MAX,
            env=environment,
            # Its own session: a terminal's Ctrl-C is the gateway's to act upon.
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("a process that was given pipes has them")
        self._stdin, self.pid = process.stdin, process.pid
        self._started.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell())
                await self._listen(process.stdout)
                telling.cancel()
        except* (OSError, msgspec.DecodeError, ValueError) as group:
            _log.warning("the indexing process: %s", type(group.exceptions[0]).__name__)
        finally:
            self._started.clear()
            self._stdin = self.pid = None
            await _end(process)

    async def _tell(self) -> None:
        """Tell of what became durable, whenever there is something new."""
        told: tuple[str, int] | None = None
        while True:
            durable = self._durable()
            if durable != told:
                told = durable
                await self._order()
            await asyncio.sleep(LOOK_SECONDS)

    async def _order(self) -> int:
        self._token += 1
        token = self._token
        log, size = self._durable()
        await self._send(FollowOrder(log, size, token))
        return token

    async def _send(self, message: FollowOrder | DayKeyReply) -> None:
        if self._stdin is None:
            raise BrokenPipeError
        self._stdin.write(line(message))
        await self._stdin.drain()

    async def _listen(self, stdout: asyncio.StreamReader) -> None:
        while text := await stdout.readline():
            match from_child.decode(text):
                case DayKeyRequest(day=day, wrapped=wrapped):
                    await self._send(await asyncio.to_thread(self._open, day, wrapped))
                case IndexReached(token=token, code=code):
                    async with self._moved:
                        self._fault = code
                        self._reached = max(self._reached, token)
                        self._moved.notify_all()

    def _open(self, day: str, wrapped: bytes) -> DayKeyReply:
        try:
            return DayKeyReply(day, self._keys.unwrap(day, wrapped))
        except (LogFailureError, SealError) as error:
            return DayKeyReply(day, b"", error.code, error.fault)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its pipe, which ends it; else end it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


if __name__ == "__main__":
    from custody.app.indexer.child import main

    main(sys.argv[1:])
