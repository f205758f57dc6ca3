"""What an operator writes in one ``[[mask]]`` table.

Law: a value; whether it can work, ``custody.masking.rules`` says.
"""

import msgspec

from custody.masking.marks import MaskForm


class MaskRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[mask]]`` table: exactly one of ``columns``, ``detect`` and ``pattern``."""

    columns: tuple[str, ...] = ()
    detect: tuple[str, ...] = ()
    pattern: str = ""
    name: str = ""
    """What ``pattern`` finds: it names the marks."""
    form: MaskForm = msgspec.field(name="as", default=MaskForm.REDACT)
