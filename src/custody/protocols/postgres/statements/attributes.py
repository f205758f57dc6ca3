"""Which names behind a dot are certainly fields, and which may be calls.

Law: ``value.name`` is a field only where the catalogue shows a column of that name in every
relation that may stand before the dot; elsewhere PostgreSQL may take it for ``name(value)``, a
function of one argument or a cast, and so it is judged.
"""

from collections.abc import Iterator
from typing import Final

from custody.protocols.postgres.statements.catalogue import (
    KnownFacts,
    RelationFact,
    RelationFacts,
    RelationsQuestion,
)
from custody.protocols.postgres.statements.search_path import schemas
from custody.protocols.postgres.statements.session_view import Settings
from custody.wire.sql.syntax import AttributeUse, RelationUse, Statement

_SYSTEM: Final = frozenset(("cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"))
_STORED: Final = frozenset("rpmf")
"""Kinds of relations that have the system columns."""


def calls(statement: Statement, settings: Settings, known: KnownFacts) -> Iterator[str]:
    """The names that may be calls, each once, as far as the relations are known by now."""
    found: dict[str, None] = {}
    for use in statement.attributes:
        if use.name not in found and not _is_field(use, statement, settings, known):
            found[use.name] = None
    yield from found


def settled(statement: Statement, known: KnownFacts) -> bool:
    """Whether all that may explain a name is known, or known not to be found out."""
    return all(
        known(RelationsQuestion(statement.relations[place].name)) is not None
        for use in statement.attributes
        for place in use.relations
    )


def _is_field(
    use: AttributeUse, statement: Statement, settings: Settings, known: KnownFacts
) -> bool:
    return bool(use.relations) and all(
        _has(statement.relations[place], use.name, settings, known) for place in use.relations
    )


def _has(relation: RelationUse, column: str, settings: Settings, known: KnownFacts) -> bool:
    """Whether every relation that the name may mean has the column."""
    facts = known(RelationsQuestion(relation.name))
    if not isinstance(facts, RelationFacts) or not facts.complete:
        return False
    if not relation.schema and (settings.temporary is None or relation.name in settings.temporary):
        return False
    made = settings.relations
    if made is None or any(name in {"", relation.name} for _, name in made):
        return False
    path = schemas(settings.paths, settings.roles)
    possible = [
        fact
        for fact in facts.found
        if fact.schema == relation.schema
        or (not relation.schema and (path is None or fact.schema in path))
    ]
    return bool(possible) and all(_shows(fact, column) for fact in possible)


def _shows(fact: RelationFact, column: str) -> bool:
    return column in fact.columns or (column in _SYSTEM and fact.kind in _STORED)
