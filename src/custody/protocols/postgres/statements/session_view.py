"""The settings and names that a session's earlier statements leave for its next one.

Law: a view is a value. It never claims more than is certain: where it cannot know which of several
settings holds, it holds all of them, and where it cannot know at all it says so (``None``).
"""

from collections.abc import Iterable
from typing import Final, TypeVar, assert_never

import msgspec

from custody.model.words import Effect
from custody.protocols.postgres.statements.prepared_statements import NONE, PreparedStatements
from custody.protocols.postgres.statements.search_path import Path
from custody.wire.sql.session import split_identifiers
from custody.wire.sql.syntax import (
    Begin,
    Change,
    Close,
    Commit,
    Deallocate,
    Declare,
    DiscardAll,
    DiscardTemporary,
    Execute,
    Fetch,
    MadeFunction,
    MadeRelation,
    Prepare,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
    SetParameter,
    SettingUse,
    Statement,
    TemporaryDropped,
    TemporaryRelation,
)

_POSSIBILITIES_AT_MOST: Final = 200
_SAVEPOINTS_AT_MOST: Final = 1_000


class Settings(msgspec.Struct, frozen=True):
    """What names mean now. Part of the key under which an understood command is cached."""

    paths: frozenset[Path] | None
    """All search_paths that may hold; ``None``: it may be any."""
    roles: frozenset[str] | None
    """All roles that may be the current one (for ``$user``)."""
    conforming: bool = True
    """``standard_conforming_strings`` is certainly on."""
    temporary: frozenset[str] | None = frozenset()
    """Temporary relations that the session may have; ``None``: any."""
    own: frozenset[str] = frozenset()
    """Temporary relations that the session certainly has: nothing else is meant by their names."""
    views: frozenset[tuple[str, str]] | None = frozenset()
    """Temporary views, each with an object that it may stand on; ``None``: any on anything."""
    begun: tuple[SettingUse, ...] = ()
    """Bounds that the session began with by its own start-up parameters; a RESET leads there."""
    functions: frozenset[str] | None = frozenset()
    """Functions, operators and types that this transaction may have made, which no other
    connection can see yet; ``None``: any."""
    relations: frozenset[tuple[str, str]] | None = frozenset()
    """Relations (schema or empty, name) that this transaction may have made; ``None``: any."""


def either(one: Settings, other: Settings) -> Settings:
    """Both possibilities at once."""
    if one is other or one == other:
        return one
    return Settings(
        paths=_union(one.paths, other.paths),
        roles=_union(one.roles, other.roles),
        conforming=one.conforming and other.conforming,
        temporary=_union(one.temporary, other.temporary),
        own=one.own & other.own,
        views=_union(one.views, other.views),
        begun=one.begun,
        functions=_union(one.functions, other.functions),
        relations=_union(one.relations, other.relations),
    )


T = TypeVar("T")


def _union(one: frozenset[T] | None, other: frozenset[T] | None) -> frozenset[T] | None:
    """Bounded: a set that grows too large becomes ``None``."""
    if one is None or other is None:
        return None
    both = one | other
    return both if len(both) <= _POSSIBILITIES_AT_MOST else None


def _adding(one: frozenset[T] | None, element: T) -> frozenset[T] | None:
    return _union(one, frozenset((element,)))


