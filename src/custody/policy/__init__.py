"""The room that judges commands: grants are the ceiling, rules decide below it.

Law: a verdict depends on the policy, the session, the command and ``now``, and on nothing else.
Nothing here reads a file or a clock, and every error while judging is a denial.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.policy.condition import CONDITION_FUNCTIONS
    from custody.policy.explanation import Explanation, explain
    from custody.policy.grant import Grant
    from custody.policy.hours import MINUTE_MS, Hours
    from custody.policy.judge import CompiledPolicy, policy_digest
    from custody.policy.loop_budget import QUANTITIES, Limit, Limits, limits_of
    from custody.policy.loop_start import (
        check_budget,
        check_room,
        check_scope,
        inherit,
        longest,
        targets_in_reach,
    )
    from custody.policy.reach import rests_on
    from custody.policy.rule import Rule, compile_rule
    from custody.policy.variables import CONDITION_FIELDS, TargetFacts

_NAMES: Final = {
    "loop_budget": ("QUANTITIES", "Limit", "Limits", "limits_of"),
    "condition": ("CONDITION_FUNCTIONS",),
    "explanation": ("Explanation", "explain"),
    "grant": ("Grant",),
    "hours": ("MINUTE_MS", "Hours"),
    "judge": ("CompiledPolicy", "policy_digest"),
    "loop_start": (
        "check_budget",
        "check_room",
        "check_scope",
        "inherit",
        "longest",
        "targets_in_reach",
    ),
    "reach": ("rests_on",),
    "rule": ("Rule", "compile_rule"),
    "variables": ("CONDITION_FIELDS", "TargetFacts"),
}

__all__ = [
    "CONDITION_FIELDS",
    "CONDITION_FUNCTIONS",
    "MINUTE_MS",
    "QUANTITIES",
    "CompiledPolicy",
    "Explanation",
    "Grant",
    "Hours",
    "Limit",
    "Limits",
    "Rule",
    "TargetFacts",
    "check_budget",
    "check_room",
    "check_scope",
    "compile_rule",
    "explain",
    "inherit",
    "limits_of",
    "longest",
    "policy_digest",
    "rests_on",
    "targets_in_reach",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
