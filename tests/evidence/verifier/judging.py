"""A report under all that a verifier can bring along."""

from tests.evidence.small_log import (
    SmallLog,
    open_day,
)

from custody.evidence.tlog.policy import TlogPolicy, parse_policy, policy_text
from custody.evidence.verifier import FaultKind, Report, VerifyOptions, verify


def policy_of(log: SmallLog) -> TlogPolicy:
    return parse_policy(policy_text(log.key).encode())


def judged(log: SmallLog, **changed: object) -> Report:
    options: dict[str, object] = {
        "policy": policy_of(log),
        "anchor": log.anchor,
        "open_day": open_day,
        "pause": lambda: None,
    }
    return verify(log.evidence, VerifyOptions(**{**options, **changed}))  # type: ignore[arg-type]  # a table of named options


def kinds(report: Report) -> set[FaultKind]:
    return {fault.kind for fault in report.faults}
