"""What a session's earlier statements mean for its next one.

Law: a view is a value. It never claims more than is certain: where it cannot know which of several
settings holds, it holds all of them, and where it cannot know at all it says so (``None``).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from custody.wire.sql.syntax import Change, Statement

Path = tuple[str, ...]
"""A search_path's elements as written: ``$user`` unexpanded, ``pg_catalog`` only where named."""


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
    functions: frozenset[str] | None = frozenset()
    """Functions that this transaction may have made, which no other connection can see yet."""
    relations: frozenset[tuple[str, str]] | None = frozenset()
    """Relations (schema or empty, name) that this transaction may have made."""


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
    prepared: Mapping[str, Statement] = MappingProxyType({})
    """SQL-level and protocol-level prepared statements, by name."""
    cursors: frozenset[str] = frozenset()

    def prepare(self, name: str, statement: Statement) -> "SessionView":
        """A protocol-level Parse succeeded (or may have). The unnamed statement is not kept."""
        raise NotImplementedError

    def close(self, name: str) -> "SessionView":
        """A protocol-level Close of a statement."""
        raise NotImplementedError

    def apply(self, changes: Iterable[Change], tag: str = "") -> "SessionView":
        """The statement with these ``changes`` completed. ``tag`` is its CommandComplete tag, if it
        is known already: a COMMIT that answers ``ROLLBACK`` rolled back.

        Use it also, without a tag, to judge a statement that stands behind another in the same
        message, or in the same pipeline before its Sync: it runs only if the other succeeded.
        """
        raise NotImplementedError

    def perhaps(self, changes: Iterable[Change]) -> "SessionView":
        """Both possibilities at once: for judging what follows a statement whose outcome is not
        known yet and whose failure would not stop it (behind a Sync). Never ``apply`` to it what
        the server answered: fold ``perhaps`` anew over what is still open.
        """
        raise NotImplementedError

    def ready(self, status: str, *, failed: bool = False) -> "SessionView":
        """ReadyForQuery with ``I``, ``T`` or ``E``; ``failed`` if an error came since the last."""
        raise NotImplementedError

    def reported(self, name: str, value: str) -> "SessionView":
        """A ParameterStatus: the truth from the server itself."""
        raise NotImplementedError


def opening(
    user: str, parameters: Iterable[tuple[str, str]], search_path: str | None, *, conforming: bool
) -> SessionView:
    """The view of a session that logs in as ``user`` with these start-up parameters.

    ``search_path`` and ``conforming`` are the answer to ``SessionDefaults``; ``None`` where there
    is none.
    """
    raise NotImplementedError
