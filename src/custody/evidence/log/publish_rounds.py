"""Rounds of publishing beside an open log: one at a time, in a thread, and watched.

Law: the event loop waits neither for a round nor for a sync that a round wants. The log counts the
bytes that failed or unfinished rounds leave unpublished, and refuses new work above a bound.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from custody.evidence.disk.files import Files
from custody.evidence.keys.keyring import KeyholderGoneError, KeyService
from custody.evidence.log.bookmark import BookmarkPosition, bookmark_position, write_bookmark
from custody.evidence.log.publish import Cut, Publisher
from custody.evidence.log.refusals import is_fatal
from custody.evidence.log.writer import Writer
from custody.model.errors import LogFailureError

_BOUNDARY_S: Final = 1.0
"""So long a round that is to leave a bookmark waits for the end of a batch."""
_ROUND_S: Final = 5.0
"""So long one who must publish now waits for a round that runs."""

InThread = Callable[..., Awaitable[None]]
"""Runs its first argument in a thread, with the others."""


class _Work(NamedTuple):
    publisher: Publisher
    cut: Cut
    standing: BookmarkPosition | None


class PublishRounds:
    """Belongs to the event loop, but for ``_write``."""

    def __init__(
        self, writer: Writer, keys: KeyService, files: Files, evidence: Path, held_at_most: int
    ) -> None:
        """``held_at_most``: bytes of files that are not yet written."""
        self.fault: LogFailureError | OSError | None = None
        """Why nothing is published now; ``None`` once a round succeeded."""
        self.bookmark_due = False
        """The next round leaves a bookmark."""
        self.running = False
        self._writer: Final = writer
        self._keys: Final = keys
        self._files: Final = files
        self._evidence: Final = evidence
        self._held_at_most: Final = held_at_most
        self._lock: Final = threading.Lock()

    def publish_now(self, *, bookmark: bool = False) -> None:
        """Sign and expose all that is durable, here and now: blocks. Raises as ``write`` of a
        publisher, or if another round does not end.

        With a bookmark, all that was appended is made durable first.
        """
        if bookmark:
            self._writer.committer.flush()
        work = self._work()
        self._write(work if bookmark else work._replace(standing=None))
        work.publisher.settle(work.cut)

    async def run(self, in_thread: InThread) -> None:
        """One round, if there is anything to publish."""
        if not self._writer.publisher.dirty and not self.bookmark_due:
            return
        self.running = True
        try:
            if self.bookmark_due:
                work = await self._work_at_boundary()
            else:
                work = self._work()._replace(standing=None)
            await in_thread(self._write, work)
        except (LogFailureError, OSError) as error:
            self.note_failure(error)
        else:
            work.publisher.settle(work.cut)
            self.bookmark_due = self.bookmark_due and work.standing is None
            self.fault = None
            self._writer.behind = self._heavy()
        finally:
            self.running = False

    def note_failure(self, error: LogFailureError | OSError) -> None:
        """A round failed: new work is refused if too much is held, and all if the disk did."""
        self.fault = error
        self._writer.behind = self._heavy()
        if isinstance(error, OSError) and is_fatal(error):
            self._writer.fail_for_good(error)

    def check_backlog(self) -> None:
        """Look at what is held while a round runs, which may take long, or for ever."""
        if self.running and self._heavy():
            self._writer.behind = True
            self.fault = self.fault or _unending()

    def _heavy(self) -> bool:
        return self._writer.publisher.held_bytes > self._held_at_most

    def _work(self) -> _Work:
        """All that is durable; with a standing, where that is all that was appended."""
        writer = self._writer
        publisher = writer.publisher
        standing = None
        if publisher.size == writer.size:
            standing = bookmark_position(writer.size, writer.place, writer.chains)
        return _Work(publisher, publisher.cut(), standing)

    async def _work_at_boundary(self) -> _Work:
        """What is durable when the batch that is being filled is: there the writer's standing is
        known without holding it up. Without a standing, where no batch ends in time.
        """
        writer = self._writer
        if writer.publisher.size == writer.size:
            return self._work()
        reached: asyncio.Future[_Work] = asyncio.get_running_loop().create_future()

        def closed() -> Callable[[], None]:
            publisher = writer.publisher
            standing = bookmark_position(writer.size, writer.place, writer.chains)

            def durable() -> None:
                if not reached.done():
                    reached.set_result(_Work(publisher, publisher.cut(), standing))

            return durable

        writer.committer.at_boundary = closed
        try:
            async with asyncio.timeout(_BOUNDARY_S):
                return await reached
        except TimeoutError:
            return self._work()
        finally:
            writer.committer.at_boundary = None

    def _write(self, work: _Work) -> None:
        """From any thread."""
        publisher, cut, standing = work
        if not self._lock.acquire(timeout=_ROUND_S):
            raise _unending()
        try:
            try:
                publisher.write(cut)
            except KeyholderGoneError:
                self._keys.restart()
                publisher.write(cut)
            if standing is not None and standing.size == cut.checkpoint.size:
                write_bookmark(self._files, self._evidence, cut.checkpoint, standing)
        finally:
            self._lock.release()


def _unending() -> LogFailureError:
    return LogFailureError(
        "log.publishing",
        "Writing or signing what was recorded does not come to an end.",
        "See with `custody doctor` whether the disk, the anchor's disk and the key-holder answer; "
        "if they do, restart the gateway: nothing that was acknowledged is lost.",
    )
