"""The pool of parser workers, and the cache in front of it.

Law: ``parse`` always answers, within a bound: with what the text means, or with why it could not be
read. One hostile text costs one worker; texts that wait are given to another, the culprit to none.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from custody.gateway.lookups.parser.cache import AnalysisCache
from custody.gateway.lookups.parser.frames import REQUEST_BYTES_AT_MOST
from custody.gateway.lookups.parser.limits import PROCESSOR_SECONDS, patience_for
from custody.gateway.lookups.parser.process import Worker
from custody.gateway.lookups.parser.text_queue import WaitingText, WaitingTexts
from custody.wire.sql.syntax import Analysis, Unreadable

_FAREWELL_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.5
"""Before a worker that could not even start is started again."""


class ParserPool:
    """Use it as an asynchronous context; its workers live as long as that."""

    def __init__(
        self,
        *,
        workers: int = 2,
        processor_seconds: float = PROCESSOR_SECONDS,
        patience: float = 20.0,
        cache: AnalysisCache | None = None,
    ) -> None:
        """``processor_seconds``: as ``processor_limit`` takes them; ``patience``: seconds that a
        short text may wait in all, for a worker and with it. Longer ones may wait as much longer as
        they may take.
        """
        self._workers: Final = workers
        self._processor_seconds: Final = processor_seconds
        self._patience: Final = patience
        self._cache: Final = cache or AnalysisCache()
        self._waiting: Final = WaitingTexts()
        self._idle: Final[deque[Worker]] = deque()
        self._with_long: Final[set[Worker]] = set()
        """Workers that read a long text."""
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

    @property
    def waiting(self) -> int:
        """Texts that no worker has begun with."""
        return len(self._waiting)

    def recall(self, text: str) -> Analysis | None:
        """What is known already; never waits."""
        return self._cache.recall(text)

    async def parse(self, text: str, asker: Hashable) -> Analysis:
        """What the text means. Answers to the same text asked at once are shared. Askers take
        turns; who share one have the same ``asker``.
        """
        known = self._cache.recall(text)
        if known is not None:
            return known
        answer = self._asked.get(text) or self._ask(text, asker)
        if isinstance(answer, Unreadable):
            return answer
        # The future is shared: one asker's end must not end it for the others.
        return await asyncio.shield(answer)

    def _ask(self, text: str, asker: Hashable) -> asyncio.Future[Analysis] | Unreadable:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return Unreadable("encoding")
        if len(data) > REQUEST_BYTES_AT_MOST:
            return Unreadable("too-long")
        if self._closed.is_set():
            return Unreadable("overload")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Analysis] = loop.create_future()

        def settle(result: Analysis) -> None:
            patience.cancel()
            self._asked.pop(text, None)
            kept = self._cache.keep(text, result)
            if not answer.done():
                answer.set_result(kept)

        if not self._waiting.add(WaitingText(data, len(text), asker, settle, answer.done)):
            return Unreadable("overload")
        self._asked[text] = answer
        wait = self._patience + patience_for(len(data), self._processor_seconds)
        patience = loop.call_later(wait, self._give_up, answer)
        self._dispatch()
        return answer

    def _give_up(self, answer: asyncio.Future[Analysis]) -> None:
        """It waited too long. A worker that has it already may still fill the cache."""
        if not answer.done():
            answer.set_result(Unreadable("overload"))

    def _dispatch(self) -> None:
        while self._idle:
            worker = self._idle.popleft()
            if not worker.ready:
                continue
            # One worker is kept for short texts, where there are several.
            text = self._waiting.next(long=len(self._with_long) < max(1, self._workers - 1))
            if text is None:
                self._idle.appendleft(worker)
                return
            if text.over():
                text.settle(Unreadable("overload"))
                self._idle.appendleft(worker)
                continue
            if text.long:
                self._with_long.add(worker)
            worker.ask(text.data, text.length, text.settle)

    def _ready(self, worker: Worker) -> None:
        self._with_long.discard(worker)
        self._idle.append(worker)
        self._dispatch()

    def _gone(self, worker: Worker) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        self._with_long.discard(worker)
        if not self._closed.is_set():
            self.lost += 1

    async def _keep(self) -> None:
        """Keep one worker alive until the pool closes."""
        while not self._closed.is_set():
            worker = Worker(self._processor_seconds, self._ready, self._gone)
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