class SessionView(msgspec.Struct, frozen=True):
    """The state of one session, as far as it can be known from its own statements."""

    settings: Settings
    lasting: Settings
    """What a COMMIT leaves in force (SET LOCAL gone)."""
    default: Settings
    """What RESET and DISCARD ALL go back to."""
    before: Settings | None = None
    """What a ROLLBACK goes back to; ``None`` outside any transaction."""
    explicit: bool = False
    """A transaction block is open."""
    savepoints: tuple[tuple[str, Settings, Settings], ...] = ()
    prepared: PreparedStatements = NONE
    """SQL-level and protocol-level prepared statements, by name."""

    def prepare(self, name: str, statement: Statement) -> "SessionView":
        """A protocol-level Parse succeeded (or may have). The unnamed statement is not kept."""
        return self._prepared(name, statement) if name else self

    def close(self, name: str) -> "SessionView":
        """A protocol-level Close of a statement."""
        return self._deallocated(name) if name else self

    def apply(self, changes: Iterable[Change], tag: str = "") -> "SessionView":
        """The statement with these ``changes`` completed. ``tag`` is its CommandComplete tag, if it
        is known already: a COMMIT that answers ``ROLLBACK`` rolled back.

        Use it also, without a tag, to judge a statement that stands behind another in the same
        message, or in the same pipeline before its Sync: it runs only if the other succeeded.
        """
        view = self
        for change in changes:
            view = view._applied(change, tag)
        return view

    def perhaps(self, changes: Iterable[Change]) -> "SessionView":
        """Both possibilities at once: for judging what follows a statement whose outcome is not
        known yet and whose failure would not stop it (behind a Sync). Never ``apply`` to it what
        the server answered: fold ``perhaps`` anew over what is still open.
        """
        view = self
        for change in changes:
            done = view._applied(change, "")
            settings = either(view.settings, done.settings)
            if isinstance(change, (Commit, Rollback, RollbackTo, DiscardAll)):
                # Whether the block was open, or failed, decides what comes back.
                for _, saved, _ in view.savepoints:
                    settings = either(settings, saved)
                for possible in (view.before, view.lasting, view.default):
                    settings = either(settings, possible or settings)
            lasting = either(either(view.lasting, done.lasting), settings)
            prepared = view.prepared  # what DEALLOCATE may have ended may still be there
            if isinstance(change, Prepare):
                # A name that is taken keeps its statement; which of the two it is stays open.
                taken = prepared.get(change.name)
                statement = change.statement
                prepared = prepared.put(
                    change.name, statement if taken is None else _worst(taken, statement)
                )
            view = msgspec.structs.replace(
                view,
                settings=settings,
                lasting=lasting,
                before=view.before or done.before,
                explicit=view.explicit or done.explicit,
                savepoints=done.savepoints or view.savepoints,
                prepared=prepared,
            )
        return view

    def ready(self, status: str, *, failed: bool = False) -> "SessionView":
        """ReadyForQuery with ``I``, ``T`` or ``E``; ``failed`` if an error came since the last."""
        if status != "I":
            if self.explicit:
                return self
            return msgspec.structs.replace(self, explicit=True, before=self.before or self.settings)
        if self.before is None and self.settings is self.lasting:
            return self
        if failed and self.before is not None:
            return self._rolled_back(chain=False)
        return self._committed(chain=False)

    def reported(self, name: str, value: str) -> "SessionView":
        """A ParameterStatus: the truth from the server itself, now.

        What a ROLLBACK would bring back is reported by another one.
        """
        match name:
            case "standard_conforming_strings":

                def tell(old: Settings) -> Settings:
                    return msgspec.structs.replace(old, conforming=value == "on")
            case "search_path":
                parts = split_identifiers(value)
                paths = None if parts is None else frozenset((parts,))

                def tell(old: Settings) -> Settings:
                    return msgspec.structs.replace(old, paths=paths)
            case _:
                return self
        return msgspec.structs.replace(
            self, settings=tell(self.settings), lasting=tell(self.lasting)
        )

    def _with(self, settings: Settings, lasting: Settings) -> "SessionView":
        before = self.settings if self.before is None else self.before
        return msgspec.structs.replace(self, settings=settings, lasting=lasting, before=before)

    def _applied(  # noqa: C901, PLR0911, PLR0912  # one arm for each kind of change
        self, change: Change, tag: str
    ) -> "SessionView":
        match change:
            case SetParameter():
                settings = _set(self.settings, change, self.default)
                lasting = self.lasting if change.local else _set(self.lasting, change, self.default)
                if change.maybe:
                    settings = either(self.settings, settings)
                    lasting = either(self.lasting, lasting)
                return self._with(settings, lasting)
            case Begin():
                before = self.settings if self.before is None else self.before
                return msgspec.structs.replace(self, explicit=True, before=before)
            case Commit(chain=chain):
                rolled_back = tag.upper().startswith("ROLLBACK")
                return self._rolled_back(chain) if rolled_back else self._committed(chain)
            case Rollback(chain=chain):
                return self._rolled_back(chain)
            case Savepoint() | Release() | RollbackTo():
                return self._at_savepoint(change)
            case Prepare(name=name, statement=statement):
                return self._prepared(name, statement)
            case Deallocate(name=name):
                return self._deallocated(name)
            case DiscardAll():
                return SessionView(self.default, self.default, self.default)
            case DiscardTemporary():
                return self._with(
                    _without_temporary(self.settings), _without_temporary(self.lasting)
                )
            case TemporaryRelation() | TemporaryDropped() | MadeFunction() | MadeRelation():
                return self._with(_made(self.settings, change), _made(self.lasting, change))
            case Execute() | Declare() | Fetch() | Close():
                return self
            case _:
                assert_never(change)

    def _committed(self, chain: bool) -> "SessionView":  # noqa: FBT001  # one word in the protocol
        # What was made can now be seen by others, so the catalogue answers for it.
        settled = msgspec.structs.replace(
            self.lasting, functions=frozenset(), relations=frozenset()
        )
        return msgspec.structs.replace(
            self,
            settings=settled,
            lasting=settled,
            before=settled if chain else None,
            explicit=chain,
            savepoints=(),
        )

    def _rolled_back(self, chain: bool) -> "SessionView":  # noqa: FBT001  # one word in the protocol
        settled = self.before or self.lasting
        return msgspec.structs.replace(
            self,
            settings=settled,
            lasting=settled,
            before=settled if chain else None,
            explicit=chain,
            savepoints=(),
        )

    def _at_savepoint(self, change: Savepoint | Release | RollbackTo) -> "SessionView":
        if isinstance(change, Savepoint):
            if len(self.savepoints) >= _SAVEPOINTS_AT_MOST:
                lost = msgspec.structs.replace(
                    self.settings, paths=None, roles=None, own=frozenset(), views=None
                )
                return self._with(lost, lost)
            saved = (*self.savepoints, (change.name, self.settings, self.lasting))
            return msgspec.structs.replace(self, savepoints=saved)
        for place in range(len(self.savepoints) - 1, -1, -1):
            name, settings, lasting = self.savepoints[place]
            if name == change.name:
                if isinstance(change, Release):
                    return msgspec.structs.replace(self, savepoints=self.savepoints[:place])
                kept = self.savepoints[: place + 1]
                return msgspec.structs.replace(
                    self, settings=settings, lasting=lasting, savepoints=kept
                )
        return self

    def _prepared(self, name: str, statement: Statement) -> "SessionView":
        return msgspec.structs.replace(self, prepared=self.prepared.put(name, statement))

    def _deallocated(self, name: str) -> "SessionView":
        left = self.prepared.put(name, None) if name else NONE
        return msgspec.structs.replace(self, prepared=left)


