"""The gate: decide, mask, record durably; only then forward.

Law: this is the only place that turns a command into a verdict, and the only order is the one
written in ``judge``. Whatever fails on the way, there is no permit, so nothing moves. There is no
switch that changes this.
"""

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from custody.gateway.budget.meter import RULE as BUDGET
from custody.gateway.budget.meter import UNMETERED, UsageCounter
from custody.model.command import Refusal, Verdict
from custody.model.errors import CustodyError, LogFailureError
from custody.model.event import CommandsReceived
from custody.model.identity import Session
from custody.model.interfaces import Durable, EvidenceLog, Masker, Policy
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    Milliseconds,
    Receipt,
    Record,
    Response,
)
from custody.model.words import Decision, Outcome

Clock = Callable[[], Milliseconds]

_log: Final = logging.getLogger("custody.gate")

_ALLOW: Final = Decision.ALLOW
"""Looked up once: every statement passes here."""

NOT_RECORDED: Final = Refusal(
    code="58030",
    message="custody cannot record this command now, so it was not forwarded",
    hint="The session lives on; try again. The gateway's operator sees why in its log.",
)

_EXPLAINED: Final = (
    "The session lives on. `custody policy explain` shows which rule decides and why."
)
_OVER_BUDGET: Final = "A loop's budget is in its grant; an operator resumes a loop that is paused."


class Permit(msgspec.Struct, frozen=True):
    """The commands are on their way to the disk; once they are durable, they may be forwarded."""

    numbers: tuple[int, ...]
    """Each command's ``n``; empty where nothing had to be recorded (an allowed Parse)."""


class Denial(msgspec.Struct, frozen=True):
    """The message must not be forwarded. ``numbers`` as in ``Permit``."""

    refusal: Refusal
    numbers: tuple[int, ...]
    culprit: int
    """Which of the commands was refused, as an index into ``numbers``."""


class Gate:
    def __init__(
        self,
        policy: Policy,
        masker: Masker,
        log: EvidenceLog,
        clock: Clock,
        meter: UsageCounter = UNMETERED,
    ) -> None:
        self._policy: Final = policy
        self._meter: Final = meter
        self._masker: Final = masker
        self._log: Final = log
        self._clock: Final = clock

    def judge(
        self, session: Session, message: CommandsReceived, durable: Durable
    ) -> Permit | Denial:
        """One message: all of its commands are allowed, or none moves.

        ``durable`` is called once, when the last record of the message is on disk or has failed;
        never where the result's ``numbers`` are empty.
        """
        now = self._clock()
        try:
            decide = self._policy.decide
            refused = None
            verdicts: list[Verdict] = []
            for command in message.commands:
                verdict = decide(session, command, now)
                if refused is None and verdict.decision is not _ALLOW:
                    refused = len(verdicts)
                verdicts.append(verdict)
            if self._meter.charge(session, message.commands, verdicts, message.stage):
                refused = _first_refused(verdicts)
            if refused is None and message.stage == "parse":
                return Permit(())
            numbers = self._record(session, message, verdicts, durable, now)
        except (CustodyError, LogFailureError) as error:
            _log.error("%s: %s: %s", session.id, error.code, error.fault)
            return Denial(NOT_RECORDED, (), 0)
        except Exception as error:  # noqa: BLE001 - fail closed by shape: no verdict, no permit
            # Only the kind is logged: the text of a foreign error may quote the command.
            _log.error("%s: the gate failed with %s", session.id, type(error).__name__)
            return Denial(NOT_RECORDED, (), 0)
        if refused is None:
            return Permit(numbers)
        problem = message.commands[refused].problem
        return Denial(_refusal(verdicts[refused], problem), numbers, refused)

    def _record(
        self,
        session: Session,
        message: CommandsReceived,
        verdicts: list[Verdict],
        durable: Durable,
        now: Milliseconds,
    ) -> tuple[int, ...]:
        # Everything is masked before anything is appended, so that a failure leaves no half.
        mask, append = self._masker.mask, self._log.append
        loop, session_id, target, stage = session.loop.id, session.id, session.target, message.stage
        records = []
        for command, verdict in zip(message.commands, verdicts, strict=True):
            decision, rule, reason = verdict.decision, verdict.rule, verdict.reason
            policy = verdict.policy.hex()
            seen = CommandSeen(command, decision, rule, reason, policy, target, stage)
            records.append(mask(Record(now, seen, loop, session_id)))
        last = records.pop()
        return *[append(each).n for each in records], append(last, durable).n

    def note(self, session: Session, body: Body, durable: Durable | None = None) -> Receipt:
        """Mask and record anything else of a session. Raises as masking and the log do."""
        return self._log.append(
            self._masker.mask(Record(self._clock(), body, session.loop.id, session.id)), durable
        )

    def note_stranger(self, body: Body, durable: Durable | None = None) -> None:
        """Record what belongs to no session (a refused login). Raises as ``note`` does."""
        self._log.append(self._masker.mask(Record(self._clock(), body)), durable)

    def note_response(
        self, session: Session, response: Response, durable: Durable | None = None
    ) -> None:
        """Record an answer. Where it cannot be masked, its frame is recorded and its content not.

        Raises ``LogFailureError`` where it cannot be recorded at all; its final bytes must then
        stay where they are.
        """
        try:
            record = Record(self._clock(), response, session.loop.id, session.id)
            self._log.append(self._masker.mask(record), durable)
        except LogFailureError:
            raise
        except Exception as error:  # noqa: BLE001 - a masker's fault must not lose the outcome
            _log.error("%s: masking an answer failed with %s", session.id, type(error).__name__)
            bare = Response(
                response.command,
                response.outcome,
                "",
                response.rows,
                response.bytes,
                response.duration_us,
                truncated=True,
                error=None
                if response.error is None
                else ErrorReport(response.error.severity, response.error.code, "(not masked)"),
                digest=response.digest,
            )
            self._log.append(Record(self._clock(), bare, session.loop.id, session.id), durable)
        self._meter.answered(session, response)

    def note_refused(self, session: Session, denial: Denial) -> None:
        """Every command of a refused message gets its answer: the target never saw it."""
        report = ErrorReport("ERROR", denial.refusal.code, denial.refusal.message)
        for number in denial.numbers:
            self.note(session, Response(number, Outcome.REFUSED, "", 0, 0, 0, error=report))


def _first_refused(verdicts: list[Verdict]) -> int:
    return next(n for n, verdict in enumerate(verdicts) if verdict.decision is not _ALLOW)


def _refusal(verdict: Verdict, problem: str) -> Refusal:
    reason = verdict.reason
    if problem:
        reason = f"it could not be read ({problem}), and nothing here allows that. {reason}"
    if verdict.decision is Decision.ASK:
        return Refusal(
            code="42501",
            message="custody: approval is not available yet, so what would need it is denied",
            detail=f"Rule {verdict.rule} asks for approval: {reason}",
        )
    return Refusal(
        code="42501",
        message=f"custody denied this command: {reason}",
        detail=f"Rule: {verdict.rule}.",
        hint=_OVER_BUDGET if verdict.rule == BUDGET else _EXPLAINED,
    )
