"""The commands of a session's open transaction, by their numbers.

Law: a bounded number of them is remembered; what a savepoint undid behind that is ``unknown`` for
all that came later, never said to hold.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from custody.gateway.relay.recorded_entry import RecordedEntry
from custody.model.event import TransactionOver
from custody.model.record import Body, ResponseUnknown, TransactionEnded
from custody.model.words import Ended

REMEMBERED: Final = 65_536


class OpenTransaction:
    __slots__ = ("_alone", "_last", "_numbers")

    def __init__(self) -> None:
        self._numbers = array("Q")
        self._last = -1
        self._alone = -1
        """The last command whose own answer said how it ended."""

    def answered(self, number: int, *, open_ended: bool) -> None:
        """A command's answer came. One that is not open belongs to what is open, if anything is."""
        if not open_ended and not self._numbers:
            self._alone = number
            return
        if len(self._numbers) < REMEMBERED:
            self._numbers.append(number)
        self._last = max(self._last, number)

    def over(self, event: TransactionOver) -> TransactionEnded | None:
        """The record of an end; ``None`` where no command is known of it."""
        numbers, since = self._numbers, event.since
        if not numbers:
            alone, self._alone = self._alone, -1
            # It was answered well, and its end failed.
            return None if since or alone < 0 else TransactionEnded(alone, alone, event.ended)
        if since and since >= len(numbers):
            if len(numbers) < REMEMBERED:
                return None  # nothing was answered since
            return TransactionEnded(numbers[-1], self._last, Ended.UNKNOWN)
        record = TransactionEnded(numbers[since], self._last, event.ended)
        if not since:
            self._numbers = array("Q")
            self._last = -1
        return record

    def lost(self, messages: Iterable[RecordedEntry]) -> Iterator[Body]:
        """The session is over: what is to be recorded of commands without an answer, and of a
        transaction of which nobody said how it ended.
        """
        last = self._last
        for message in messages:
            for number in message.numbers[len(message.numbers) - message.open :]:
                yield ResponseUnknown(number)
                last = max(last, number)
        if self._numbers:
            yield TransactionEnded(self._numbers[0], last, Ended.UNKNOWN)
