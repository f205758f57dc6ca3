"""The gate alone: what it says of a message, and what is on the record behind it."""

from collections.abc import Sequence

import msgspec
import pytest
from tests.gateway.fakes import LOOP, UNMETERED, HandLog, NoMask, clock
from tests.protocols.toys.line_codec import CODES, command

from custody.gateway.budget.meter import UsageCounter
from custody.gateway.gate import Denial, Gate, Permit
from custody.model.approval import Answered, NoApprovals, Question, QuestionAnswer
from custody.model.command import Command, Verdict
from custody.model.errors import LogFailureError
from custody.model.event import CommandsReceived
from custody.model.identity import Loop, Session
from custody.model.interfaces import Durable, Masker
from custody.model.record import CommandSeen, ErrorReport, Receipt, Record, Response
from custody.model.refusal import RefusalCode
from custody.model.words import Decision, Outcome, SessionId, TargetName

SESSION = Session(
    SessionId("ses_1"), LOOP, TargetName("orders"), "toy", "127.0.0.1:1", "u", "d", "a", 0
)
YES, NO = QuestionAnswer(approved=True), QuestionAnswer(approved=False, reason="not today")


class Rules:
    """``DELETE`` is denied, ``ASK rule`` asked about by that rule; ``CRASH`` breaks the policy."""

    digest = b"\1" * 32

    def __init__(self) -> None:
        self.now: dict[str, Decision] = {}
        """What a text means since something changed."""

    def admits(self, loop: Loop, target: TargetName, now: int) -> bool:
        return True

    def admits_stream(self, loop: Loop, target: TargetName, stream: str, now: int) -> bool:
        return False

    def decide(self, session: Session, command: Command, now: int) -> Verdict:
        action, _, rule = command.text.partition(" ")
        if action == "CRASH":
            raise RuntimeError("policy broke")
        decision = self.now.get(
            command.text,
            {"DELETE": Decision.DENY, "ASK": Decision.ASK}.get(action, Decision.ALLOW),
        )
        return Verdict(decision, rule or "grant", f"because of {action}", self.digest)


class Humans:
    """Somebody can be asked; the test answers."""

    def __init__(self) -> None:
        self.open: list[tuple[Question, Answered]] = []
        self.withdrawn: list[str] = []
        self.taking = True

    def takes(self, session: Session, verdict: Verdict) -> bool:
        return self.taking

    def ask(self, question: Question, answered: Answered) -> None:
        self.open.append((question, answered))

    def withdraw(self, question: Question, reason: str) -> None:
        self.withdrawn.append(reason)
        self.open = [each for each in self.open if each[0] is not question]


