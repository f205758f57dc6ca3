"""What differs between two configurations, as an operator and an investigator need to know it.

Law: pure. What cannot change while a gateway runs is named by its key; what protects less than
before is named by what it leaves open, never by a value.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from custody.config.tables import Config
from custody.masking import MaskForm, MaskRule
from custody.model.secret import Secret
from custody.model.words import TargetName

_GATEWAY: Final = (
    "name",
    "data",
    "keys",
    "anchor",
    "durability",
    "responses",
    "memory_bytes",
    "loop_memory_bytes",
)
_LISTENER: Final = ("address", "cleartext", "target", "oauth", "own")
_STRENGTH: Final = {MaskForm.LAST4: 1, MaskForm.TOKEN: 2, MaskForm.REDACT: 3}


def fixed_keys_changed(old: Config, new: Config) -> Iterator[str]:
    """The keys that are read at a start alone, and say something else now."""
    for key in _GATEWAY:
        if getattr(old.gateway, key) != getattr(new.gateway, key):
            yield f"gateway.{key}"
    yield from _listeners_changed(old, new)
    if old.escrow != new.escrow:
        yield "escrow"
    for table in ("console", "metrics"):
        if _form(getattr(old, table)) != _form(getattr(new, table)):
            yield f"listen.{table}"
    listening = {each.name: each.listen for each in old.targets}
    for target in new.targets:
        if target.listen != listening.pop(target.name, None):
            yield f"target {target.name}: listen"
    yield from (f"target {name}: listen" for name, listen in listening.items() if listen)


def _listeners_changed(old: Config, new: Config) -> Iterator[str]:
    before = {each.name: each for each in old.listeners}
    after = {each.name: each for each in new.listeners}
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"listen.{name}"
            continue
        for key in _LISTENER:
            if _form(getattr(before[name], key)) != _form(getattr(after[name], key)):
                yield f"listen.{name}.{key}"


def targets_gone(old: Config, new: Config) -> frozenset[TargetName]:
    """Those that are no more, or are spoken to otherwise now."""
    spoken = {each.name: each.protocol for each in new.targets}
    return frozenset(each.name for each in old.targets if spoken.get(each.name) != each.protocol)


def weaker_masks(old: Config, new: Config) -> Iterator[str]:
    """What was masked and is masked less now."""
    after = _masked(new)
    patterns = {mask.name: mask.pattern for mask in new.masks if mask.pattern}
    for mask in old.masks:
        if mask.pattern and patterns.get(mask.name, mask.pattern) != mask.pattern:
            yield f"pattern {mask.name or 'without a name'} is another one now"
    for what, form in _masked(old).items():
        if what not in after:
            yield f"{what} is no longer masked"
        elif _STRENGTH[after[what]] < _STRENGTH[form]:
            yield f"{what} is masked as {after[what].value}, no longer as {form.value}"


def _masked(config: Config) -> Mapping[str, MaskForm]:
    """The first rule that names something is the one that masks it."""
    found: dict[str, MaskForm] = {}
    for mask in config.masks:
        for what in _named(mask):
            found.setdefault(what, mask.form)
    return found


def _named(mask: MaskRule) -> Iterator[str]:
    yield from (f"columns {each}" for each in mask.columns)
    yield from (f"detector {each}" for each in mask.detect)
    if mask.pattern:
        yield f"pattern {mask.name or 'without a name'}"


def new_approvers(old: Config, new: Config) -> Iterator[str]:
    """Groups that a rule asks now and did not ask before."""
    before = {rule.name: frozenset(rule.approvers) for rule in old.rules}
    for rule in new.rules:
        if added := sorted(frozenset(rule.approvers) - before.get(rule.name, frozenset())):
            yield f"rule {rule.name} may now be approved by {', '.join(added)}"


def tables_changed(old: Config, new: Config) -> Iterator[str]:
    """The tables in which anything differs, by their names."""
    for name, table in (
        ("gateway", "gateway"), ("listen", "listeners"), ("login", "login"), ("oidc", "oidc"),
        ("workload", "workload"), ("saml", "saml"), ("target", "targets"), ("store", "stores"),
        ("grant", "grants"), ("rule", "rules"), ("mask", "masks"), ("capture", "capture"),
        ("log", "log"),
        ("retention", "retention"), ("escrow", "escrow"),
    ):  # fmt: skip
        if _form(getattr(old, table)) != _form(getattr(new, table)):
            yield name


def _form(value: object) -> bytes:
    """For comparison in memory alone: what stands in references is in it."""
    return msgspec.json.encode(value, order="deterministic", enc_hook=_plain)


def _plain(value: object) -> str:
    match value:
        case Secret():
            return value.reveal()
        case Path():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")
