"""The temporary relations of a session: what its views stand on, and what is its own to drop.

Law: a temporary view is only another name for what it stands on, so a write to it is judged as one
to that. A relation is the session's own only where nothing else can be meant by its name.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from custody.model.words import Effect
from custody.protocols.postgres.statements.search_path import TEMPORARY
from custody.protocols.postgres.statements.session_view import Settings
from custody.wire.sql.builtin.special import effects_of_writing, is_settings
from custody.wire.sql.syntax import (
    Change,
    MadeRelation,
    RelationUse,
    Statement,
    TemporaryDropped,
    TemporaryRelation,
)

_ON_ONE_S_OWN: Final = frozenset(
    (
        *("ANALYZE", "CREATE INDEX", "DROP SEQUENCE", "DROP TABLE", "DROP VIEW"),
        *("TRUNCATE TABLE", "VACUUM"),
    )
)
"""What is no more than ``write`` where all of it is temporary, and the session's."""
_MAY_DROP: Final = frozenset((Effect.DEFINE, Effect.EXECUTE, Effect.GRANT, Effect.UNKNOWN))


def behind(use: RelationUse, settings: Settings) -> frozenset[str] | None:
    """The objects that a temporary view of that name may stand on; ``None`` where it may be any."""
    if use.schema and not use.schema.startswith(TEMPORARY):
        return frozenset()
    if settings.views is None:
        made = settings.temporary is None or use.name in settings.temporary
        return None if made or use.schema else frozenset()
    return frozenset(base for name, base in settings.views if name == use.name)


def effects(statement: Statement, settings: Settings) -> frozenset[Effect]:
    """What it does through the session's views. To make a view over one counts as writing where
    ``pg_settings`` is behind it.
    """
    found: set[Effect] = set()
    for use in statement.relations:
        written = use.use == Effect.WRITE
        if not written and statement.action != "CREATE VIEW":
            continue
        bases = behind(use, settings)
        if bases is None:
            return frozenset((Effect.UNKNOWN,))
        for name in map(_parted, bases):
            if written or is_settings(*name):
                found.update(effects_of_writing(*name))
    return frozenset(found)


def sets(statement: Statement, settings: Settings) -> bool:
    """Whether it may write to ``pg_settings`` through a view, and so set any parameter."""
    for use in statement.relations:
        bases = behind(use, settings) if use.use == Effect.WRITE else frozenset()
        if bases is None or any(is_settings(*_parted(base)) for base in bases):
            return True
    return False


def is_own(statement: Statement, settings: Settings) -> bool:
    """Whether it clears away, or tends, nothing but the session's own temporary relations."""
    return (
        statement.action in _ON_ONE_S_OWN
        and bool(statement.relations)
        and all(
            use.schema == TEMPORARY or (not use.schema and use.name in settings.own)
            for use in statement.relations
        )
    )


def matter(found: Sequence[Change], settings: Settings) -> bool:
    """Whether there are temporary relations, or come to be, so that ``remembered`` has a say."""
    return (
        bool(settings.own)
        or settings.views != frozenset()
        or any(isinstance(change, TemporaryRelation) for change in found)
    )


def remembered(
    found: Sequence[Change], objects: Sequence[str], does: frozenset[Effect], settings: Settings
) -> list[Change]:
    """The changes with what each view stands on: the objects of the statement that makes it."""
    bases = tuple(name for name in objects if not name.startswith(f"{TEMPORARY}."))
    named: list[Change] = []
    for change in found:
        if isinstance(change, TemporaryRelation) and change.view:
            named.append(msgspec.structs.replace(change, bases=bases))
        elif isinstance(change, MadeRelation) and settings.views != frozenset():
            # It may be another name for a view of the session's.
            named += [change, TemporaryRelation(change.name, view=True, bases=bases)]
        else:
            named.append(change)
    if not does.isdisjoint(_MAY_DROP):
        # A block may have made one in a branch that did not run, or dropped one.
        named.append(TemporaryDropped(""))
    return named


def _parted(name: str) -> tuple[str, str]:
    schema, _, relation = name.partition(".")
    return schema, relation
