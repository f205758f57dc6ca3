"""The effect of one command's success on its session.

Law: a value that is made when the command is read and never changed by an answer.
"""

from typing import Final

from custody.model.command import Column, Command, Relation
from custody.model.words import Effect
from custody.protocols.postgres.types.value_types import ColumnTypes
from custody.wire.sql.syntax import Change, Copy, Execute, SetParameter, Statement

ANYTHING: Final[tuple[Change, ...]] = (SetParameter("", None),)
"""What a message that nobody could read may have done to its session."""
_HARMLESS: Final = frozenset({Effect.READ, Effect.WRITE, Effect.DEFINE})
_ENCODING_ACTIONS: Final = frozenset({"SET", "RESET", "DISCARD ALL"})


_CREDENTIALS: Final = Relation("pg_catalog", "pg_authid", None)
"""Stands for what a parameter holds whose name says that it is a secret: masking knows it."""
Outputs = tuple[tuple[Column, ...] | None, ...]


class Interpretation:
    """One command of a message: what its success means for the session."""

    __slots__ = (
        "changes",
        "columns",
        "copy",
        "outputs",
        "recodes",
        "relations",
        "resolved",
        "stales",
        "statement",
        "table",
        "text",
        "types",
        "writes",
    )

    def __init__(
        self,
        command: Command,
        text: str = "",
        changes: tuple[Change, ...] = (),
        statement: Statement | None = None,
        *,
        stales: bool = False,
    ) -> None:
        self.relations = command.relations
        if statement is not None and statement.shows_secret:
            self.relations += (_CREDENTIALS,)
        self.outputs: Outputs = ()
        """What the columns of its rows are worked out from, where that is certain."""
        self.resolved = command.resolved
        self.changes = changes
        self.recodes = may_recode(command) or _may_set(statement)
        """Texts behind it may be in another encoding than those before it."""
        self.stales = stales
        self.writes = Effect.WRITE in command.effects
        self.statement = statement
        self.text = text
        self.copy: Copy | None = None
        self.table: Column | None = None
        """The table that a COPY certainly reads or fills, with an empty column name."""
        self.columns: tuple[str, ...] = ()
        self.types: ColumnTypes | None = None
        """The types of a COPY's columns, where its data is binary and they are certain."""


def may_recode(command: Command) -> bool:
    """Whether client_encoding may be another behind this command."""
    return not command.effects <= _HARMLESS or command.action in _ENCODING_ACTIONS


def _may_set(statement: Statement | None) -> bool:
    """Whether it may set a parameter of the session: by a function, or by what it executes."""
    return statement is not None and (
        any(isinstance(change, Execute) for change in statement.changes)
        or any(use.name == "set_config" for use in statement.functions)
    )
