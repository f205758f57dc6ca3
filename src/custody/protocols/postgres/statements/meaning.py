"""From a statement, its session and the catalogue to the command that a policy judges.

Law: anything unknown counts as its worst case: a name may be any of its candidates, a function that
the catalogue does not describe is ``execute``, an unreadable text is ``unknown``.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from custody.model.command import Argument, Column, Command, Relation, TextMark
from custody.model.words import Effect
from custody.protocols.postgres.statements import functions, reach, temporary_relations
from custody.protocols.postgres.statements.catalogue import (
    CatalogueQuestion,
    GuardFacts,
    GuardsQuestion,
    KnownFacts,
    RelationsQuestion,
)
from custody.protocols.postgres.statements.name_resolver import NameResolver, row_types
from custody.protocols.postgres.statements.session_view import SessionView, Settings
from custody.wire.sql.builtin.guards import loosens_beyond
from custody.wire.sql.collector import ANY
from custody.wire.sql.syntax import Change, Execute, SetParameter, SettingUse, Statement

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
    cascades: bool
    actions: tuple[str, ...]
    outputs: tuple[tuple[Column, ...] | None, ...] = ()
    """Of each output column, the columns that it is worked out from; ``None``: nobody knows."""


def questions(
    statement: Statement, view: SessionView, known: KnownFacts
) -> tuple[CatalogueQuestion, ...]:
    """What must be asked before ``understand``; none once all of it is known.

    What cannot be found out is known too, as ``Unanswered``: ``understand`` then takes the worst.
    """
    found = (*wanted(statement, view), *wanted_further(statement, view, known))
    return tuple(question for question in found if known(question) is None)


def wanted_further(
    statement: Statement, view: SessionView, known: KnownFacts
) -> tuple[CatalogueQuestion, ...]:
    """What the meaning depends on besides ``wanted``, once that is known."""
    return tuple(
        question
        for inner in _all(statement, view)
        for question in functions.further_questions(inner, view.settings, known)
    )


def _relation_names(statement: Statement) -> Iterator[str]:
    """All that a relation, a row's type or a sequence may be looked for by."""
    yield from (use.name for use in statement.relations if use.name != ANY)
    for written in statement.types:
        yield from row_types(written)
    yield from (
        beyond.name
        for beyond in statement.reaches
        if beyond.how == "sequence" and beyond.name != ANY
    )


def wanted(statement: Statement, view: SessionView) -> tuple[CatalogueQuestion, ...]:
    """What the meaning depends on in any case, beside the statement and the view."""
    found: dict[CatalogueQuestion, None] = {}
    for inner in _all(statement, view):
        for name in _relation_names(inner):
            found[RelationsQuestion(name)] = None
        for beyond in reach.questions(inner):
            found[beyond] = None
        for question in functions.questions(inner):
            found[question] = None
        if inner.settings or view.settings.begun:
            found[GuardsQuestion()] = None
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
        found.cascades or UNSET,
        found.actions or UNSET,
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
    if any(temporary_relations.sets(inner, view.settings) for inner in _all(statement, view)):
        found.append(SetParameter("", None))
    if temporary_relations.matter(found, view.settings):
        what = meaning(statement, view, known)
        found = temporary_relations.remembered(found, what.objects, what.effects, view.settings)
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


def meaning(  # the table of what makes a meaning
    statement: Statement, view: SessionView, known: KnownFacts
) -> Meaning:
    """Effects, objects and columns: everything but the text and the values."""
    settings = view.settings
    effects: set[Effect] = set(statement.effects)
    problem = statement.problem
    resolver = NameResolver(settings, known)
    resolved = not statement.opaque
    bounded = statement.bounded
    executed: dict[int, MetColumns] = {}
    cascades = statement.cascades
    actions = dict.fromkeys(statement.actions)
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
        cascades = cascades or what.cascades
        actions.update(dict.fromkeys((inner.action, *what.actions)))
        resolver.add(what)
    for use in statement.relations:
        resolver.relation(use)
    resolver.types(statement.types)
    if _loosens((*statement.settings, *settings.begun), known):
        effects.add(Effect.GRANT)
    effects |= temporary_relations.effects(statement, settings)
    if temporary_relations.is_own(statement, settings):
        effects = (effects - {Effect.DEFINE}) | {Effect.WRITE}
    effects |= functions.effects(statement, settings, known)
    if not settings.conforming and statement.backslash:
        effects.add(Effect.UNKNOWN)
        problem = problem or "a backslash in a string while standard_conforming_strings may be off"
    if functions.calls_unknown_sql(statement, settings, known):
        resolved = False
    bounded = bounded and all(resolver.confirms(bound) for bound in statement.bounds)
    _reach(statement, settings, known, resolver, unfollowed=not resolved, effects=effects)
    marks, parameters = _met(statement, resolver, executed)
    return Meaning(
        effects=frozenset(effects),
        objects=tuple(resolver.objects),
        bounded=bounded,
        relations=tuple(resolver.relations),
        resolved=resolved and resolver.resolved,
        problem=problem,
        marks=marks,
        parameters=parameters,
        cascades=cascades or reach.EVERYTHING in resolver.objects,
        actions=tuple(actions),
        outputs=_outputs(statement, settings, known, resolver),
    )


def _reach(  # what it depends on, no less
    statement: Statement,
    settings: Settings,
    known: KnownFacts,
    resolver: NameResolver,
    *,
    unfollowed: bool,
    effects: set[Effect],
) -> None:
    """What it touches beside what it names; ``unfollowed`` code that runs may touch anything."""
    for beyond in statement.reaches:
        resolver.reach(beyond)
    unknown = functions.calls_behind_dots(statement, settings, known)
    unknown = unknown or (unfollowed and Effect.EXECUTE in effects)
    if unknown or not (resolver.objects or effects.isdisjoint(reach.STRONG)):
        resolver.objects[reach.EVERYTHING] = None


def _met(
    statement: Statement, resolver: NameResolver, executed: dict[int, MetColumns]
) -> tuple[tuple[TextMark, ...], tuple[tuple[int, MetColumns], ...]]:
    """What each literal and each parameter meets."""
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
    return tuple(marks), tuple(parameters)


def _outputs(
    statement: Statement, settings: Settings, known: KnownFacts, resolver: NameResolver
) -> tuple[tuple[Column, ...] | None, ...]:
    if not any(use.certain for use in statement.outputs) or not functions.are_built_in(
        statement, settings, known
    ):
        return ()
    found = []
    for use in statement.outputs:
        columns, sure = resolver.columns(use.columns)
        found.append(columns if use.certain and sure else None)
    return tuple(found)


def _loosens(settings: Sequence[SettingUse], known: KnownFacts) -> bool:
    """Whether one of them goes beyond what the role has by default."""
    if not settings:
        return False
    facts = known(GuardsQuestion())
    return not isinstance(facts, GuardFacts) or any(
        loosens_beyond(use, facts.of(use.name)) for use in settings
    )


def _depth(statement: Statement, view: SessionView) -> int:
    return len(_all(statement, view))


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
    "wanted_further",
]