class FailingLog(HandLog):
    """Fails at one append, counted over all; a message counts one for each of its records."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self.left = fails_at

    def append(self, record: Record, durable: Durable | None = None) -> Receipt:
        if not self.left:
            raise LogFailureError("log.full", "the disk is full")
        self.left -= 1
        return super().append(record, durable)

    def append_all(
        self, records: Sequence[Record], durable: Durable | None = None
    ) -> Sequence[Receipt]:
        if self.left < len(records):
            raise LogFailureError("log.full", "the disk is full")
        return super().append_all(records, durable)


class Stage:
    def __init__(
        self,
        log: HandLog | None = None,
        masker: Masker | None = None,
        meter: UsageCounter = UNMETERED,
        humans: Humans | None = None,
    ) -> None:
        self.log = log or HandLog()
        self.rules = Rules()
        self.gate = Gate(
            self.rules,
            masker or NoMask(),
            self.log,
            clock,
            meter=meter,
            approvals=humans or NoApprovals(),
            contact="the dba",
        )
        self.durable: list[object] = []

    def judge(self, *texts: str, stage: str = "execute") -> Permit | Denial | Question:
        message = CommandsReceived(tuple(map(command, texts)), (), stage=stage)
        return self.gate.judge(SESSION, message, self.durable.append)

    def question(self, *texts: str) -> Question:
        ruling = self.judge(*texts)
        assert isinstance(ruling, Question)
        return ruling

    def decisions(self) -> list[tuple[str, str]]:
        return [
            (body.command.text, body.decision)
            for body in self.log.bodies()
            if isinstance(body, CommandSeen)
        ]


def test_what_is_allowed_is_recorded_and_permitted() -> None:
    stage = Stage()
    assert stage.judge("SELECT 1", "SELECT 2") == Permit((0, 1))
    assert stage.decisions() == [("SELECT 1", "allow"), ("SELECT 2", "allow")]
    assert stage.durable == [Receipt(1, 1)]


def test_one_command_that_is_denied_keeps_all_of_its_message() -> None:
    stage = Stage()
    ruling = stage.judge("SELECT 1", "DELETE x", "SELECT 2")
    assert isinstance(ruling, Denial)
    assert (ruling.numbers, ruling.culprit) == ((0, 1, 2), 1)
    assert ruling.refusal.code is RefusalCode.DENIED
    assert [each for _, each in stage.decisions()] == ["allow", "deny", "allow"]


@pytest.mark.parametrize("count", range(1, 5))
@pytest.mark.parametrize("fails_at", range(4))
def test_a_message_is_recorded_whole_or_not_at_all(count: int, fails_at: int) -> None:
    stage = Stage(FailingLog(fails_at))
    ruling = stage.judge(*(f"SELECT {n}" for n in range(count)))
    if fails_at >= count:
        assert ruling == Permit(tuple(range(count)))
        return
    assert isinstance(ruling, Denial)
    assert ruling.refusal.code is RefusalCode.NOT_RECORDED
    assert ruling.numbers == ()
    assert stage.log.records == []
    assert stage.durable == []


class MasksUntil:
    digest = b"\2" * 32

    def __init__(self, left: int) -> None:
        self.left = left

    def mask(self, record: Record) -> Record:
        if not self.left:
            raise RuntimeError("masking broke")
        self.left -= 1
        return record


@pytest.mark.parametrize("masked", range(3))
def test_where_masking_fails_nothing_is_recorded_and_nothing_moves(masked: int) -> None:
    stage = Stage(masker=MasksUntil(masked))
    ruling = stage.judge("SELECT 1", "SELECT 2", "SELECT 3")
    assert isinstance(ruling, Denial)
    assert ruling.numbers == ()
    assert stage.log.records == []


def test_a_policy_that_fails_permits_nothing() -> None:
    stage = Stage()
    ruling = stage.judge("SELECT 1", "CRASH")
    assert isinstance(ruling, Denial)
    assert (ruling.refusal.code, stage.log.records) == (RefusalCode.NOT_RECORDED, [])


def test_an_allowed_parse_is_not_recorded_and_a_denied_one_is() -> None:
    stage = Stage()
    assert stage.judge("SELECT 1", stage="parse") == Permit(())
    assert stage.log.records == []
    ruling = stage.judge("DELETE x", stage="parse")
    assert isinstance(ruling, Denial)
    assert stage.decisions() == [("DELETE x", "deny")]


def test_a_refused_message_is_answered_in_the_protocols_own_codes() -> None:
    stage = Stage()
    ruling = stage.judge("SELECT 1", "DELETE x")
    assert isinstance(ruling, Denial)
    stage.gate.note_refused(SESSION, ruling, {**CODES, RefusalCode.DENIED: "E403"})
    answers = [body for body in stage.log.bodies() if isinstance(body, Response)]
    assert [(each.command, each.outcome) for each in answers] == [
        (0, Outcome.REFUSED),
        (1, Outcome.REFUSED),
    ]
    assert [each.error.code if each.error else "" for each in answers] == ["E403", "E403"]


# Questions.


def test_with_nobody_to_ask_what_is_asked_is_denied_at_once() -> None:
    stage = Stage()
    ruling = stage.judge("ASK night")
    assert isinstance(ruling, Denial)
    assert ruling.refusal.code is RefusalCode.ASKED
    assert stage.decisions() == [("ASK night", "ask")]


def test_what_is_asked_is_recorded_before_anybody_is_asked() -> None:
    humans = Humans()
    stage = Stage(humans=humans)
    question = stage.question("SELECT 1", "ASK night")
    assert (question.numbers, question.culprit, question.verdict.rule) == ((0, 1), 1, "night")
    assert stage.decisions() == [("SELECT 1", "allow"), ("ASK night", "ask")]
    assert humans.open == []  # the host asks once the client can be told


def test_a_yes_permits_what_was_asked() -> None:
    stage = Stage(humans=Humans())
    question = stage.question("SELECT 1", "ASK night")
    assert stage.gate.settle(question, YES) == Permit((0, 1))


def test_a_no_denies_with_its_reason() -> None:
    stage = Stage(humans=Humans())
    ruling = stage.gate.settle(stage.question("ASK night"), NO)
    assert isinstance(ruling, Denial)
    assert ruling.refusal.code is RefusalCode.ASKED
    assert "not today" in ruling.refusal.message
    assert ruling.numbers == (0,)


@pytest.mark.parametrize(
    ("then", "permitted"),
    [(Decision.ASK, True), (Decision.ALLOW, True), (Decision.DENY, False)],
)
def test_after_a_yes_it_is_judged_again(then: Decision, permitted: bool) -> None:  # noqa: FBT001 - a case's answer
    stage = Stage(humans=Humans())
    question = stage.question("ASK night")
    stage.rules.now["ASK night"] = then
    ruling = stage.gate.settle(question, YES)
    assert isinstance(ruling, Permit) is permitted


def test_a_yes_to_one_rule_is_none_to_another() -> None:
    stage = Stage(humans=Humans())
    question = stage.question("ASK night", "ASK day")
    ruling = stage.gate.settle(question, YES)
    assert isinstance(ruling, Denial)
    assert (ruling.culprit, ruling.numbers) == (1, (0, 1))


def test_what_a_rule_denies_is_never_asked_about() -> None:
    stage = Stage(humans=Humans())
    ruling = stage.judge("ASK night", "DELETE x")
    assert isinstance(ruling, Denial)


def test_a_parse_is_not_asked_about() -> None:
    stage = Stage(humans=Humans())
    assert stage.judge("ASK night", stage="parse") == Permit(())
    assert stage.log.records == []


class CountingMeter:
    """Allows so many commands."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.denials = 0

    def charge(
        self, session: Session, commands: Sequence[Command], verdicts: list[Verdict], stage: str
    ) -> bool:
        if any(verdict.decision is not Decision.ALLOW for verdict in verdicts):
            self.denials += 1
            return False
        self.left -= len(commands)
        if self.left >= 0:
            return False
        verdicts[0] = msgspec.structs.replace(verdicts[0], decision=Decision.DENY, rule="budget")
        return True

    def answered(self, session: Session, response: Response) -> None: ...


