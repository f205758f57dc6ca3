"""The pool of parser workers, and the cache in front of it.

Law: ``parse`` always answers, within a bound: with what the text means, or with why it could not be
read. One hostile text costs one worker; texts that wait are given to another, the culprit to none.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from custody.gateway.lookups.parser.cache import AnalysisCache
from custody.gateway.lookups.parser.frames import REQUEST_BYTES_AT_MOST
from custody.gateway.lookups.parser.process import Worker
from custody.wire.sql.syntax import Analysis, Unreadable

_WAITING_AT_MOST: Final = 1_024
_FAREWELL_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.5
"""Before a worker that could not even start is started again."""


class _Request:
    """A text that waits. Its answer is settled once: by a worker, by time, or by the end."""

    __slots__ = ("answer", "data", "length", "settle")

    def __init__(
        self,
        data: bytes,
        length: int,
        answer: asyncio.Future[Analysis],
        settle: Callable[[Analysis], None],
    ) -> None:
        self.data: Final = data
        self.length: Final = length
        self.answer: Final = answer
        self.settle: Final = settle


class ParserPool:
    """Use it as an asynchronous context; its workers live as long as that."""

    def __init__(
        self,
        *,
        workers: int = 2,
        timeout: float = 0.2,
        patience: float = 5.0,
        cache: AnalysisCache | None = None,
    ) -> None:
        """``timeout``: seconds that one text may take; ``patience``: that it may wait in all."""
        self._workers: Final = workers
        self._timeout: Final = timeout
        self._patience: Final = patience
        self._cache: Final = cache or AnalysisCache()
        self._waiting: Final[deque[_Request]] = deque()
        self._idle: Final[deque[Worker]] = deque()
        self._alive: Final[set[Worker]] = set()
        self._asked: Final[dict[str, asyncio.Future[Analysis]]] = {}
        self._owner: Final = asyncio.TaskGroup()
        self._closed = asyncio.Event()
        self.lost = 0
        """Workers that were lost and replaced, for the operator's eyes."""

    async def __aenter__(self) -> Self:
        await self._owner.__aenter__()
        for _ in range(self._workers):
            self._owner.create_task(self._keep())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        for worker in list(self._alive):
            worker.kill()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(Unreadable("overload"))
        # The group cancels its tasks where an error ends it; the processes are to be gone by then.
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                for worker in list(self._alive):
                    await worker.ended.wait()
        await self._owner.__aexit__(kind, error, trace)

    def recall(self, text: str) -> Analysis | None:
        """What is known already; never waits."""
        return self._cache.recall(text)

    async def parse(self, text: str) -> Analysis:
        """What the text means. Answers to the same text asked at once are shared."""
        known = self._cache.recall(text)
        if known is not None:
            return known
        answer = self._asked.get(text) or self._ask(text)
        if isinstance(answer, Unreadable):
            return answer
        # The future is shared: one asker's end must not end it for the others.
        return await asyncio.shield(answer)

    def _ask(self, text: str) -> asyncio.Future[Analysis] | Unreadable:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return Unreadable("encoding")
        if len(data) > REQUEST_BYTES_AT_MOST:
            return Unreadable("too-long")
        if self._closed.is_set() or len(self._waiting) >= _WAITING_AT_MOST:
            return Unreadable("overload")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Analysis] = loop.create_future()
        self._asked[text] = answer
        patience = loop.call_later(self._patience, self._give_up, answer)

        def settle(result: Analysis) -> None:
            patience.cancel()
            self._asked.pop(text, None)
            kept = self._cache.keep(text, result)
            if not answer.done():
                answer.set_result(kept)

        self._waiting.append(_Request(data, len(text), answer, settle))
        self._dispatch()
        return answer

    def _give_up(self, answer: asyncio.Future[Analysis]) -> None:
        """It waited too long. A worker that has it already may still fill the cache."""
        if not answer.done():
            answer.set_result(Unreadable("overload"))

    def _dispatch(self) -> None:
        while self._idle and self._waiting:
            worker = self._idle.popleft()
            if not worker.ready:
                continue
            request = self._waiting.popleft()
            if request.answer.done():
                request.settle(Unreadable("overload"))
                self._idle.appendleft(worker)
                continue
            worker.ask(request.data, request.length, request.settle)

    def _ready(self, worker: Worker) -> None:
        self._idle.append(worker)
        self._dispatch()

    def _gone(self, worker: Worker) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._closed.is_set():
            self.lost += 1

    async def _keep(self) -> None:
        """Keep one worker alive until the pool closes."""
        while not self._closed.is_set():
            worker = Worker(self._timeout, self._ready, self._gone)
            self._alive.add(worker)
            try:
                await worker.start()
                await worker.ended.wait()
            except OSError:
                # No process can be made now: memory, or process numbers, have run out.
                worker.ready = False
            finally:
                worker.ended.set()
                self._alive.discard(worker)
            if not self._closed.is_set() and not worker.was_ready:
                await asyncio.sleep(_PAUSE_SECONDS)
