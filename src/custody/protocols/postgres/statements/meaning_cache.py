"""A cache of statements' meanings.

Law: a cached meaning is used again only for the same statement (by its stamp), the same settings
and the very same answers of the catalogue; statements that run prepared ones depend on more and are
worked out anew each time.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from custody.model.command import Argument, Command
from custody.protocols.postgres.statements import meaning
from custody.protocols.postgres.statements.catalogue import (
    CatalogueAnswer,
    CatalogueQuestion,
    KnownFacts,
)
from custody.protocols.postgres.statements.meaning import Meaning
from custody.protocols.postgres.statements.session_view import SessionView, Settings
from custody.wire.sql.syntax import Change, Execute, Prepare, Statement

K = TypeVar("K")
V = TypeVar("V")


class _Remembered(msgspec.Struct, frozen=True):
    rests_on: tuple[tuple[CatalogueQuestion, CatalogueAnswer], ...]
    meaning: meaning.Meaning
    changes: tuple[Change, ...]


class MeaningCache:
    """The faces of ``meaning``, with a memory. One serves all sessions on all targets: what differs
    between these are the answers, and they are compared.
    """

    def __init__(self, capacity: int = 8_192) -> None:
        self._capacity: Final = capacity
        self._kept: Final[dict[tuple[int, Settings], _Remembered]] = {}
        self._wanted: Final[dict[int, tuple[CatalogueQuestion, ...]]] = {}

    def questions(
        self, statement: Statement, view: SessionView, known: KnownFacts
    ) -> tuple[CatalogueQuestion, ...]:
        found = self._wanted.get(statement.stamp)
        if found is None:
            found = meaning.wanted(statement, view)
            if statement.stamp and not _runs_others(statement):
                _keep(self._wanted, self._capacity, statement.stamp, found)
        found += meaning.wanted_further(statement, view, known)
        return tuple([question for question in found if known(question) is None])

    def understand(
        self,
        text: str,
        statement: Statement,
        view: SessionView,
        known: KnownFacts,
        arguments: Sequence[Argument] = (),
        *,
        form: str = "simple",
    ) -> Command:
        found = self._recall(statement, view, known)
        what = found.meaning if found else meaning.meaning(statement, view, known)
        return meaning.assemble(text, statement, what, arguments, form=form)

    def meaning(self, statement: Statement, view: SessionView, known: KnownFacts) -> Meaning:
        found = self._recall(statement, view, known)
        return found.meaning if found else meaning.meaning(statement, view, known)

    def assemble(
        self,
        text: str,
        statement: Statement,
        found: Meaning,
        arguments: Sequence[Argument] = (),
        *,
        form: str = "simple",
    ) -> Command:
        return meaning.assemble(text, statement, found, arguments, form=form)

    def changes(
        self, statement: Statement, view: SessionView, known: KnownFacts
    ) -> tuple[Change, ...]:
        found = self._recall(statement, view, known)
        return found.changes if found else meaning.changes(statement, view, known)

    def unreadable(self, text: str, reason: str, arguments: Sequence[Argument] = ()) -> Command:
        return meaning.unreadable(text, reason, arguments)

    def stales(self, command: Command) -> bool:
        return meaning.stales(command)

    def _recall(
        self, statement: Statement, view: SessionView, known: KnownFacts
    ) -> _Remembered | None:
        """What is remembered, or now worked out and kept; ``None`` where it must not be kept."""
        if not statement.stamp:
            return None
        key = (statement.stamp, view.settings)
        found = self._kept.get(key)
        if found is not None:
            for question, before in found.rests_on:
                if known(question) is not before:
                    break
            else:
                return found
        if _runs_others(statement):
            return None
        rests_on = []
        wanted = meaning.wanted(statement, view) + meaning.wanted_further(statement, view, known)
        for question in wanted:
            answer = known(question)
            if answer is None:
                return None
            rests_on.append((question, answer))
        found = _Remembered(
            tuple(rests_on),
            meaning.meaning(statement, view, known),
            meaning.changes(statement, view, known),
        )
        _keep(self._kept, self._capacity, key, found)
        return found


def _runs_others(statement: Statement) -> bool:
    return any(isinstance(change, (Execute, Prepare)) for change in statement.changes)


def _keep(kept: dict[K, V], capacity: int, key: K, value: V) -> None:
    """Bounded: the first that came is the first to go."""
    if len(kept) >= capacity and key not in kept:
        del kept[next(iter(kept))]
    kept[key] = value
