"""The effects of the functions, operators and types that a statement names.

Law: PostgreSQL chooses among all functions of a name by their arguments, so a user's function
counts beside a built-in one whatever the order of the path. One that cannot be found is execute.
"""

from collections.abc import Iterator
from typing import Final

from custody.model.words import Effect
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
from custody.wire.sql.builtins import CLASSIFIED
from custody.wire.sql.builtins_quiet import QUIET
from custody.wire.sql.syntax import FunctionUse, Statement

_SURPRISES: Final = UserCodeQuestion()
_NOTHING: Final[frozenset[Effect]] = frozenset()
_EXECUTE: Final = frozenset((Effect.EXECUTE,))


def questions(statement: Statement) -> Iterator[CatalogueQuestion]:
    """What must be known of the statement's functions, operators and types."""
    for use in statement.functions:
        if not _own(use):
            yield FunctionsQuestion(use.name)
    if statement.operators or statement.types or statement.attributes:
        yield _SURPRISES


def _own(use: FunctionUse) -> bool:
    """Certainly PostgreSQL's own, and in its table."""
    return use.schema == CATALOG and (use.name in QUIET or use.name in CLASSIFIED)


def effects(statement: Statement, settings: Settings, known: KnownFacts) -> frozenset[Effect]:
    """What they add to the statement's own effects."""
    for use in statement.functions:
        if not _own(use) and _executes(use, settings, known):
            return _EXECUTE
    if (statement.operators or statement.types or statement.attributes) and _surprised(
        statement, settings, known
    ):
        return _EXECUTE
    return _NOTHING


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
    """A user's volatile function may hide behind an operator, a cast, or a column's dot."""
    made = settings.functions
    if made is None:
        return True
    named = (
        [use.name for use in statement.operators],
        [use.name for use in statement.types],
        list(statement.attributes),
    )
    if made and any(name in made for names in named for name in names):
        return True
    facts = known(_SURPRISES)
    if not isinstance(facts, UserCodeFacts):
        # Without a catalogue only qualified operators and types are suspect: nothing else can be
        # told from PostgreSQL's own by its name.
        return any(use.schema for use in statement.operators) or any(
            use.schema for use in statement.types
        )
    if not facts.complete:
        return True
    return (
        any(name in facts.operators for name in named[0])
        or any(name in facts.types for name in named[1])
        or any(name in facts.attributes for name in named[2])
    )


def wander(statement: Statement, settings: Settings, known: KnownFacts) -> bool:
    """Whether it runs code that may change the session's settings out of sight."""
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
    return False
