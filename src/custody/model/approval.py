"""What a rule's `ask` puts to humans, and what comes back.

Law: a question holds exactly one message of one session, as it was recorded. An answer is for that
message alone; it is used once or not at all.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from custody.model.command import Command, Verdict
from custody.model.identity import Session


class Question(msgspec.Struct, frozen=True):
    """A message that waits for a human's answer. Its commands are recorded, and none has moved."""

    session: Session
    commands: tuple[Command, ...]
    numbers: tuple[int, ...]
    """Each command's ``n``."""
    culprit: int
    """Which of the commands is asked about, as an index into ``numbers``."""
    verdict: Verdict
    """Its rule's ``ask``: the rule, the reason, who may answer and for how long it may wait."""


class QuestionAnswer(msgspec.Struct, frozen=True):
    approved: bool
    reason: str = ""
    """Shown to the client where the answer is no."""


Answered = Callable[[QuestionAnswer], None]


class Approvals(Protocol):
    """Who may say yes. Records every question and every answer."""

    def takes(self, session: Session, verdict: Verdict) -> bool:
        """Whether somebody can be asked now; if not, the command is denied at once."""
        ...

    def ask(self, question: Question, answered: Answered) -> None:
        """Put it to them. ``answered`` is called once, from the event loop and never before this
        returns, once the answer's record is durable; never after ``withdraw``. Raises nothing.
        """
        ...

    def withdraw(self, question: Question, reason: str) -> None:
        """The client no longer waits: nobody can answer any more. Raises nothing."""
        ...


class NoApprovals:
    """Nobody can be asked."""

    def takes(self, session: Session, verdict: Verdict) -> bool:
        del session, verdict
        return False

    def ask(self, question: Question, answered: Answered) -> None:
        del question, answered
        raise AssertionError("a question that nobody takes is never put")

    def withdraw(self, question: Question, reason: str) -> None:
        del question, reason
