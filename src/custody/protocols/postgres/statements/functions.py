"""The effects of the functions, operators and types that a statement names.

Law: PostgreSQL chooses among all functions of a name by their arguments, so a user's function
counts beside a built-in one whatever the order of the path. One that cannot be found is execute.
"""

from collections.abc import Iterator
from typing import Final

from custody.model.words import Effect
from custody.protocols.postgres.statements import attributes
from custody.protocols.postgres.statements.catalogue import (
    CatalogueQuestion,
    FunctionFact,
    FunctionFacts,
    FunctionsQuestion,
    KnownFacts,
    UserCodeFacts,
    UserCodeQuestion,
)
from custody.protocols.postgres.statements.search_path import CATALOG, schemas
from custody.protocols.postgres.statements.session_view import Settings
from custody.wire.sql.builtin.functions import CLASSIFIED, effects_of
from custody.wire.sql.builtin.quiet_functions import QUIET
from custody.wire.sql.syntax import FunctionUse, Statement

_SURPRISES: Final = UserCodeQuestion()
_NOTHING: Final[frozenset[Effect]] = frozenset()
_EXECUTE: Final = frozenset((Effect.EXECUTE,))
_POPULATING: Final = frozenset(
    """
    #= json_populate_record json_populate_recordset jsonb_populate_record
    jsonb_populate_record_valid jsonb_populate_recordset populate_record
    """.split()  # noqa: SIM905  # a table that people read
)
"""They make a row of a type that their first argument has, PostgreSQL's own and hstore's."""


def questions(statement: Statement) -> Iterator[CatalogueQuestion]:
    """What must be known of the statement's functions, operators and types."""
    for use in statement.functions:
        if not _own(use):
            yield FunctionsQuestion(use.name)
    if _may_surprise(statement):
        yield _SURPRISES


def further_questions(
    statement: Statement, settings: Settings, known: KnownFacts
) -> Iterator[CatalogueQuestion]:
    """What must be known once the relations are: of names behind a dot that no column explains."""
    if statement.attributes and attributes.settled(statement, known):
        for name in attributes.calls(statement, settings, known):
            yield FunctionsQuestion(name)


def _may_surprise(statement: Statement) -> bool:
    return bool(
        statement.operators
        or statement.types
        or statement.attributes
        or statement.functions
        or statement.planned
        or (statement.weighs and statement.relations)
    )


def _own(use: FunctionUse) -> bool:
    """Certainly PostgreSQL's own, and in its table."""
    return use.schema == CATALOG and (use.name in QUIET or use.name in CLASSIFIED)


def effects(statement: Statement, settings: Settings, known: KnownFacts) -> frozenset[Effect]:
    """What they add to the statement's own effects."""
    found = _NOTHING
    for name in attributes.calls(statement, settings, known):
        found |= _effects_of_call(name, settings, known)
    if Effect.EXECUTE in found:
        return found
    for use in statement.functions:
        if not _own(use) and _executes(use, settings, known):
            return found | _EXECUTE
    if _may_surprise(statement) and _surprised(statement, settings, known):
        return found | _EXECUTE
    return found


