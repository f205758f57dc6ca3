"""Maskers that the tests share, and short ways to put a text into each kind of record."""

from custody.masking.detectors.catalogue import PERSONAL
from custody.masking.marks import MaskForm
from custody.masking.mask_rule import MaskRule
from custody.masking.masker import RecordMasker
from custody.masking.truncation import CaptureBounds
from custody.model.command import Command
from custody.model.record import CommandSeen, Milliseconds, Record
from custody.model.words import Decision, Effect

KEY = bytes(range(32))


def masker(*rules: MaskRule, bounds: CaptureBounds | None = None) -> RecordMasker:
    return RecordMasker(rules, KEY, bounds)


def everything(form: MaskForm = MaskForm.TOKEN, *columns: str) -> RecordMasker:
    rules = [MaskRule(detect=(*PERSONAL, "secret"), form=form)]
    if columns:
        rules.insert(0, MaskRule(columns=columns, form=form))
    return masker(*rules)


def seen(command: Command, **around: str) -> Record:
    body = CommandSeen(
        command=command,
        decision=Decision.ALLOW,
        rule=around.get("rule", "grant"),
        reason=around.get("reason", ""),
        policy="ab" * 32,
        target=around.get("target", "orders"),
    )
    return Record(time=Milliseconds(1), body=body)


def statement(text: str) -> Command:
    return Command(
        action="SELECT", effects=frozenset({Effect.READ}), objects=(), bounded=True, text=text
    )


def masked_text(one: RecordMasker, text: str) -> str:
    """The text of a command after masking; masking it again must change nothing."""
    record = one.mask(seen(statement(text)))
    assert one.mask(record) == record
    assert isinstance(record.body, CommandSeen)
    return record.body.command.text


ALL_DETECTORS = everything()
NO_RULES = masker()