def _worst(one: Statement, other: Statement) -> Statement:
    """A statement that does what either does."""
    return msgspec.structs.replace(
        other,
        effects=one.effects | other.effects | {Effect.UNKNOWN},
        relations=other.relations + one.relations,
        functions=other.functions + one.functions,
        opaque=True,
        bounded=one.bounded and other.bounded,
        parameters=tuple(msgspec.structs.replace(use, proven=False) for use in other.parameters),
        problem="a prepared statement of that name may be one of two",
        stamp=0,
    )


def _set(settings: Settings, change: SetParameter, default: Settings) -> Settings:
    match change.name:
        case "search_path":
            if change.reset:
                return msgspec.structs.replace(settings, paths=default.paths)
            paths = None if change.values is None else frozenset((change.values,))
            return msgspec.structs.replace(settings, paths=paths)
        case "role" | "session_authorization":
            roles = None
            if change.reset or change.values == ("none",):
                roles = default.roles
            elif change.values is not None and len(change.values) == 1:
                roles = frozenset(change.values)
            return msgspec.structs.replace(settings, roles=roles)
        case "standard_conforming_strings":
            if change.reset:
                return msgspec.structs.replace(settings, conforming=default.conforming)
            on = (
                change.values is not None
                and len(change.values) == 1
                and (change.values[0].lower() in {"on", "true", "yes", "1"})
            )
            return msgspec.structs.replace(settings, conforming=on)
        case _:
            return msgspec.structs.replace(settings, paths=None, roles=None, conforming=False)


def _without_temporary(settings: Settings) -> Settings:
    none: frozenset[str] = frozenset()
    return msgspec.structs.replace(settings, temporary=none, own=none, views=frozenset())


def _owning(own: frozenset[str], name: str) -> frozenset[str]:
    """Bounded: what is beyond is not certain."""
    return own | {name} if name and len(own) < _POSSIBILITIES_AT_MOST else own


def _made(
    settings: Settings,
    change: TemporaryRelation | TemporaryDropped | MadeFunction | MadeRelation,
) -> Settings:
    match change:
        case TemporaryRelation(name=name, lasting=lasting, bases=bases):
            return msgspec.structs.replace(
                settings,
                temporary=_adding(settings.temporary, name) if name else None,
                own=_owning(settings.own, name) if lasting else settings.own,
                views=_union(settings.views, frozenset((name, base) for base in bases)),
            )
        case TemporaryDropped(name=name):
            own = settings.own - {name} if name else frozenset()
            return msgspec.structs.replace(settings, own=own)
        case MadeFunction(name=name):
            functions = _adding(settings.functions, name) if name else None
            return msgspec.structs.replace(settings, functions=functions)
        case MadeRelation(schema=schema, name=name):
            relations = _adding(settings.relations, (schema, name)) if name else None
            return msgspec.structs.replace(settings, relations=relations)
        case _:
            assert_never(change)
