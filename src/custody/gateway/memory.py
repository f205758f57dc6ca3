"""Memory that long messages take, by shares.

Law: what is taken is never more than the bound of all sessions, nor of one loop's than its share.
It is taken whole before a message's first byte is kept, so that no two half messages wait for each
other; what a session has comes back when it ends.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from custody.model.codec import Room
from custody.model.words import LoopId

PATIENCE_S: Final = 30.0
"""How long a message waits for others of its share to leave."""
KEPT_STEP: Final = 1_048_576
"""Of what a session keeps, so many bytes are taken at a time."""


class _LoopShare:
    __slots__ = ("taken", "waiting")

    def __init__(self) -> None:
        self.taken = 0
        self.waiting: Final[dict[MemoryAccount, None]] = {}
        """In the order in which they came."""


class MemoryShares:
    """One for a gateway. Bounds are in bytes."""

    def __init__(self, all_bytes: int, loop_bytes: int) -> None:
        self._all: Final = all_bytes
        self._loop: Final = min(loop_bytes, all_bytes)
        self.loops: Final[dict[LoopId, _LoopShare]] = {}
        """Those that have something, or wait for it."""
        self.taken = 0
        """By all."""

    def account(self, loop: LoopId, wake: Callable[[], None]) -> "MemoryAccount":
        """``wake`` is called when ``take`` may have another answer than ``LATER``."""
        return MemoryAccount(self, loop, wake)

    def holds(self, size: int) -> bool:
        """Whether one loop could ever have so much."""
        return size <= self._loop

    def take(self, loop: LoopId, size: int) -> bool:
        share = self.loops.get(loop)
        taken = share.taken if share is not None else 0
        if self.taken + size > self._all or taken + size > self._loop:
            return False
        if size:
            self.taken += size
            self._share(loop).taken += size
        return True

    def give(self, loop: LoopId, size: int) -> None:
        self.taken -= size
        self._share(loop).taken -= size
        self._tidy(loop)
        for share in self.loops.values():
            if share.waiting:
                next(iter(share.waiting)).wake_soon()

    def wait(self, account: "MemoryAccount") -> None:
        self._share(account.loop).waiting[account] = None

    def leave(self, account: "MemoryAccount") -> None:
        """It waits no more: the next of its loop may fit."""
        share = self.loops.get(account.loop)
        if share is not None and account in share.waiting:
            del share.waiting[account]
            if share.waiting:
                next(iter(share.waiting)).wake_soon()
            self._tidy(account.loop)

    def _share(self, loop: LoopId) -> _LoopShare:
        return self.loops.setdefault(loop, _LoopShare())

    def _tidy(self, loop: LoopId) -> None:
        share = self.loops.get(loop)
        if share is not None and not share.taken and not share.waiting:
            del self.loops[loop]


class MemoryAccount:
    """A session's part of its loop's share; the ``MemoryShare`` that its codec draws on."""

    def __init__(self, shares: MemoryShares, loop: LoopId, wake: Callable[[], None]) -> None:
        self.loop: Final = loop
        self._shares: Final = shares
        self._wake: Final = wake
        self._event_loop: Final = asyncio.get_running_loop()
        self.taken = 0
        """For messages on their way."""
        self._kept = 0
        self._deadline = 0.0
        """Until when the message at hand waits; 0: none does."""
        self._closed = False

    def take(self, size: int) -> Room:
        if self._shares.take(self.loop, size):
            self.taken += size
            self._wait_no_more()
            return Room.TAKEN
        now = self._event_loop.time()
        late = self._deadline and now >= self._deadline
        if late or not self._shares.holds(size):
            self._wait_no_more()
            return Room.NEVER
        if not self._deadline:
            self._deadline = now + PATIENCE_S
            self._shares.wait(self)
            self._event_loop.call_at(self._deadline, self.wake_soon)
        return Room.LATER

    def give(self, size: int) -> None:
        if self._closed or not size:
            return
        self.taken -= size
        self._shares.give(self.loop, size)

    def keep(self, size: int) -> bool:
        kept = -(-size // KEPT_STEP) * KEPT_STEP
        more = kept - self._kept
        if more > 0 and not self._shares.take(self.loop, more):
            return False
        self._kept = kept
        if more < 0:
            self._shares.give(self.loop, -more)
        return True

    def wake_soon(self) -> None:
        """For those who wait: what was in the way may be gone, or their time is up."""
        if self._deadline and not self._closed:
            self._event_loop.call_soon(self._wake)

    def close(self) -> None:
        """The session is over."""
        if self._closed:
            return
        self._closed = True
        self._wait_no_more()
        if left := self.taken + self._kept:
            self.taken = self._kept = 0
            self._shares.give(self.loop, left)

    def _wait_no_more(self) -> None:
        if self._deadline:
            self._deadline = 0.0
            self._shares.leave(self)
