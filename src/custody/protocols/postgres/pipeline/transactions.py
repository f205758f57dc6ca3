"""How each transaction ends, by the server's own word.

Law: what says it is a command's tag, an error, and the status of ReadyForQuery; never the text of a
statement, but for the name of a savepoint, which no tag has. Nothing is said of a command alone
outside a transaction, whose own answer says it.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from custody.model.event import TransactionOver
from custody.model.words import Ended
from custody.wire.sql.syntax import Change, RollbackTo, Savepoint

SAVEPOINTS_AT_MOST: Final = 1000
_BEGINS: Final = frozenset({"BEGIN", "START TRANSACTION"})
_ENDS: Final = {
    "COMMIT": Ended.COMMITTED,
    "ROLLBACK": Ended.ROLLED_BACK,
    "PREPARE TRANSACTION": Ended.UNKNOWN,
}


class TransactionEnds:
    """Follows one session. ``ended`` are the ends that are still to be given."""

    __slots__ = ("_answers", "_block", "_failed", "_last", "_savepoints", "ended")

    def __init__(self) -> None:
        self.ended: Final[deque[TransactionOver]] = deque()
        self._answers = 0
        """Answers since the transaction began that leave its end to be told."""
        self._block = False
        """Begun by a command: a ReadyForQuery does not end it."""
        self._last = False
        """An answer came that was to be the last of its transaction, and so said its end."""
        self._failed = False
        self._savepoints: list[tuple[str, int]] = []

    def completed(self, tag: str, changes: Sequence[Change], *, last: bool) -> bool:
        """A command ended well. Whether its answer leaves open how its transaction ends. ``last``:
        nothing of its transaction stands behind it but the end, if it is not one that was begun.
        """
        if tag in _ENDS or changes:
            back = next((each for each in changes if isinstance(each, RollbackTo)), None)
            if back is not None:
                self._back_to(back.name)
            elif tag in _ENDS:
                if self._answers or self._block:
                    self._end(_ENDS[tag])
                return False
            else:
                self._note_savepoints(changes)
        if tag in _BEGINS:
            self._block = True
        if last and not self._block:
            self._last = True
            return False
        self._answers += 1
        return True

    def failed(self) -> None:
        """An error came: until it is rolled back, nothing of the transaction holds."""
        self._failed = True

    def ready(self, status: str) -> None:
        """ReadyForQuery."""
        if status != "I":
            self._block, self._failed = True, status == "E"
            return
        if self._answers or (self._last and self._failed):
            self._end(Ended.ROLLED_BACK if self._failed else Ended.COMMITTED)
        self._begin()

    def _begin(self) -> None:
        self._answers = 0
        self._block = self._failed = self._last = False
        if self._savepoints:
            self._savepoints = []

    def _end(self, how: Ended) -> None:
        self.ended.append(TransactionOver(how))
        self._begin()

    def _note_savepoints(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Savepoint) and len(self._savepoints) < SAVEPOINTS_AT_MOST:
                # What was done since is what was answered behind the SAVEPOINT itself.
                self._savepoints.append((change.name, self._answers + 1))

    def _back_to(self, name: str) -> None:
        self._failed = False
        for at in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[at][0] == name:
                since = self._savepoints[at][1]
                del self._savepoints[at + 1 :]
                if since < self._answers:
                    self.ended.append(TransactionOver(Ended.ROLLED_BACK, since))
                return
        if self._answers:  # a savepoint that nobody saw: what it undid is not known
            self.ended.append(TransactionOver(Ended.UNKNOWN, 1))
