"""Which masked columns hold values that nothing would recognise elsewhere.

Law: a column rule masks where its column is proven or possible; the same value in another column
or a free text is found by a detector or not at all. Names are a guess, and lead to warnings alone.
"""

import re
from collections.abc import Sequence
from typing import Final

from custody.masking.columns import parse_column
from custody.masking.mask_rule import MaskRule

_NAMED: Final = (
    ("password", r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api_?key|credential"),
    ("card", r"card|pan|cc_?(?:num|number)?|credit"),
    ("iban", r"iban|bank_?account"),
    ("ssn", r"ssn|social"),
    ("email", r"e_?mail"),
    ("phone", r"phone|tel|mobile|cell|fax"),
    ("ip", r"ip|ip_?addr(?:ess)?"),
)
_KINDS: Final = tuple(
    (detector, re.compile(rf"(?:.*_)?(?:{names})(?:_.*|s)?", re.IGNORECASE))
    for detector, names in _NAMED
)
_ALWAYS: Final = "password"


def uncovered(rules: Sequence[MaskRule]) -> tuple[str, ...]:
    """What an operator should know: a sentence for each kind of column that stands alone."""
    detected = {name for rule in rules for name in rule.detect} | {_ALWAYS}
    missing: dict[str, list[str]] = {}
    for rule in rules:
        for text in rule.columns:
            detector = _detector(parse_column(text, text).name)
            if detector not in detected:
                missing.setdefault(detector, []).append(text)
    own = any(rule.pattern for rule in rules)
    return tuple(
        _sentence(detector, columns) for detector, columns in missing.items() if detector or not own
    )


def _detector(name: str) -> str:
    return next((detector for detector, names in _KINDS if names.fullmatch(name)), "")


def _sentence(detector: str, columns: Sequence[str]) -> str:
    named = ", ".join(columns)
    where = "are masked in that column alone: in another column or a free text they stand in clear"
    if detector:
        return f'Values of {named} {where}. Add "{detector}" to detect.'
    return f"Values of {named} {where}. Describe them by a pattern, if they have one."
