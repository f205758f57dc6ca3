"""From a statement, its session and the catalogue to the command that a policy judges.

Law: anything unknown counts as its worst case: a name may be any of its candidates, a function that
the catalogue does not describe is ``execute``, an unreadable text is ``unknown``.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from custody.model.command import Argument, Column, Command, Relation, TextMark
from custody.model.words import Effect
from custody.protocols.postgres.statements import functions
from custody.protocols.postgres.statements.catalogue import (
    CatalogueQuestion,
    KnownFacts,
    RelationFact,
    RelationFacts,
    RelationsQuestion,
)
from custody.protocols.postgres.statements.search_path import TEMPORARY, schemas
from custody.protocols.postgres.statements.session_view import SessionView, Settings
from custody.wire.sql.syntax import (
    Change,
    ColumnUse,
    Execute,
    RelationUse,
    SetParameter,
    Statement,
    WriteBound,
)

_PLAIN_TABLES: Final = frozenset(("r", "p", "f"))
_DEEPEST: Final = 8
"""EXECUTE of a PREPARE of an EXECUTE …: deeper is not followed."""


class MetColumns(msgspec.Struct, frozen=True):
    """What a literal or a bind value meets."""

    columns: tuple[Column, ...]
    proven: bool
    secret: bool


class Meaning(msgspec.Struct, frozen=True):
    """A statement's meaning without its text and values: what can be shared between texts that
    differ in values only, their places being the same. Parameters stand in the statement's order.
    """

    effects: frozenset[Effect]
    objects: tuple[str, ...]
    bounded: bool
    relations: tuple[Relation, ...]
    resolved: bool
    problem: str
    marks: tuple[TextMark, ...]
    parameters: tuple[tuple[int, MetColumns], ...]


def questions(
    statement: Statement, view: SessionView, known: KnownFacts
) -> tuple[CatalogueQuestion, ...]:
    """What must be asked before ``understand``; none once all of it is known.

    What cannot be found out is known too, as ``Unanswered``: ``understand`` then takes the worst.
    """
    return tuple(question for question in wanted(statement, view) if known(question) is None)


def wanted(statement: Statement, view: SessionView) -> tuple[CatalogueQuestion, ...]:
    """All that the meaning depends on beside the statement and the view."""
    found: dict[CatalogueQuestion, None] = {}
    for inner in _all(statement, view):
        for use in inner.relations:
            if use.name != "*":
                found[RelationsQuestion(use.name)] = None
        for question in functions.questions(inner):
            found[question] = None
    return tuple(found)


def understand(
    text: str,
    statement: Statement,
    view: SessionView,
    known: KnownFacts,
    arguments: Sequence[Argument] = (),
    *,
    form: str = "simple",
) -> Command:
    """The command that ``statement`` of the message ``text`` is, in this session.

    ``arguments`` are the decoded bind values in order; they come back with columns, ``proven`` and
    ``secret`` filled in. ``form`` goes into the command as it is.
    """
    return assemble(text, statement, meaning(statement, view, known), arguments, form=form)


def assemble(
    text: str,
    statement: Statement,
    found: Meaning,
    arguments: Sequence[Argument] = (),
    *,
    form: str = "simple",
) -> Command:
    """The command with its text, places and values."""
    # By position: every statement passes here, and names would take as long again.
    return Command(
        statement.action,
        found.effects,
        found.objects,
        found.bounded,
        text[statement.start : statement.end],
        _filled(arguments, found) if arguments else (),
        statement.fingerprint,
        form,
        found.problem,
        found.marks,
        found.relations,
        found.resolved,
    )


def _filled(arguments: Sequence[Argument], found: Meaning) -> tuple[Argument, ...]:
    by_number = dict(found.parameters)
    filled = []
    for number, argument in enumerate(arguments, start=1):
        met = by_number.get(number)
        if met is None:
            filled.append(argument)
            continue
        value, kind, length = argument.value, argument.type, argument.length
        readable, truncated = argument.readable, argument.truncated
        filled.append(
            Argument(value, kind, length, readable, truncated, met.columns, met.proven, met.secret)
        )
    return tuple(filled)


def unreadable(text: str, reason: str, arguments: Sequence[Argument] = ()) -> Command:
    """The command that a message is that could not be read: its effect is ``unknown``."""
    return Command(
        action="UNKNOWN",
        effects=frozenset((Effect.UNKNOWN,)),
        objects=(),
        bounded=True,
        text=text,
        arguments=tuple(arguments),
        problem=reason,
        marks=(TextMark(0, len(text)),) if text else (),
        resolved=False,
    )


def changes(statement: Statement, view: SessionView, known: KnownFacts) -> tuple[Change, ...]:
    """What the statement does to its session if it succeeds: give it to ``view.apply``.

    Statements that EXECUTE runs are resolved here, and user functions make unknown what they could
    change; so it is called when the statement is judged, not later.
    """
    found: list[Change] = []
    wanders = False
    for inner in _all(statement, view):
        # EXECUTE may stop short of what it runs (EXPLAIN, WITH NO DATA, a row never made).
        found.extend(inner.changes if inner is statement else map(_perhaps, inner.changes))
        wanders = wanders or functions.wander(inner, view.settings, known)
    # Bodies are not followed; what one does to the path is not left to luck all the same.
    if wanders or any(
        isinstance(change, Execute) and change.runs and change.name not in view.prepared
        for change in found
    ):
        found.append(SetParameter("search_path", None))
    return tuple(found)


def _perhaps(change: Change) -> Change:
    if isinstance(change, SetParameter):
        return msgspec.structs.replace(change, maybe=True)
    return change


def stales(command: Command) -> bool:
    """Whether the catalogue may say something else once this command has run."""
    return not command.effects.isdisjoint(
        (Effect.DEFINE, Effect.EXECUTE, Effect.UNKNOWN, Effect.GRANT)
    )


def _all(statement: Statement, view: SessionView) -> list[Statement]:
    """The statement and those that it executes by name."""
    found = [statement]
    for inner in found:
        if len(found) > _DEEPEST:
            break
        # The walk goes on over what it finds.
        found += [
            view.prepared[change.name]
            for change in inner.changes
            if isinstance(change, Execute) and change.name in view.prepared
        ]
    return found


def meaning(  # noqa: C901  # the table of what makes a meaning
    statement: Statement, view: SessionView, known: KnownFacts
) -> Meaning:
    """Effects, objects and columns: everything but the text and the values."""
    settings = view.settings
    effects: set[Effect] = set(statement.effects)
    problem = statement.problem
    resolver = _Resolver(settings, known)
    resolved = not statement.opaque
    bounded = statement.bounded
    executed: dict[int, MetColumns] = {}
    for change in (each for each in statement.changes if isinstance(each, Execute)):
        inner = view.prepared.get(change.name)
        if inner is None or _depth(inner, view) > _DEEPEST:
            effects.add(Effect.UNKNOWN)
            problem = problem or "a prepared statement that this session has not shown"
            resolved = False
            continue
        what = meaning(inner, view, known)
        executed = dict(what.parameters)
        if change.runs:
            effects |= what.effects
        elif Effect.UNKNOWN in what.effects:
            effects.add(Effect.UNKNOWN)
        problem = problem or what.problem
        resolved = resolved and what.resolved
        bounded = bounded and what.bounded
        resolver.add(what)
    for use in statement.relations:
        resolver.relation(use)
    effects |= functions.effects(statement, settings, known)
    if not settings.conforming and statement.backslash:
        effects.add(Effect.UNKNOWN)
        problem = problem or "a backslash in a string while standard_conforming_strings may be off"
    if functions.calls_unknown_sql(statement, settings, known):
        resolved = False
    bounded = bounded and all(resolver.confirms(bound) for bound in statement.bounds)
    marks = []
    for mark in statement.marks:
        met = executed.get(mark.argument)
        if met is None:
            columns, sure = resolver.columns(mark.columns)
            met = MetColumns(columns, mark.proven and sure, mark.secret)
        secret = met.secret or mark.secret
        marks.append(TextMark(mark.start, mark.end, met.columns, met.proven, secret))
    parameters = []
    for parameter in statement.parameters:
        columns, sure = resolver.columns(parameter.columns)
        met = MetColumns(columns, parameter.proven and sure, parameter.secret)
        parameters.append((parameter.number, met))
    return Meaning(
        effects=frozenset(effects),
        objects=tuple(resolver.objects),
        bounded=bounded,
        relations=tuple(resolver.relations),
        resolved=resolved and resolver.resolved,
        problem=problem,
        marks=tuple(marks),
        parameters=tuple(parameters),
    )


def _depth(statement: Statement, view: SessionView) -> int:
    return len(_all(statement, view))


class _Resolver:
    """Turns the names of one statement into candidates, objects and columns."""

    def __init__(self, settings: Settings, known: KnownFacts) -> None:
        self._settings: Final = settings
        self._known: Final = known
        self._schemas: Final = schemas(settings.paths, settings.roles)
        self._candidates: Final[list[tuple[Relation, ...]]] = []
        self.objects: Final[dict[str, None]] = {}
        self.relations: Final[dict[Relation, None]] = {}
        self.resolved = True

    def add(self, other: Meaning) -> None:
        """What a statement touches that this one executes."""
        self.objects.update(dict.fromkeys(other.objects))
        self.relations.update(dict.fromkeys(other.relations))

    def relation(self, use: RelationUse) -> None:
        """The candidates for one mention, in the order of the statement's relations."""
        if use.name == "*":
            self._candidates.append(())
            self.objects[f"{use.schema}.*"] = None
            return
        candidates = self._find(use)
        self._candidates.append(candidates)
        for candidate in candidates:
            self.objects[f"{candidate.schema}.{candidate.name}"] = None
            self.relations[candidate] = None

    def _find(self, use: RelationUse) -> tuple[Relation, ...]:
        facts = self._known(RelationsQuestion(use.name))
        found: list[Relation] = []
        settings = self._settings
        possible: Sequence[RelationFact] = ()
        if isinstance(facts, RelationFacts):
            possible = facts.found
        if not isinstance(facts, RelationFacts) or not facts.complete:
            self.resolved = False
        for fact in possible:
            if use.schema == fact.schema or (
                not use.schema and (self._schemas is None or fact.schema in self._schemas)
            ):
                plain = fact.kind in _PLAIN_TABLES
                found.append(Relation(fact.schema, fact.name, fact.columns if plain else None))
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


def _column(relation: Relation, use: ColumnUse) -> Column | None:
    if relation.columns is None:
        return None
    if use.name:
        return (
            Column(relation.schema, relation.name, use.name)
            if use.name in relation.columns
            else None
        )
    if 0 <= use.position < len(relation.columns):
        return Column(relation.schema, relation.name, relation.columns[use.position])
    return None


def _may(names: frozenset[str] | None, name: str) -> bool:
    """Whether a name is among those; where any may be, this one counts only by being looked up."""
    return names is None or name in names


__all__ = [
    "Meaning",
    "assemble",
    "changes",
    "meaning",
    "questions",
    "stales",
    "understand",
    "unreadable",
    "wanted",
]
