"""What an operator may ask to be masked, checked before the gateway starts.

Law: a rule that cannot work is refused with its path in the configuration and the cure. The
detectors of ``secret`` are on without any rule.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import re2

from custody.masking.columns import BUILTIN_KIND, ColumnPattern, parse_column
from custody.masking.detectors.catalogue import NAMES, PERSONAL, SECRETS
from custody.masking.detectors.scanner import compile_own
from custody.masking.marks import MarkKind, MaskForm
from custody.masking.mask_rule import MaskRule
from custody.model.errors import CustodyError

CATALOGUE_VERSION: Final = 2
"""Changes whenever the detectors do, so that the digest in the evidence tells which were used."""
_RULE_LIMIT: Final = 256
_PATTERN_LIMIT: Final = 4096
_PROBES: Final = ("", "a", "0", " ", "a b", "0.0", "\n", "-", "é")


class CheckedRules(NamedTuple):
    """Rules that can work."""

    columns: list[tuple[ColumnPattern, MarkKind]]
    detectors: dict[str, MarkKind]
    own: list[tuple[Any, MarkKind]]
    kinds: list[MarkKind]
    digest: bytes


def check_rules(rules: Sequence[MaskRule], path: str = "mask") -> CheckedRules:
    """Raises ``CustodyError`` (``config.mask-…``) that names the rule by its path."""
    if len(rules) > _RULE_LIMIT:
        raise CustodyError(
            "config.mask-count",
            f"{path} has more than {_RULE_LIMIT} tables.",
            "Put several columns or detectors into one table.",
        )
    checked = CheckedRules([], {}, [], [BUILTIN_KIND], _digest(rules))
    for at, rule in enumerate(rules):
        where = f"{path}[{at}]"
        if sum(map(bool, (rule.columns, rule.detect, rule.pattern))) != 1:
            raise CustodyError(
                "config.mask-rule",
                f"{where} must have exactly one of columns, detect and pattern.",
                "Write a [[mask]] table for each.",
            )
        if rule.name and not rule.pattern:
            raise CustodyError(
                "config.mask-rule",
                f"{where}.name stands without a pattern.",
                "Only a rule with a pattern has a name; remove it.",
            )
        _columns(checked, rule, where)
        _detectors(checked, rule, where)
        if rule.pattern:
            _own(checked, rule, where)
    for name in SECRETS:
        if name not in checked.detectors:
            checked.detectors[name] = MarkKind(name, MaskForm.REDACT)
    checked.kinds.extend(checked.detectors.values())
    return checked


def _columns(checked: CheckedRules, rule: MaskRule, where: str) -> None:
    for number, text in enumerate(rule.columns):
        pattern = parse_column(text, f"{where}.columns[{number}]")
        parts = (pattern.relation, pattern.name)
        identity = ".".join(parts if pattern.schema == "*" else (pattern.schema, *parts))
        kind = MarkKind(identity, rule.form)
        checked.columns.append((pattern, kind))
        checked.kinds.append(kind)


def _detectors(checked: CheckedRules, rule: MaskRule, where: str) -> None:
    for number, name in enumerate(rule.detect):
        if name == "secret":
            names: Sequence[str] = SECRETS
        elif name in NAMES:
            names = (name,)
        else:
            raise CustodyError(
                "config.mask-detector",
                f"{where}.detect[{number}] is not a detector.",
                f"Choose from: {', '.join((*PERSONAL, *SECRETS, 'secret'))}.",
            )
        for each in names:
            checked.detectors.setdefault(each, MarkKind(each, rule.form))


def _own(checked: CheckedRules, rule: MaskRule, where: str) -> None:
    if not rule.name:
        raise CustodyError(
            "config.mask-rule",
            f"{where} has a pattern and no name.",
            "Add name: it stands in the evidence where the pattern matched.",
        )
    if len(rule.pattern) > _PATTERN_LIMIT:
        raise CustodyError(
            "config.mask-pattern",
            f"{where}.pattern is longer than {_PATTERN_LIMIT} characters.",
            "Split it into several rules.",
        )
    try:
        pattern = compile_own(rule.pattern)
    except re2.error:
        pattern = None
    if pattern is None:
        raise CustodyError(
            "config.mask-pattern",
            f"{where}.pattern is not a regular expression that RE2 understands.",
            "RE2 has no look-around and no back-references; see its syntax page.",
        )
    for probe in _PROBES:
        if any(match.start() == match.end() for match in pattern.finditer(probe)):
            raise CustodyError(
                "config.mask-pattern",
                f"{where}.pattern matches the empty string.",
                'Make it match at least one character: "+" instead of "*", for example.',
            )
    kind = MarkKind(rule.name, rule.form)
    checked.own.append((pattern, kind))
    checked.kinds.append(kind)


def _digest(rules: Sequence[MaskRule]) -> bytes:
    text = msgspec.json.encode((CATALOGUE_VERSION, rules))
    return hashlib.sha256(text).digest()