def calls_behind_dots(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """Whether a name behind a dot may do more than compute: on what, its text does not show."""
    return any(
        _effects_of_call(name, settings, known)
        for name in attributes.calls(statement, settings, known)
    )


def are_built_in(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """Whether every function that it calls by name is certainly PostgreSQL's own, or written in C:
    extensions bring ``min`` and ``max`` for their types.
    """
    for use in statement.functions:
        facts = known(FunctionsQuestion(use.name))
        if use.schema == CATALOG:
            continue
        if settings.functions is None or use.name in settings.functions:
            return False
        if not isinstance(facts, FunctionFacts) or not facts.complete:
            return False
        candidates = _candidates(use, settings, facts)
        if any(fact.schema != CATALOG and not fact.native for fact in candidates):
            return False
    return True


def _effects_of_call(name: str, settings: Settings, known: KnownFacts) -> frozenset[Effect]:
    """Of ``value.name``, should it be a function of one argument."""
    if settings.functions is None or name in settings.functions:
        return _EXECUTE
    table = frozenset(effects_of("", name).effects)
    facts = known(FunctionsQuestion(name))
    if not isinstance(facts, FunctionFacts):
        return table if name in QUIET or name in CLASSIFIED else _EXECUTE
    if not facts.complete:
        return _EXECUTE
    # Those of extensions are known by name: one may be brought in beside this look-up.
    found = _NOTHING if name in CLASSIFIED else table
    for fact in _candidates(FunctionUse("", name, 1), settings, facts):
        if not fact.unary:
            continue
        if fact.schema == CATALOG and name in CLASSIFIED:
            found |= table
        elif fact.volatile:
            found |= _EXECUTE | table
    return found


def reads_more(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """Whether a name behind a dot may read what the statement's own relations do not show."""
    for name in attributes.calls(statement, settings, known):
        if name in _SHOWING or effects_of("", name).opaque:
            return True
        facts = known(FunctionsQuestion(name))
        if not isinstance(facts, FunctionFacts):
            if name not in QUIET and name not in CLASSIFIED:
                return True
            continue
        use = FunctionUse("", name, 1)
        if any(
            fact.unary and not fact.native and fact.schema != CATALOG
            for fact in _candidates(use, settings, facts)
        ):
            return True
    return False


_SHOWING: Final = frozenset(("current_setting",))
"""What the session itself put there may come from any column."""


def _executes(use: FunctionUse, settings: Settings, known: KnownFacts) -> bool:
    if settings.functions is None or use.name in settings.functions:
        return True
    facts = known(FunctionsQuestion(use.name))
    if not isinstance(facts, FunctionFacts):
        # Nobody could be asked: the tables of PostgreSQL's own functions have the word.
        return use.schema not in {"", CATALOG} or not (use.name in QUIET or use.name in CLASSIFIED)
    if not facts.complete:
        return True
    candidates = list(_candidates(use, settings, facts))
    if not candidates:
        return True
    return any(
        fact.volatile and not (fact.schema == CATALOG and use.name in CLASSIFIED)
        for fact in candidates
    )


def _candidates(
    use: FunctionUse, settings: Settings, facts: FunctionFacts
) -> Iterator[FunctionFact]:
    path = schemas(settings.paths, settings.roles)
    for fact in facts.found:
        if use.schema:
            if fact.schema == use.schema:
                yield fact
        elif path is None or fact.schema in path:
            yield fact


def _surprised(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """A user's volatile function may hide behind an operator, a cast, or a literal's type."""
    made = settings.functions
    if made is None:
        return True
    planned = set(statement.planned)
    operators = {use.name for use in statement.operators}
    types = planned | {use.name for use in statement.types}
    called = planned | {use.name for use in statement.functions if not _own(use)}
    behind = set(attributes.calls(statement, settings, known))
    if made and not made.isdisjoint(operators | types | behind):
        return True
    facts = known(_SURPRISES)
    if not isinstance(facts, UserCodeFacts):
        # Without a catalogue only qualified operators and types are suspect: nothing else can be
        # told from PostgreSQL's own by its name.
        return any(use.schema not in {"", CATALOG} for use in statement.operators) or any(
            use.schema not in {"", CATALOG} for use in statement.types
        )
    if not facts.complete:
        return True
    # ``name(value)`` is a cast where ``name`` is a type.
    types |= behind | {use.name for use in statement.functions if use.count == 1}
    relations = {use.name for use in statement.relations}
    calls = operators | types | {use.name for use in statement.functions}
    return not (
        facts.operators.isdisjoint(operators)
        and facts.types.isdisjoint(types)
        and facts.functions.isdisjoint(called | behind)
        and (facts.relations.isdisjoint(relations) or not (calls or statement.weighs))
        and (facts.types.isdisjoint(relations) or _POPULATING.isdisjoint(calls))
    )


def wander(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """Whether it runs code that may change the session's settings out of sight. A function that
    calls itself STABLE or IMMUTABLE may.
    """
    if calls_unknown_sql(statement, settings, known):
        return True
    if Effect.EXECUTE not in statement.effects and Effect.UNKNOWN not in statement.effects:
        return bool(effects(statement, settings, known)) and not _native(statement, settings, known)
    return (
        statement.action in {"DO", "CALL"}
        or statement.opaque
        or bool(effects(statement, settings, known))
    )


def _native(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """All of its volatile functions are written in C: they run no SQL of their own."""
    for use in statement.functions:
        if _own(use) or not _executes(use, settings, known):
            continue
        facts = known(FunctionsQuestion(use.name))
        if not isinstance(facts, FunctionFacts) or settings.functions is None:
            return False
        found = [fact for fact in _candidates(use, settings, facts) if fact.volatile]
        if not found or not all(fact.native for fact in found):
            return False
    return not _surprised(statement, settings, known)


def calls_unknown_sql(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """Whether a user's function runs, whose reads no list of relations shows."""
    for use in statement.functions:
        if _own(use):
            continue
        facts = known(FunctionsQuestion(use.name))
        if not isinstance(facts, FunctionFacts):
            if not (use.schema in {"", CATALOG} and (use.name in QUIET or use.name in CLASSIFIED)):
                return True
            continue
        candidates = list(_candidates(use, settings, facts))
        if not candidates or any(not fact.native for fact in candidates if fact.schema != CATALOG):
            return True
    return reads_more(statement, settings, known)
