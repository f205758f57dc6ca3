"""What the sender of a command is told when it does not move.

Law: a refusal names the rule and never the command.
"""

from typing import Final

from custody.model.command import Verdict
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

_EXPLAINED: Final = (
    "The session lives on. `custody policy explain` shows which rule decides and why."
)
_OVER_BUDGET: Final = "A loop's budget is in its grant; an operator resumes a loop that is paused."


def denied(verdict: Verdict, problem: str, *, budget: bool) -> Refusal:
    """``problem``: why the command could not be read, where it could not. ``budget``: whether the
    verdict is the budget's.
    """
    reason = verdict.reason
    if problem:
        reason = f"it could not be read ({problem}), and nothing here allows that. {reason}"
    if verdict.decision is Decision.ASK:
        return Refusal(
            RefusalCode.ASKED,
            "custody: approval is not available yet, so what would need it is denied",
            detail=f"Rule {verdict.rule} asks for approval: {reason}",
        )
    return Refusal(
        RefusalCode.DENIED,
        f"custody denied this command: {reason}",
        detail=f"Rule: {verdict.rule}.",
        hint=_OVER_BUDGET if budget else _EXPLAINED,
    )


def not_approved(verdict: Verdict, reason: str) -> Refusal:
    """A human, or the time that one had, said no."""
    return Refusal(
        RefusalCode.ASKED,
        f"custody: this command was not approved: {reason}",
        detail=f"Rule {verdict.rule} asks for approval: {verdict.reason}",
    )


def overtaken(verdict: Verdict) -> Refusal:
    """It was approved, and is not allowed any more."""
    return Refusal(
        RefusalCode.DENIED,
        f"custody: this command was approved, but may not run any more: {verdict.reason}",
        detail=f"Rule: {verdict.rule}.",
    )


def still_waits(verdict: Verdict) -> str:
    """What a client is told while its command waits."""
    return f"custody: waiting for approval: rule {verdict.rule} asks for it: {verdict.reason}"
