"""Remembering what an issuer publishes, for as long as that is safe.

Law: asked again after an hour; sooner only where something unknown turned up, and then at most
every 30 seconds whatever turns up; a new answer replaces the old one whole; and an issuer that
does not answer is trusted on its last answer for four hours, not longer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from custody.model.errors import CustodyError

FRESH_MS: Final = 3_600_000
KEPT_MS: Final = 4 * 3_600_000
RENEWED_MS: Final = 30_000
RETRIED_MS: Final = 5_000
"""Where there is no answer at all yet, waiting for 30 seconds would help nobody."""

T = TypeVar("T")


class IssuerCache(Generic[T]):
    """One answer. For one event loop."""

    def __init__(self, load: Callable[[], Awaitable[T]], clock: Callable[[], int]) -> None:
        """``load`` raises ``CustodyError`` and bounds its own time."""
        self._load: Final = load
        self._clock: Final = clock
        self._turn: Final = asyncio.Lock()
        self._value: T | None = None
        self._loaded = 0
        self._asked: int | None = None
        self._failure: CustodyError | None = None

    async def get(self) -> T:
        """The answer, not older than it may be. Raises what ``load`` raised."""
        if self._value is not None and self._within(self._loaded, FRESH_MS):
            return self._value
        async with self._turn:
            return await self._renew(unless_within=FRESH_MS)

    async def renewed(self, seen: T) -> T:
        """The answer after something was missing in ``seen``: another one, if there is one yet."""
        async with self._turn:
            if self._value is not None and self._value is not seen:
                return self._value
            return await self._renew(unless_within=0)

    async def _renew(self, *, unless_within: int) -> T:
        if self._value is not None and not self._within(self._loaded, KEPT_MS):
            self._value = None
        value = self._value
        if value is not None and self._within(self._loaded, unless_within):
            return value
        wait = RETRIED_MS if value is None else RENEWED_MS
        if self._asked is None or not self._within(self._asked, wait):
            await self._ask()
        if self._value is not None:
            return self._value
        failure = self._failure or CustodyError(
            "identity.unreachable", "The issuer has not answered yet."
        )
        raise CustodyError(failure.code, failure.fault, failure.cure)

    async def _ask(self) -> None:
        self._asked = self._clock()
        try:
            value = await self._load()
        except CustodyError as error:
            # Counted from here: who waited behind a slow failure must not wait for another one.
            self._asked, self._failure = self._clock(), error
        except asyncio.CancelledError:
            # Who asked went away; whoever waits behind may ask at once, if there is nothing yet.
            if self._value is None:
                self._asked = None
            raise
        else:
            self._value, self._loaded, self._failure = value, self._clock(), None

    def _within(self, moment: int, span: int) -> bool:
        # A clock that was set back makes an answer old, never new for ever.
        return 0 <= self._clock() - moment < span
