"""A message that waits for a human's answer.

Law: one message of a session waits at a time, since the codec gives none behind it; it leaves its
place by an answer, by its client's cancel or by the session's end, whichever is first.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from custody.gateway.command_refusals import WITHDRAWN, still_waits
from custody.gateway.gate import Denial, Gate, Permit
from custody.model.approval import Question, QuestionAnswer

REMIND_EVERY_S: Final = 15.0
"""How often a client is told that its command waits."""

_log: Final = logging.getLogger("custody.gate")

Settle = Callable[[Permit | Denial], None]


class HeldMessage:
    """``settle`` is called once, with what became of the message; ``tell`` at once and from time to
    time until then, with words for the client.
    """

    def __init__(
        self,
        gate: Gate,
        question: Question,
        settle: Settle,
        tell: Callable[[str], None],
        defer: Callable[[Callable[[], None]], bool],
    ) -> None:
        """``defer``: whether what is given waits for the session's turn, and happens then."""
        self._gate: Final = gate
        self._question: Final = question
        self._settle: Final = settle
        self._tell: Final = tell
        self._defer: Final = defer
        self._event_loop: Final = asyncio.get_running_loop()
        self._reminder: asyncio.TimerHandle | None = None
        self._over = False

    def ask(self) -> None:
        self._remind()
        if not self._over:  # else the client was gone when it was told
            self._gate.ask(self._question, self._answered)

    def withdraw(self, reason: str) -> Denial:
        """Nobody can answer any more. ``settle`` is not called: the caller has the denial."""
        self._end()
        self._gate.withdraw(self._question, reason)
        return Denial(WITHDRAWN, self._question.numbers, self._question.culprit)

    def _answered(self, answer: QuestionAnswer) -> None:
        if not (self._over or self._defer(lambda: self._answered(answer))):
            self._end()
            self._settle(self._gate.settle(self._question, answer))

    def _remind(self) -> None:
        try:
            self._tell(still_waits(self._question.verdict))
        except Exception as error:  # noqa: BLE001 - told or not, it waits
            session = self._question.session.id
            _log.error("%s: its client was not told: %s", session, type(error).__name__)
        if not self._over:
            self._reminder = self._event_loop.call_later(REMIND_EVERY_S, self._remind)

    def _end(self) -> None:
        self._over = True
        if self._reminder is not None:
            self._reminder.cancel()
