"""Readers of a grant's effects and of its budget.

Law: a reader accepts or says what it wants, and never repeats the value.
"""

from typing import Final

from custody.model.config import value_readers as read
from custody.model.config.config_key import UnfitValueError, reads
from custody.model.identity import Budget
from custody.model.words import Effect, Exceeded

_QUANTITIES: Final = ("commands", "rows", "writes", "denials")
_MOST: Final = 1 << 53


@reads("list")
def read_effects(value: object) -> frozenset[Effect]:
    """An empty list grants only what has no effect: BEGIN, SHOW and the like."""
    return frozenset(read.choice(Effect)(item) for item in read.texts(value))


@reads("table")
def read_budget(value: object) -> Budget:
    """At least one limit; ``bytes`` may have a unit."""
    if not isinstance(value, dict):
        raise UnfitValueError(
            "It must be a table such as { commands = 10000, rows = 1000000 }.", "config.type"
        )
    unknown = set(value) - {*_QUANTITIES, "bytes", "then"}
    if unknown:
        raise UnfitValueError(
            f"It knows {', '.join(_QUANTITIES)}, bytes and then, and nothing else.",
            "config.unknown-key",
        )
    limits = {
        quantity: read.integer(0, _MOST)(value[quantity])
        for quantity in _QUANTITIES
        if quantity in value
    }
    size = read.size(0, _MOST)(value["bytes"]) if "bytes" in value else None
    if not limits and size is None:
        raise UnfitValueError(f"It limits nothing: give it {', '.join(_QUANTITIES)} or bytes.")
    then = read.choice(Exceeded)(value.get("then", Exceeded.END.value))
    return Budget(**limits, bytes=size, then=then)
