"""A report under all that a verifier can bring along."""

from tests.evidence.small_log import (
    SmallLog,
    open_day,
)

from custody.evidence.tlog.policy import Policy, parse_policy, policy_text
from custody.evidence.verifier import Kind, Options, Report, verify


def policy_of(log: SmallLog) -> Policy:
    return parse_policy(policy_text(log.key).encode())


def judged(log: SmallLog, **changed: object) -> Report:
    options: dict[str, object] = {
        "policy": policy_of(log),
        "anchor": log.anchor,
        "open_day": open_day,
        "pause": lambda: None,
    }
    return verify(log.evidence, Options(**{**options, **changed}))  # type: ignore[arg-type]  # a table of named options


def kinds(report: Report) -> set[Kind]:
    return {fault.kind for fault in report.faults}
