"""A command whose answer is complete, before it becomes a record.

Law: it knows what was asked only where somebody does.
"""

from custody.model.record import ErrorReport, OutputColumn
from custody.model.words import Outcome
from custody.protocols.postgres.pipeline.answer import Answer
from custody.protocols.postgres.pipeline.pending_queue import PendingMessage
from custody.protocols.postgres.statements.interpretation import Interpretation


class FinishedAnswer:
    """A command whose answer is complete."""

    __slots__ = ("answer", "columns", "due", "error", "index", "interpretation", "open", "outcome")

    def __init__(
        self,
        outcome: Outcome,
        due: PendingMessage | None,
        answer: Answer,
        error: ErrorReport | None = None,
    ) -> None:
        self.outcome = outcome
        self.due = due
        self.answer = answer
        self.error = error
        self.columns: tuple[OutputColumn, ...] | None = None
        """The result's columns, where they are known already."""
        self.open = False
        """How its transaction ends is still to be told."""
        self.index = index = due.index if due is not None else 0
        self.interpretation: Interpretation | None = None
        """What was asked, where somebody knows."""
        if due is not None and index < len(due.interpretations):
            self.interpretation = due.interpretations[index]
