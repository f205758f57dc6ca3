"""The committer: one write and one sync for all that came in while the last sync ran.

Law: batches are written in order, and a batch's waiters learn of it only after its sync. Where a
sync is quick it runs in the event loop, since a hand-off costs as much; where it takes long a
thread runs it. The time of the syncs themselves decides, while running.
"""

import asyncio
import errno
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from custody.evidence.disk.segment_pool import Segment
from custody.evidence.log.open_day import OpenDay
from custody.model.interfaces import Durable
from custody.model.record import Receipt

_THREAD_FROM_NS: Final = 2_000_000
_INLINE_FROM_NS: Final = 700_000
"""Of the running mean of sync times; two marks, so that it does not flutter."""
UNWAITED_S: Final = 0.02
"""A response is to be durable within 50 ms; this leaves the disk 30 of them."""


class Batch:
    """What is to be made durable together."""

    __slots__ = (
        "_frames",
        "_last",
        "keys",
        "leaves",
        "reached",
        "retired",
        "size",
        "waiters",
        "writes",
    )

    def __init__(self) -> None:
        self.keys: list[tuple[OpenDay, bytes]] = []
        self.writes: list[tuple[Segment, int, list[bytes]]] = []
        self.leaves: list[tuple[bytes, bytes]] = []
        """Each record's leaf and leaf hash."""
        self.waiters: list[tuple[Receipt, Durable]] = []
        self.retired: list[OpenDay | Segment] = []
        """What no later batch writes to; closed when this one is done."""
        self.reached: Callable[[], None] | None = None
        """Called once this is durable and its waiters have heard."""
        self.size = 0
        """Bytes of all frames."""
        self._last: Segment | None = None
        self._frames: list[bytes] = []

    def add(self, segment: Segment, frame: bytes, leaf: bytes, leaf_hash: bytes) -> None:
        if segment is not self._last:
            self._last = segment
            self._frames = []
            self.writes.append((segment, segment.offset, self._frames))
        self._frames.append(frame)
        self.leaves.append((leaf, leaf_hash))
        size = len(frame)
        self.size += size
        segment.offset += size

    def mark(self) -> tuple[int, int, int]:
        """Where it stands now, to return to."""
        return len(self.leaves), len(self.waiters), self.size

    def return_to(self, mark: tuple[int, int, int]) -> None:
        """Take out what was added since. Keys and segments that were taken into use meanwhile stay:
        they serve what comes next.
        """
        leaves, waiters, size = mark
        for _ in self.leaves[leaves:]:
            segment, _, frames = self.writes[-1]
            segment.offset -= len(frames.pop())
            if not frames:
                self.writes.pop()
        del self.leaves[leaves:], self.waiters[waiters:]
        self.size = size
        self._last = None

    def write(self, nanoseconds: Callable[[], int]) -> int:
        """Write and sync; how long the last sync took. Raises ``OSError``."""
        for day, lines in self.keys:
            day.write(lines)
        for segment, offset, frames in self.writes:
            segment.file.write_at(frames[0] if len(frames) == 1 else b"".join(frames), offset)
        took = 0
        for segment, _, _ in self.writes:
            start = nanoseconds()
            segment.file.sync()
            took = nanoseconds() - start
        return took


class SyncTimes:
    """How long syncs took, for an operator: a histogram that only grows."""

    BOUNDS_NS: Final = (
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        100_000_000, 1_000_000_000,
    )  # fmt: skip

    __slots__ = ("counts", "total_ns")

    def __init__(self) -> None:
        self.counts: Final = [0] * (len(self.BOUNDS_NS) + 1)
        """By the first bound that is not below; the last: beyond all."""
        self.total_ns = 0

    def add(self, took: int) -> None:
        self.counts[bisect_left(self.BOUNDS_NS, took)] += 1
        self.total_ns += took


Finish = Callable[[Batch, OSError | None], None]


class Committer:
    """Owns the batch that is being filled. All of it but the thread runs in the event loop."""

    def __init__(
        self,
        event_loop: asyncio.AbstractEventLoop,
        finish: Finish,
        nanoseconds: Callable[[], int],
    ) -> None:
        self.batch = Batch()
        self.at_boundary: Callable[[], Callable[[], None]] | None = None
        """Called once, when ``batch`` is closed; gives what its ``reached`` will be."""
        self.mean_sync_ns = 0
        self.sync_times: Final = SyncTimes()
        self._event_loop = event_loop
        self._finish = finish
        self._nanoseconds = nanoseconds
        self._scheduled = False
        self._wanted = False
        """Somebody waits for what is in ``batch``."""
        self._later: asyncio.TimerHandle | None = None
        self._in_thread = False
        self._work: SimpleQueue[Batch | None] = SimpleQueue()
        self._results: deque[tuple[Batch, OSError | None, int]] = deque()
        self._written = threading.Event()
        self._thread: threading.Thread | None = None
        self._prefers_thread = False

    def wake(self) -> None:
        """Somebody waits for what was added to ``batch``."""
        self._wanted = True
        if not self._scheduled and not self._in_thread:
            self._scheduled = True
            # What else this turn of the loop receives goes into the same sync.
            self._event_loop.call_soon(self._turn)

    def wake_later(self) -> None:
        """A record without a waiter shares the sync of the next one that has a waiter; if none
        comes, it is synced within ``UNWAITED_S``.
        """
        if self._later is None:
            self._later = self._event_loop.call_later(UNWAITED_S, self._turn_late)

    def flush(self) -> None:
        """Make all of it durable before returning; blocks the loop."""
        while self._in_thread:  # collecting may hand over the next batch
            self._written.wait()
            self._collect()
        self._write_here()

    def close(self) -> None:
        """After ``flush``."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None

    def _turn_late(self) -> None:
        self._later = None
        self._wanted = True
        self._turn()

    def _turn(self) -> None:
        self._scheduled = False
        if self._in_thread or not self.batch.leaves:
            return
        if self._prefers_thread:
            self._hand_over()
        else:
            self._write_here()

    def _write_here(self) -> None:
        if not self.batch.leaves:
            return
        batch = self._close_batch()
        error, took = self._write(batch)
        self._learn(took)
        self._finish(batch, error)

    def _close_batch(self) -> Batch:
        batch, self.batch = self.batch, Batch()
        self._wanted = False
        if self.at_boundary is not None:
            batch.reached, self.at_boundary = self.at_boundary(), None
        return batch

    def _write(self, batch: Batch) -> tuple[OSError | None, int]:
        try:
            return None, batch.write(self._nanoseconds)
        except OSError as error:
            return error, 0
        except Exception as error:  # noqa: BLE001 - nobody knows what is on disk: as a failed disk
            return OSError(errno.EIO, f"a write failed with {type(error).__name__}"), 0

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="committer", daemon=True)
            self._thread.start()
        batch = self._close_batch()
        self._in_thread = True
        self._written.clear()
        self._work.put(batch)

    def _serve(self) -> None:
        while (batch := self._work.get()) is not None:
            self._results.append((batch, *self._write(batch)))
            self._written.set()
            self._event_loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        if not self._results:  # ``flush`` was here first
            return
        batch, error, took = self._results.popleft()
        self._in_thread = False
        self._learn(took)
        self._finish(batch, error)
        if self._wanted:
            self._turn()

    def _learn(self, took: int) -> None:
        self.sync_times.add(took)
        self.mean_sync_ns += (took - self.mean_sync_ns) // 8
        if self.mean_sync_ns > _THREAD_FROM_NS:
            self._prefers_thread = True
        elif self.mean_sync_ns < _INLINE_FROM_NS:
            self._prefers_thread = False
