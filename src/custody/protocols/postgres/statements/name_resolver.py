"""Turns the names of one statement into candidates, objects and columns.

Law: an unqualified name is every relation that it may mean on the session's path; what nobody knows
may stand in any schema that the path leads to.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from custody.model.command import Column, Relation
from custody.model.words import Effect
from custody.protocols.postgres.statements import reach
from custody.protocols.postgres.statements.catalogue import (
    KnownFacts,
    RelationFact,
    RelationFacts,
    RelationsQuestion,
)
from custody.protocols.postgres.statements.search_path import TEMPORARY, schemas
from custody.protocols.postgres.statements.session_view import Settings
from custody.protocols.postgres.statements.temporary_relations import behind
from custody.protocols.postgres.types.scalars import NAMES
from custody.wire.sql.collector import ANY
from custody.wire.sql.syntax import ColumnUse, Reach, RelationUse, TypeUse, WriteBound

if TYPE_CHECKING:
    from custody.protocols.postgres.statements.meaning import Meaning

_PLAIN_TABLES: Final = frozenset(("r", "p", "f"))
_BUILT_IN: Final = frozenset(NAMES.values())
_ROW_TYPES: Final = frozenset(("r", "p", "f", "c"))
"""Kinds of relations whose row type has the values of their own columns."""


class NameResolver:
    """Turns the names of one statement into candidates, objects and columns."""

    def __init__(self, settings: Settings, known: KnownFacts) -> None:
        self._settings: Final = settings
        self._known: Final = known
        self._schemas: Final = schemas(settings.paths, settings.roles)
        self._candidates: Final[list[tuple[Relation, ...]]] = []
        self.objects: Final[dict[str, None]] = {}
        self.relations: Final[dict[Relation, None]] = {}
        self.resolved = True

    def add(self, other: "Meaning") -> None:
        """What a statement touches that this one executes."""
        self.objects.update(dict.fromkeys(other.objects))
        self.relations.update(dict.fromkeys(other.relations))

    def relation(self, use: RelationUse) -> None:
        """The candidates for one mention, in the order of the statement's relations."""
        if use.name == ANY:
            self._candidates.append(())
            self.objects[f"{use.schema}.{ANY}"] = None
            if use.schema != ANY:
                whole = Reach("schema", use.schema, ANY)
                facts = self._known(reach.SchemaQuestion(use.schema))
                self.objects.update(dict.fromkeys(reach.reached(whole, facts, self._settings)))
            return
        candidates = self._find(use)
        self._candidates.append(candidates)
        for candidate in candidates:
            self.objects[f"{candidate.schema}.{candidate.name}"] = None
            self.relations[candidate] = None
        for base in behind(use, self._settings) or ():
            # A view that the session made is only another name for what it stands on.
            self.objects[base] = None

    def types(self, uses: Sequence[TypeUse]) -> None:
        for use in uses:
            self._type(use)

    def _type(self, use: TypeUse) -> None:
        """A type stands for the relation whose rows it is of, and so for its columns; for masking
        alone: nobody reads the relation.
        """
        for name in row_types(use):
            facts = self._known(RelationsQuestion(name))
            if not isinstance(facts, RelationFacts) or not facts.complete:
                self.resolved = False
                continue
            for fact in facts.found:
                if self._is_meant(use, fact):
                    self.relations[_relation(fact, _ROW_TYPES)] = None
            made = {made for _, made in self._settings.relations or ()}
            if name in made | (self._settings.temporary or frozenset()):
                self.relations[Relation(TEMPORARY, name, None)] = None

    def _is_meant(self, use: RelationUse | TypeUse, fact: RelationFact) -> bool:
        if use.schema:
            return use.schema == fact.schema
        return self._schemas is None or fact.schema in self._schemas

    def reach(self, beyond: Reach) -> None:
        """What it touches beside what it names."""
        if beyond.name == ANY:
            self.objects[reach.EVERYTHING] = None
        elif beyond.how == "sequence":
            for found in self._find(RelationUse(beyond.schema, beyond.name, Effect.WRITE)):
                self.objects[f"{found.schema}.{found.name}"] = None
        else:
            facts = self._known(reach.ReachQuestion(beyond.how, beyond.name))
            self.objects.update(dict.fromkeys(reach.reached(beyond, facts, self._settings)))

    def _find(self, use: RelationUse) -> tuple[Relation, ...]:
        facts = self._known(RelationsQuestion(use.name))
        found: list[Relation] = []
        settings = self._settings
        possible: Sequence[RelationFact] = ()
        if isinstance(facts, RelationFacts):
            possible = facts.found
        if not isinstance(facts, RelationFacts) or not facts.complete:
            self.resolved = False
        found += [_relation(fact, _PLAIN_TABLES) for fact in possible if self._is_meant(use, fact)]
        wanted = {use.schema} if use.schema else None
        if not use.schema and _may(settings.temporary, use.name):
            found.append(Relation(TEMPORARY, use.name, None))
        for schema, name in settings.relations or ():
            if name == use.name and (not schema or wanted is None or schema in wanted):
                found += [
                    Relation(place, name, None)
                    for place in ([use.schema or schema] if use.schema or schema else self._path())
                ]
        if found:
            return tuple(dict.fromkeys(found))
        # Nobody knows it: it may stand in any schema that the path leads to.
        places = [use.schema] if use.schema else self._path()
        return tuple(Relation(place, use.name, None) for place in places)

    def _path(self) -> list[str]:
        if self._schemas is None:
            self.resolved = False
            return [""]
        named = [schema for schema in self._schemas if schema != "pg_catalog"]
        return named or [TEMPORARY]

    def columns(self, uses: Sequence[ColumnUse]) -> tuple[tuple[Column, ...], bool]:
        """The columns that are meant, and whether these are certainly all."""
        found: dict[Column, None] = {}
        sure = True
        for use in uses:
            matched = False
            for index in use.relations:
                candidates = self._candidates[index]
                if not candidates:
                    sure = False
                for relation in candidates:
                    column = _column(relation, use)
                    if relation.columns is None:
                        sure = False
                        found[Column(relation.schema, relation.name, use.name)] = None
                    elif column is not None:
                        matched = True
                        found[column] = None
                    elif len(use.relations) == 1 and len(candidates) > 1:
                        continue
            sure = sure and matched
        return tuple(found), sure

    def confirms(self, bound: WriteBound) -> bool:
        """Whether one of the names is a column of the relation, as far as that is known."""
        candidates = self._candidates[bound.relation]
        return all(
            relation.columns is None or any(name in relation.columns for name in bound.names)
            for relation in candidates
        )


def row_types(use: TypeUse) -> tuple[str, ...]:
    """Names of relations that the type may stand for; an array's begins with a line below."""
    if use.schema == "pg_catalog" or (not use.schema and use.name in _BUILT_IN):
        return ()
    plain = use.name.lstrip("_")
    return (use.name,) if plain == use.name or not plain else (use.name, plain)


def _relation(fact: RelationFact, plain: frozenset[str]) -> Relation:
    known = fact.kind in plain and fact.kin is not None
    return Relation(fact.schema, fact.name, fact.columns if known else None, fact.kin or ())


def _column(relation: Relation, use: ColumnUse) -> Column | None:
    if relation.columns is None:
        return None
    if use.name:
        return (
            Column(relation.schema, relation.name, use.name, relation.kin)
            if use.name in relation.columns
            else None
        )
    if 0 <= use.position < len(relation.columns):
        name = relation.columns[use.position]
        return Column(relation.schema, relation.name, name, relation.kin)
    return None


def _may(names: frozenset[str] | None, name: str) -> bool:
    """Whether a name is among those; where any may be, this one counts only by being looked up."""
    return names is None or name in names
