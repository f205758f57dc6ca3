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
from custody.gateway.budget.meter import UsageCounter
from custody.gateway.command_refusals import (
    NOT_RECORDED_COMMAND,
    denied,
    not_approved,
    overtaken,
    whom_to_ask,
)
from custody.gateway.counts import GatewayCounts
from custody.model.approval import Answered, Approvals, Question, QuestionAnswer
from custody.model.command import NO_RULE, Verdict
from custody.model.errors import CustodyError, LogFailureError
from custody.model.event import CommandsReceived
from custody.model.identity import Session
from custody.model.interfaces import Durable, EvidenceLog, Masker, Policy
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    Milliseconds,
    Notification,
    Receipt,
    Record,
    Response,
)
from custody.model.refusal import NativeCodes, Refusal
from custody.model.words import Decision, Outcome
from custody.recording.event_lines import EventLines

Clock = Callable[[], Milliseconds]

_log: Final = logging.getLogger("custody.gate")
_refused: Final = EventLines(_log, logging.INFO)

UNRECORDED_COMMANDS: Final = "commands refused while nothing could be recorded"
"""What a gap says of them."""

# Looked up once: every statement passes here.
_ALLOW: Final = Decision.ALLOW
_ASK: Final = Decision.ASK


class Permit(msgspec.Struct, frozen=True):
    """The commands are on their way to the disk; once they are durable, they may be forwarded."""

    numbers: tuple[int, ...]
    """Each command's ``n``; empty where nothing had to be recorded (an allowed Parse)."""


class Denial(msgspec.Struct, frozen=True):
    """The message must not be forwarded. ``numbers`` as in ``Permit``; empty where nothing could
    be recorded.
    """

    refusal: Refusal
    numbers: tuple[int, ...]
    culprit: int
    """Which of the commands was refused, as an index into ``numbers``."""
    rule: str = NO_RULE
    """What decided it."""