def test_what_waits_costs_nothing_until_it_is_approved() -> None:
    meter = CountingMeter(1)
    stage = Stage(meter=meter, humans=Humans())
    first, second = stage.question("ASK night"), stage.question("ASK night")
    assert (meter.left, meter.denials) == (1, 0)
    assert isinstance(stage.gate.settle(first, YES), Permit)
    ruling = stage.gate.settle(second, YES)  # the budget is used up by now
    assert isinstance(ruling, Denial)
    assert "approved, but may not run any more" in ruling.refusal.message


def test_a_no_counts_as_a_denial() -> None:
    meter = CountingMeter(1)
    stage = Stage(meter=meter, humans=Humans())
    stage.gate.settle(stage.question("ASK night"), NO)
    assert (meter.left, meter.denials) == (1, 1)


def test_an_answer_that_cannot_be_weighed_permits_nothing() -> None:
    stage = Stage(humans=Humans())
    question = stage.question("ASK night")
    broken = msgspec.structs.replace(question, commands=(command("CRASH"),))
    ruling = stage.gate.settle(broken, YES)
    assert isinstance(ruling, Denial)
    assert ruling.refusal.code is RefusalCode.NOT_RECORDED


# Answers.


def test_an_answer_that_cannot_be_masked_keeps_its_outcome_and_loses_its_content() -> None:
    stage = Stage(masker=MasksUntil(0))
    error = ErrorReport("ERROR", "23505", "Key (ssn)=(123) already exists")
    stage.gate.note_response(SESSION, Response(0, Outcome.ERROR, "INSERT", 0, 9, 1, error=error))
    (body,) = stage.log.bodies()
    assert isinstance(body, Response)
    assert body.outcome is Outcome.ERROR
    assert body.error is not None
    assert (body.error.code, body.error.message) == ("23505", "(not masked)")
