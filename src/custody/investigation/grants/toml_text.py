"""Suggested grants as the tables of a configuration file.

Law: the text is TOML that means exactly these grants, for any names in the evidence, and each line
shows its content on a terminal.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from custody.model.durations import duration_words
from custody.model.identity import Budget
from custody.policy import QUANTITIES, Grant, Hours

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class SuggestedGrant(msgspec.Struct, frozen=True):
    """A grant, and what is to be said above it."""

    grant: Grant
    remarks: tuple[str, ...] = ()


def toml(opening: Iterable[str], suggested: Iterable[SuggestedGrant]) -> str:
    blocks = ["\n".join(_comment(line) for line in opening)]
    for each in suggested:
        lines = [_comment(remark) for remark in each.remarks]
        blocks.append("\n".join((*lines, *_table(each.grant))))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(grant: Grant) -> Iterable[str]:
    yield "[[grant]]"
    yield f"name = {quoted(grant.name)}"
    for key in ("groups", "identities"):
        names: Sequence[str] = getattr(grant, key)
        if names:
            yield f"{key} = {_list(names)}"
    if grant.issuer:
        yield f"issuer = {quoted(grant.issuer)}"
    yield f"targets = {_list(grant.targets)}"
    yield f"effects = {_list(sorted(grant.effects))}"
    if grant.objects is not None:
        yield f"objects = {_list(grant.objects)}"
    if grant.hours is not None:
        yield f"hours = {quoted(hours_words(grant.hours))}"
    if grant.max_loop_ms is not None:
        yield f"max_loop = {quoted(duration_words(grant.max_loop_ms))}"
    if grant.replication:
        yield "replication = true"
    if grant.concurrency is not None:
        yield f"concurrency = {grant.concurrency}"
    if grant.budget is not None:
        yield f"budget = {_budget(grant.budget)}"


def hours_words(hours: Hours) -> str:
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start, hours.end))
    return f"{start}-{end}"


def many(number: int, what: str) -> str:
    """``1 loop``, ``2 loops``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _budget(budget: Budget) -> str:
    limits = ((quantity, getattr(budget, quantity)) for quantity in QUANTITIES)
    said = [f"{quantity} = {limit}" for quantity, limit in limits if limit is not None]
    return f"{{ {', '.join([*said, f'then = {quoted(budget.then.value)}'])} }}"


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def quoted(text: str) -> str:
    """A basic string of TOML 1.0; what does not show itself is written by its code."""
    return f'"{"".join(map(_character, text))}"'


def _character(each: str) -> str:
    if each in '"\\':
        return f"\\{each}"
    if unicodedata.category(each) not in _HIDDEN:
        return each
    point = ord(each)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _comment(line: str) -> str:
    return f"# {quoted(line)[1:-1]}" if not line.isprintable() else f"# {line}"
