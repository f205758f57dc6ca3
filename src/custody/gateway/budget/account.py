"""One loop's figures: what it has used, and at which figure it stops.

Law: a figure only grows. Plain attributes, for every statement touches them.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from custody.model.identity import Spent, Tally
from custody.model.words import Exceeded, LoopId

ENDLESS: Final = 1 << 62
MAX_ROWS: Final = "max_rows"


class BudgetLimit(Protocol):
    """A limit of a budget, as the policy gives it."""

    @property
    def quantity(self) -> str:
        """``commands``, ``rows``, ``bytes``, ``writes``, ``denials``, or ``max_rows``, which is of
        one statement.
        """
        ...

    @property
    def limit(self) -> int: ...

    @property
    def then(self) -> Exceeded: ...


class Account:
    __slots__ = (
        "at_once", "bytes", "commands", "denials", "forgiven", "limits", "loop", "most_bytes",
        "most_commands", "most_denials", "most_rows", "most_writes", "parent", "rows", "stopped",
        "touched", "writes",
    )  # fmt: skip

    def __init__(
        self, loop: LoopId, parent: "Account | None", limits: Sequence[BudgetLimit], tally: Tally
    ) -> None:
        self.loop: Final = loop
        self.parent: Final = parent
        self.limits = tuple(limits)
        spent = tally.spent
        self.commands = spent.commands
        self.rows = spent.rows
        self.bytes = spent.bytes
        self.writes = spent.writes
        self.denials = spent.denials
        self.forgiven = tally.forgiven
        self.stopped: BudgetLimit | None = next(
            (each for each in limits if each.quantity == tally.paused), None
        )
        """The limit that was crossed, until the loop is let on."""
        self.at_once = _at_once(limits)
        """Rows that one statement may write."""
        self.touched = False
        """Whether it is among those whose figures are to be kept."""
        self._measure()

    def replace_limits(self, limits: Sequence[BudgetLimit]) -> None:
        """Others from now on. What stopped it stops it still, where it has that limit and no more
        room in it.
        """
        self.limits, self.at_once = tuple(limits), _at_once(limits)
        if self.stopped is not None:
            quantity = self.stopped.quantity
            self.stopped = next((each for each in limits if each.quantity == quantity), None)
        self._measure()

    def _measure(self) -> None:
        """The figure at which each quantity is used up."""
        most = {
            each.quantity: getattr(self.forgiven, each.quantity) + each.limit
            for each in self.limits
            if each.quantity != MAX_ROWS
        }
        self.most_commands: int = most.get("commands", ENDLESS)
        self.most_rows: int = most.get("rows", ENDLESS)
        self.most_bytes: int = most.get("bytes", ENDLESS)
        self.most_writes: int = most.get("writes", ENDLESS)
        self.most_denials: int = most.get("denials", ENDLESS)

    def forgive(self) -> None:
        """All that was used until now counts no more."""
        self.forgiven = self.spent()
        self.stopped = None
        self._measure()

    def spent(self) -> Spent:
        return Spent(self.commands, self.rows, self.bytes, self.writes, self.denials)

    def tally(self) -> Tally:
        return Tally(
            self.spent(), self.forgiven, "" if self.stopped is None else self.stopped.quantity
        )

    def used(self, quantity: str) -> int:
        """Since the loop began, or was last let on."""
        used: int = getattr(self, quantity) - getattr(self.forgiven, quantity)
        return used

    def bound(self, quantity: str) -> BudgetLimit:
        return next(each for each in self.limits if each.quantity == quantity)


def _at_once(limits: Sequence[BudgetLimit]) -> int:
    return next((each.limit for each in limits if each.quantity == MAX_ROWS), ENDLESS)
