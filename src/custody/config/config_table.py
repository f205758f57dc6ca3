"""A table of the configuration: declared once, on the field of ``Config`` that holds what it says.

Law: the reader, the list of known tables and the documents all take it from there.
"""

from functools import cache
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec


class ConfigTable(msgspec.Struct, frozen=True):
    """Stands in a field's ``Annotated``. The field's type says what is read: a struct is ``[key]``,
    a tuple of them ``[[key]]``.
    """

    key: str
    numbered: bool = False
    """An entry without a ``name`` is called by its key and number."""
    apart: bool = False
    """A reader of its own, in ``config.document_reader``, fills the field."""


class DeclaredTable(msgspec.Struct, frozen=True):
    field: str
    table: ConfigTable
    kind: type[msgspec.Struct]
    many: bool

    @property
    def heading(self) -> str:
        """As an operator writes it."""
        return f"[[{self.table.key}]]" if self.many else f"[{self.table.key}]"


@cache
def tables_of(config: type[msgspec.Struct]) -> tuple[DeclaredTable, ...]:
    """In the order of the fields, which is that of the documents."""
    return tuple(
        _declared(name, hint, note)
        for name, hint in get_type_hints(config, include_extras=True).items()
        if get_origin(hint) is Annotated
        for note in hint.__metadata__
        if isinstance(note, ConfigTable)
    )


def _declared(name: str, hint: object, table: ConfigTable) -> DeclaredTable:
    kind = get_args(hint)[0]
    many = get_origin(kind) is tuple
    if many:
        kind = get_args(kind)[0]
    # ``T | None`` is a table that may be absent.
    structs = [each for each in get_args(kind) or (kind,) if each is not type(None)]
    return DeclaredTable(name, table, structs[0], many)
