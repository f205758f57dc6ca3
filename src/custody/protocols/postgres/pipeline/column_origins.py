"""The table column that a result column returns unchanged.

Law: an origin is given only where the server named the table's OID and the attribute, and the
catalogue names both. Anything else is no origin, which masking takes for the worst.
"""

from collections.abc import Hashable
from typing import Final

from custody.model.command import Column
from custody.model.record import OutputColumn
from custody.protocols.postgres.statements.catalogue import TableFact
from custody.protocols.postgres.statements.reader import Recall
from custody.protocols.postgres.values.row_capture import RowDescription
from custody.protocols.postgres.values.text import type_name

_TABLES: Final = frozenset("rpf")
"""Kinds of relations whose columns are their own: a view's are somebody else's, and so are those of
a materialized view."""
_SHOWN: Final = frozenset(("pg_settings", "pg_stat_activity"))
"""Views of PostgreSQL's own of which masking knows what each column shows."""


class ColumnOrigins:
    """Result columns by description. An answer is used as long as the host still gives it."""

    def __init__(self, *, resolve: bool) -> None:
        self.recall: Recall | None = None
        self._resolve: Final = resolve
        self._answers: dict[Hashable, object | None] = {}

    @property
    def asks(self) -> bool:
        """Whether the host answers questions about the catalogue at all."""
        return self._resolve

    def missing(self, description: RowDescription | None) -> list[Hashable]:
        """What must be asked before ``columns``."""
        if description is None or not self._resolve:
            return []
        recall, answers = self.recall, self._answers
        missing: list[Hashable] = []
        for question in description.questions:
            if question not in answers:
                answer = recall(question) if recall is not None else None
                if answer is None:
                    missing.append(question)
                else:
                    answers[question] = answer
        return missing

    def answer(self, question: Hashable, answer: object) -> None:
        self._answers[question] = answer

    def known(self, description: RowDescription) -> tuple[OutputColumn, ...] | None:
        """As resolved before, if every answer that it rests on is still the answer."""
        recall, facts = self.recall, description.facts
        if facts is not None and not self._resolve:
            return description.columns
        if facts is None or recall is None:
            return None
        for question, fact in zip(description.questions, facts, strict=True):
            if fact is None or recall(question) is not fact:
                return None
        return description.columns

    def columns(self, description: RowDescription | None) -> tuple[OutputColumn, ...]:
        """What is not known by now has no origin. Forgets the answers: they are used once."""
        if description is None:
            return ()
        known = self.known(description)
        if known is not None:
            return known
        answers, self._answers = self._answers, {}
        facts = {question.oid: answers.get(question) for question in description.questions}
        columns = tuple(
            OutputColumn(
                field.name, type_name(field.type), _origin(facts.get(field.table), field.attribute)
            )
            for field in description.fields
        )
        description.facts = tuple(facts.values())
        description.columns = columns
        return columns


def _origin(fact: object | None, attribute: int) -> Column | None:
    if not isinstance(fact, TableFact) or fact.kin is None:
        return None
    shown = fact.schema == "pg_catalog" and fact.name in _SHOWN
    if fact.kind not in _TABLES and not shown:
        return None
    for number, name in fact.columns:
        if number == attribute:
            return Column(fact.schema, fact.name, name, fact.kin)
    return None
