"""What an operator writes in one ``[[mask]]`` table.

Law: a value; whether it can work, ``custody.masking.rules`` says.
"""

from typing import Annotated

import msgspec

from custody.masking.marks import MaskForm
from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey


class MaskRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[mask]]`` table: exactly one of ``columns``, ``detect`` and ``pattern``.

    The fields stand in the order in which the digest of the rules writes them.
    """

    columns: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "`table.column`, `schema.table.column`; `*` is any.", "none"),
    ] = ()
    detect: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "What to find in any text: `card`, `email`, `secret` …", "none"),
    ] = ()
    pattern: Annotated[
        str, ConfigKey(read.some_text, "A regular expression of your own.", "none", form="RE2")
    ] = ""
    name: Annotated[
        str, ConfigKey(read.name, "What `pattern` finds; stands in its place.", "none")
    ] = ""
    form: Annotated[
        MaskForm,
        ConfigKey(
            read.choice(MaskForm),
            "What takes the value's place; `token`: the same value, the same token.",
        ),
    ] = msgspec.field(name="as", default=MaskForm.REDACT)
