"""Reads ``[[mask]]`` tables into the rules that masking checks.

Law: masking alone knows which rules can work; here its faults get their place in the file.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from custody.config import values as read
from custody.config.faults import ConfigFaults, KeyPath
from custody.config.key import ConfigKey
from custody.config.read_table import read_table
from custody.masking import MaskForm, MaskRule
from custody.model.errors import CustodyError

_PLACE: Final = re.compile(r"mask\[\d+\](?:\.(\w+)(?:\[\d+\])?)? ?")


class MaskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of ``columns``, ``detect`` and ``pattern``."""

    columns: Annotated[
        tuple[str, ...],
        ConfigKey(
            read.some_texts, "list", "`table.column`, `schema.table.column`; `*` is any.", "none"
        ),
    ] = ()
    detect: Annotated[
        tuple[str, ...],
        ConfigKey(
            read.some_texts, "list", "What to find in any text: `card`, `email`, `secret` …", "none"
        ),
    ] = ()
    pattern: Annotated[
        str, ConfigKey(read.some_text, "RE2", "A regular expression of your own.", "none")
    ] = ""
    name: Annotated[
        str, ConfigKey(read.name, "text", "What `pattern` finds; stands in its place.", "none")
    ] = ""
    form: Annotated[
        MaskForm,
        ConfigKey(
            read.choice(MaskForm),
            '"redact", "token" or "last4"',
            "What takes the value's place; `token`: the same value, the same token.",
        ),
    ] = msgspec.field(name="as", default=MaskForm.REDACT)


def read_masks(
    tables: Sequence[tuple[KeyPath, dict[str, object]]],
    folder: Path,
    faults: ConfigFaults,
    *,
    checked: bool,
) -> tuple[MaskRule, ...]:
    """Whether the rules can work is seen only where they are to be ``checked``."""
    rules: list[tuple[KeyPath, MaskRule]] = []
    for at, table in tables:
        mask = read_table(MaskConfig, table, at, folder, faults)
        if mask is None:
            continue
        rule = MaskRule(mask.columns, mask.detect, mask.pattern, mask.name, mask.form)
        rules.append((at, rule))
    if checked:
        _check(rules, faults)
    return tuple(rule for _, rule in rules)


def _check(rules: Sequence[tuple[KeyPath, MaskRule]], faults: ConfigFaults) -> None:
    # The detectors cost 40 ms of imports, which most commands need not pay.
    from custody.masking.rules import check_rules  # noqa: PLC0415 - see above

    for at, rule in rules:
        try:
            check_rules([rule])
        except CustodyError as error:
            _place(error, at, faults)
    if not faults.found:
        try:
            check_rules([rule for _, rule in rules])
        except CustodyError as error:  # what only all rules together break, such as their number
            faults.add(error.code, ("mask",), error.fault, error.cure)


def _place(error: CustodyError, at: KeyPath, faults: ConfigFaults) -> None:
    place = _PLACE.match(error.fault)
    if place is None:
        faults.add(error.code, at, error.fault, error.cure)
        return
    key = place.group(1)
    words = error.fault[place.end() :]
    faults.add(error.code, (*at, key) if key else at, f"It {words}", error.cure)
