"""What loops use up, counted where it happens.

Law: what a loop uses is used of all its ancestors' budgets too; a command over a budget does not
move, and a loop that has no account here moves nothing. Each crossing is recorded once.

Commands and writes are counted before they move, so no limit on them is passed. Rows and bytes are
known when an answer is complete: the answer that crosses their limit has arrived, and is the last.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from custody.gateway.budget.account import MAX_ROWS, Account, BudgetLimit
from custody.model.command import Command, Verdict
from custody.model.errors import CustodyError
from custody.model.identity import Loop, Session, Tally
from custody.model.record import BudgetExceeded, Response
from custody.model.words import Decision, Effect, Exceeded, LoopId

RULE: Final = "budget"
"""What refusals and records call it, where other verdicts name a rule."""

_ALLOW: Final = Decision.ALLOW
_READ: Final = frozenset({Effect.READ})
_ENDED: Final = "This loop has ended."


class UsageCounter(Protocol):
    """What the gate asks of a meter."""

    def charge(
        self, session: Session, commands: Sequence[Command], verdicts: list[Verdict], stage: str
    ) -> bool:
        """Count a message's commands, and put a denial in the place of each verdict that a budget
        does not allow. Whether it put any. Raises as the log does: nothing may move then.
        """
        ...

    def answered(self, session: Session, response: Response) -> None:
        """Count what came back. Raises as the log does."""
        ...


class Meter:
    """``note`` queues a record of a loop, raising as the log does. ``ends`` is told of a loop that
    is to end; it must not end anything before it returns.
    """

    def __init__(
        self,
        *,
        note: Callable[[LoopId, BudgetExceeded], object],
        end_loop: Callable[[LoopId, str], object],
        policy: bytes,
    ) -> None:
        self._note: Final = note
        self._ends: Final = end_loop
        self._policy = policy
        self._accounts: Final[dict[LoopId, Account]] = {}
        self._touched: Final[dict[LoopId, Account]] = {}

    # Accounts.

    def open_account(
        self, loop: Loop, limits: Sequence[BudgetLimit], tally: Tally | None = None
    ) -> None:
        """Begin to count for a loop. Raises ``loop.ended`` where its parent has no account: what
        the loop uses could not be counted there.
        """
        parent = None if loop.parent is None else self._accounts.get(loop.parent)
        if loop.parent is not None and parent is None:
            raise CustodyError(
                "loop.ended", f"The loop {loop.parent}, above {loop.id}, is over.", "Start anew."
            )
        self._accounts[loop.id] = Account(loop.id, parent, limits, tally or Tally())

    @property
    def open_loops(self) -> int:
        return len(self._accounts)

    def replace_limits(
        self, policy: bytes, limits: Iterable[tuple[LoopId, Sequence[BudgetLimit]]]
    ) -> None:
        """What open loops may use from now on; what they have used stays used. ``policy``: the
        digest that refusals carry.
        """
        self._policy = policy
        for loop, allowed in limits:
            if (account := self._accounts.get(loop)) is not None:
                account.replace_limits(allowed)

    def close_account(self, loop: LoopId) -> None:
        """The loop is over: nothing of it moves any more. Its last figures are still to be kept."""
        account = self._accounts.pop(loop, None)
        if account is not None:
            self._touched[loop] = account

    def tally(self, loop: LoopId) -> Tally | None:
        account = self._accounts.get(loop)
        return None if account is None else account.tally()

    def paused(self, loop: str) -> str:
        """The quantity for which the loop waits to be let on; empty where it does not."""
        tally = self.tally(LoopId(loop))
        return "" if tally is None else tally.paused

    def limits(self, loop: LoopId) -> Sequence[BudgetLimit]:
        account = self._accounts.get(loop)
        return () if account is None else account.limits

    def resume(self, loop: LoopId) -> bool:
        """Let a stopped loop use its budget once more; false where it is not stopped, or ends."""
        account = self._accounts.get(loop)
        if account is None or account.stopped is None or account.stopped.then is Exceeded.END:
            return False
        account.forgive()
        self._touched[loop] = account
        return True

    def take_changed(self) -> Mapping[LoopId, Tally]:
        """The figures that changed since this was last asked, to be kept."""
        changed = {loop: account.tally() for loop, account in self._touched.items()}
        for account in self._touched.values():
            account.touched = False
        self._touched.clear()
        return changed

    def mark_unsaved(self, loops: Iterable[LoopId]) -> None:
        """Keeping their figures failed: they are changed still."""
        for loop in loops:
            account = self._accounts.get(loop)
            if account is not None:
                self._touched[loop] = account

    # On the way of a statement.

    def charge(
        self, session: Session, commands: Sequence[Command], verdicts: list[Verdict], stage: str
    ) -> bool:
        """As ``UsageCounter.charge``."""
        account = self._accounts.get(session.loop.id)
        if account is None:
            return self._deny(commands, verdicts, _ENDED)
        allowed, writes = len(verdicts), 0
        for command, verdict in zip(commands, verdicts, strict=True):
            if verdict.decision is not _ALLOW:
                self._denied(account, verdicts)
                return False
            effects = command.effects
            if effects and effects != _READ:
                writes += 1
        if stage != "execute":  # it is judged and counted once more when it runs
            allowed = writes = 0
        each: Account | None = account
        while each is not None:
            if (
                each.stopped is not None
                or each.commands + allowed > each.most_commands
                or each.writes + writes > each.most_writes
            ):
                return self._over(account, each, commands, verdicts, allowed)
            each = each.parent
        each = account
        while each is not None:
            each.commands += allowed
            each.writes += writes
            if not each.touched:
                each.touched = True
                self._touched[each.loop] = each
            each = each.parent
        return False

    def answered(self, session: Session, response: Response) -> None:
        """As ``UsageCounter.answered``."""
        each = self._accounts.get(session.loop.id)
        while each is not None:
            each.rows += response.rows
            each.bytes += response.bytes
            if not each.touched:
                each.touched = True
                self._touched[each.loop] = each
            if each.stopped is None:
                if each.rows > each.most_rows:
                    self._cross(each, "rows")
                elif each.bytes > each.most_bytes:
                    self._cross(each, "bytes")
                elif response.wrote is True and response.rows > each.at_once:
                    self._cross(each, MAX_ROWS, response.rows)
            each = each.parent

    def _denied(self, account: Account, verdicts: Sequence[Verdict]) -> None:
        """Nothing of the message moves; what the policy refused of it counts."""
        count = sum(verdict.decision is not _ALLOW for verdict in verdicts)
        each: Account | None = account
        while each is not None:
            each.denials += count
            self._touched[each.loop] = each
            if each.denials > each.most_denials and each.stopped is None:
                self._cross(each, "denials")
            each = each.parent

    def _over(
        self,
        account: Account,
        over: Account,
        commands: Sequence[Command],
        verdicts: list[Verdict],
        allowed: int,
    ) -> bool:
        if all(_never_refused(command) for command in commands):
            return False  # a client must always be able to leave a transaction
        if over.stopped is None:
            self._cross(
                over, "commands" if over.commands + allowed > over.most_commands else "writes"
            )
        return self._deny(commands, verdicts, _reason(account, over))

    def _cross(self, account: Account, quantity: str, used: int | None = None) -> None:
        bound = account.bound(quantity)
        used = account.used(quantity) if used is None else used
        self._note(account.loop, BudgetExceeded(quantity, bound.limit, used, bound.then))
        account.stopped = bound
        self._touched[account.loop] = account
        if bound.then is Exceeded.END:
            self._ends(account.loop, f"budget.{quantity}")

    def _deny(self, commands: Sequence[Command], verdicts: list[Verdict], reason: str) -> bool:
        denial = Verdict(Decision.DENY, RULE, reason, self._policy)
        for number, command in enumerate(commands):
            if verdicts[number].decision is _ALLOW and not _never_refused(command):
                verdicts[number] = denial
        return any(verdict.decision is not _ALLOW for verdict in verdicts)


def _never_refused(command: Command) -> bool:
    return command.action == "ROLLBACK" and not command.effects


def _reason(account: Account, over: Account) -> str:
    bound = over.stopped
    if bound is None:
        raise AssertionError("a loop that is not stopped has no reason to be")
    who = "This loop" if over is account else f"The loop {over.loop}, above this one,"
    used = f"{who} has used up its budget of {bound.limit} {bound.quantity}"
    if bound.quantity == MAX_ROWS:
        used = f"{who} wrote more than {bound.limit} rows by one statement"
    match bound.then:
        case Exceeded.END:
            return f"{used}, so it ends."
        case Exceeded.PAUSE:
            return f"{used} and is paused; `custody loops resume {over.loop}` lets it go on."
        case Exceeded.ASK:
            return f"{used}; more needs approval, and approval is not available yet."
