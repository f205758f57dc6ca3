"""The spent budgets of loops.

Law: a figure here is never ahead of what was used; after a crash it may be behind by what was used
since it was last kept.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.dialects.sqlite import insert

from custody.model.identity import Spent, Tally
from custody.model.words import LoopId
from custody.state import rows
from custody.state.database_errors import DatabaseErrors
from custody.state.schema import spent


class BudgetBook:
    """Raises ``CustodyError`` ``state.failed`` where the disk or a lock fails."""

    def __init__(self, engine: Engine, reader: Engine) -> None:
        self._engine: Final = engine
        self._reader: Final = reader

    def save(self, figures: Iterable[tuple[LoopId, Tally]]) -> None:
        wanted = [
            {
                "loop": loop,
                "spent": rows.text(kept.spent),
                "forgiven": rows.text(kept.forgiven),
                "paused": kept.paused,
            }
            for loop, kept in figures
        ]
        if not wanted:
            return
        statement = insert(spent)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[spent.c.loop],
            set_={"spent": new.spent, "forgiven": new.forgiven, "paused": new.paused},
        )
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(statement, wanted)

    def load(self) -> Mapping[LoopId, Tally]:
        """Of every loop that is still known."""
        with DatabaseErrors(), self._reader.begin() as connection:
            return {
                LoopId(row.loop): Tally(
                    rows.value(row.spent, Spent), rows.value(row.forgiven, Spent), row.paused
                )
                for row in connection.execute(select(spent))
            }
