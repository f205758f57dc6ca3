"""Which table's column a result column is, unchanged.

Law: an origin is given only where the server named the table's OID and the attribute, and the
catalogue names both. Anything else is no origin, which masking takes for the worst.
"""

from collections.abc import Hashable
from typing import Final

from custody.model.command import Column
from custody.model.record import OutputColumn
from custody.protocols.postgres.capture import Description
from custody.protocols.postgres.catalogue import ColumnsOf, TableFact
from custody.protocols.postgres.reading import Recall
from custody.protocols.postgres.values import type_name

_TABLES: Final = frozenset("rpfm")
"""Kinds of relations whose columns are their own: a view's are somebody else's."""


class Origins:
    """Result columns by description. An answer is used as long as the host still gives it."""

    def __init__(self, *, resolve: bool) -> None:
        self.recall: Recall | None = None
        self._resolve: Final = resolve
        self._answers: dict[Hashable, object | None] = {}

    def missing(self, description: Description | None) -> list[Hashable]:
        """What must be asked before ``columns``."""
        if description is None or not self._resolve:
            return []
        recall = self.recall
        missing: list[Hashable] = []
        for oid in description.tables:
            question = ColumnsOf(oid)
            if question in self._answers:
                continue
            answer = recall(question) if recall is not None else None
            if answer is None:
                missing.append(question)
            else:
                self._answers[question] = answer
        return missing

    def answer(self, question: Hashable, answer: object) -> None:
        self._answers[question] = answer

    def columns(self, description: Description | None) -> tuple[OutputColumn, ...]:
        """What is not known by now has no origin. Forgets the answers: they are used once."""
        if description is None:
            return ()
        answers, self._answers = self._answers, {}
        facts = tuple([answers.get(ColumnsOf(oid)) for oid in description.tables])
        kept = description.facts
        if kept is not None and all(a is b for a, b in zip(kept, facts, strict=True)):
            return description.columns
        tables = dict(zip(description.tables, facts, strict=True))
        columns = tuple(
            OutputColumn(
                field.name, type_name(field.type), _origin(tables.get(field.table), field.attribute)
            )
            for field in description.fields
        )
        description.facts = facts
        description.columns = columns
        return columns


def _origin(fact: object | None, attribute: int) -> Column | None:
    if not isinstance(fact, TableFact) or fact.kind not in _TABLES:
        return None
    for number, name in fact.columns:
        if number == attribute:
            return Column(fact.schema, fact.name, name)
    return None
