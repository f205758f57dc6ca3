"""What the sender of a command is told when it does not move.

Law: a refusal names the rule, whom to ask, and the id that finds it in the evidence; never the
command.
"""

from typing import Final

from custody.model.command import NO_RULE, Verdict
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Decision

NOT_RECORDED_COMMAND: Final = Refusal(
    RefusalCode.NOT_RECORDED,
    "custody cannot record this command now, so it was not forwarded",
    hint="The session lives on; try again. The gateway's operator sees why in its log.",
)
TOO_MANY_OPEN: Final = Refusal(
    RefusalCode.OVERLOADED,
    "custody: too many commands of this session have no answer yet",
    hint="Wait for the answers of those before it.",
)
WITHDRAWN: Final = Refusal(
    RefusalCode.WITHDRAWN, "custody: the command was withdrawn while it waited for approval"
)

_OVER_BUDGET: Final = "A loop's budget is in its grant; an operator resumes a loop that is paused."


def whom_to_ask(contact: str, command: str) -> str:
    """``command``: the id of the refused one, ``<session>-<n>``."""
    return f"The session lives on. To have this allowed, ask {contact}: it is {command}."


def denied(verdict: Verdict, problem: str, *, budget: bool, ask: str) -> Refusal:
    """``problem``: why the command could not be read, where it could not. ``budget``: whether the
    verdict is the budget's. ``ask``: whom to ask, and for what.
    """
    reason = verdict.reason
    if problem:
        reason = f"it could not be read ({problem}), and nothing here allows that. {reason}"
    if verdict.decision is Decision.ASK:
        return Refusal(
            RefusalCode.ASKED,
            "custody: approval is not available yet, so what would need it is denied",
            detail=f"Rule {verdict.rule} asks for approval: {reason}",
            hint=ask,
        )
    return Refusal(
        RefusalCode.DENIED,
        f"custody denied this command: {reason}",
        detail=_decided(verdict),
        hint=f"{_OVER_BUDGET} {ask}" if budget else ask,
    )


def _decided(verdict: Verdict) -> str:
    if verdict.rule == NO_RULE:
        return "No rule decided this: it is beyond what the grants allow."
    return f"Rule: {verdict.rule}."


def not_approved(verdict: Verdict, reason: str, *, ask: str) -> Refusal:
    """A human, or the time that one had, said no."""
    return Refusal(
        RefusalCode.ASKED,
        f"custody: this command was not approved: {reason}",
        detail=f"Rule {verdict.rule} asks for approval: {verdict.reason}",
        hint=ask,
    )


def overtaken(verdict: Verdict, *, ask: str) -> Refusal:
    """It was approved, and is not allowed any more."""
    return Refusal(
        RefusalCode.DENIED,
        f"custody: this command was approved, but may not run any more: {verdict.reason}",
        detail=_decided(verdict),
        hint=ask,
    )


def still_waits(verdict: Verdict) -> str:
    """What a client is told while its command waits."""
    return f"custody: waiting for approval: rule {verdict.rule} asks for it: {verdict.reason}"