class Gate:
    def __init__(
        self,
        policy: Policy,
        masker: Masker,
        log: EvidenceLog,
        clock: Clock,
        *,
        meter: UsageCounter,
        approvals: Approvals,
        contact: str,
    ) -> None:
        """``contact``: whom a client is told to ask, as words of a sentence."""
        self._policy = policy
        self._meter: Final = meter
        self._masker: Final = masker
        self._log: Final = log
        self._clock: Final = clock
        self._approvals: Final = approvals
        self._contact = contact
        self.counts: Final = GatewayCounts()

    def judge(
        self, session: Session, message: CommandsReceived, durable: Durable
    ) -> Permit | Denial | Question:
        """One message: all of its commands are allowed, or none moves.

        ``durable`` is called once, when the last record of the message is on disk or has failed;
        never where the result's ``numbers`` are empty. A ``Question`` holds the message: ``ask``
        puts it to somebody, and ``settle`` says what follows from the answer.
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
            if refused is not None and self._asks(session, verdicts, refused):
                if message.stage == "parse":
                    return Permit(())  # it is asked about when it runs
                numbers = self._record(session, message, verdicts, durable, now)
                return Question(session, message.commands, numbers, refused, verdicts[refused])
            if self._meter.charge(session, message.commands, verdicts, message.stage):
                refused = _first_refused(verdicts)
            if refused is None and message.stage == "parse":
                return Permit(())
            numbers = self._record(session, message, verdicts, durable, now)
        except Exception as error:  # noqa: BLE001 - fail closed by shape: no verdict, no permit
            _log_failure(session, error)
            return Denial(NOT_RECORDED_COMMAND, (), 0)
        if refused is None:
            return Permit(numbers)
        ask = whom_to_ask(self._contact, f"{session.id}-{numbers[refused]}")
        verdict = verdicts[refused]
        refusal = _refusal(message, verdict, refused, ask)
        return Denial(refusal, numbers, refused, verdict.rule)

    def replace_policy(self, policy: Policy, contact: str) -> None:
        """From the next command on, of every session: a question that waits for an answer is judged
        by it too.
        """
        self._policy, self._contact = policy, contact

    def records(self, session: Session, message: CommandsReceived) -> bool:
        """Whether a record is made of it at this stage: of an allowed Parse, none is."""
        if message.stage != "parse":
            return True
        try:
            now = self._clock()
            return any(
                self._policy.decide(session, command, now).decision is not _ALLOW
                for command in message.commands
            )
        except Exception:  # noqa: BLE001 - ``judge`` will meet it again, and refuse
            return False

    def _asks(self, session: Session, verdicts: list[Verdict], refused: int) -> bool:
        """Whether nothing stands against the message but what a human may allow."""
        return all(
            verdict.decision is _ALLOW or verdict.decision is _ASK for verdict in verdicts
        ) and self._approvals.takes(session, verdicts[refused])

    # Questions.

    def ask(self, question: Question, answered: Answered) -> None:
        """As ``Approvals.ask``."""
        self._approvals.ask(question, answered)

    def withdraw(self, question: Question, reason: str) -> None:
        """As ``Approvals.withdraw``."""
        self._approvals.withdraw(question, reason)

    def settle(self, question: Question, answer: QuestionAnswer) -> Permit | Denial:
        """What follows from an answer. After a yes the message is judged again, by the policy and
        the budget of now: whatever is not allowed, or asked by that same rule, is denied.
        """
        session, commands = question.session, question.commands
        numbers, culprit = question.numbers, question.culprit
        ask = whom_to_ask(self._contact, f"{session.id}-{numbers[culprit]}")
        try:
            if not answer.approved:
                self._meter.charge(session, [commands[culprit]], [question.verdict], "execute")
                refusal = not_approved(question.verdict, answer.reason, ask=ask)
                return Denial(refusal, numbers, culprit, question.verdict.rule)
            now = self._clock()
            verdicts = [self._policy.decide(session, command, now) for command in commands]
            approved = [_approved(verdict, question.verdict) for verdict in verdicts]
            if self._meter.charge(session, commands, approved, "execute") or any(
                verdict.decision is not _ALLOW for verdict in approved
            ):
                culprit = _first_refused(approved)
                verdict = approved[culprit]
                return Denial(overtaken(verdict, ask=ask), numbers, culprit, verdict.rule)
        except Exception as error:  # noqa: BLE001 - fail closed by shape, as in ``judge``
            _log_failure(session, error)
            return Denial(NOT_RECORDED_COMMAND, numbers, culprit)
        return Permit(numbers)

    # Records.

    def _record(
        self,
        session: Session,
        message: CommandsReceived,
        verdicts: list[Verdict],
        durable: Durable,
        now: Milliseconds,
    ) -> tuple[int, ...]:
        # Everything is masked before anything is appended, and the log takes all of it or none.
        mask = self._masker.mask
        loop, session_id, target, stage = session.loop.id, session.id, session.target, message.stage
        records = []
        counts, protocol = self.counts.commands, session.protocol
        for command, verdict in zip(message.commands, verdicts, strict=True):
            counts[protocol, verdict.decision] += 1
            decision, rule, reason = verdict.decision, verdict.rule, verdict.reason
            policy = verdict.policy.hex()
            seen = CommandSeen(command, decision, rule, reason, policy, target, stage)
            records.append(mask(Record(now, seen, loop, session_id)))
        if len(records) == 1:  # nearly always
            return (self._log.append(records[0], durable).n,)
        return tuple(receipt.n for receipt in self._log.append_all(records, durable))

    def note(self, session: Session, body: Body, durable: Durable | None = None) -> Receipt:
        """Mask and record anything else of a session, and count what a server sent of its own
        accord. Raises as masking and the log do.
        """
        if type(body) is Notification:
            unasked = Response(None, Outcome.OK, "", 0, body.bytes, 0)
            self._meter.answered(session, unasked)
        return self._log.append(
            self._masker.mask(Record(self._clock(), body, session.loop.id, session.id)), durable
        )

    def note_without_session(self, body: Body, durable: Durable | None = None) -> None:
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

    def note_refused(self, session: Session, denial: Denial, codes: NativeCodes) -> None:
        """Every command of a refused message gets its answer: the target never saw it. ``codes``
        are the protocol's own, as its client is told them.
        """
        self.counts.refusals[denial.refusal.code] += 1
        if denial.numbers:
            _refused.write(
                "a command was refused",
                code=denial.refusal.code.value,
                command=f"{session.id}-{denial.numbers[denial.culprit]}",
                loop=session.loop.id,
                target=session.target,
                rule=denial.rule,
            )
        code = codes[denial.refusal.code]
        report = ErrorReport("ERROR", code, denial.refusal.message)
        for number in denial.numbers:
            self.note(session, Response(number, Outcome.REFUSED, "", 0, 0, 0, error=report))


def _log_failure(session: Session, error: Exception) -> None:
    if isinstance(error, (CustodyError, LogFailureError)):
        _log.error("%s: %s: %s", session.id, error.code, error.fault)
    else:
        # Only the kind is logged: the text of a foreign error may quote the command.
        _log.error("%s: the gate failed with %s", session.id, type(error).__name__)


def _refusal(message: CommandsReceived, verdict: Verdict, culprit: int, ask: str) -> Refusal:
    if message.unreadable is not None and verdict.rule == NO_RULE:
        return message.unreadable
    problem = message.commands[culprit].problem
    return denied(verdict, problem, budget=verdict.rule == BUDGET, ask=ask)


def _first_refused(verdicts: list[Verdict]) -> int:
    return next(n for n, verdict in enumerate(verdicts) if verdict.decision is not _ALLOW)


def _approved(verdict: Verdict, asked: Verdict) -> Verdict:
    """What a yes to ``asked`` makes of a verdict of now."""
    if verdict.decision is _ASK and verdict.rule == asked.rule:
        return msgspec.structs.replace(verdict, decision=_ALLOW)
    return verdict
