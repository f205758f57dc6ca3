"""The settings and names that a session has when it begins.

Law: the role's and the database's defaults, then what the client's own start-up parameters ask for.
"""

from collections.abc import Iterable

import msgspec

from custody.protocols.postgres.statements.search_path import settings_asked
from custody.protocols.postgres.statements.session_view import SessionView, Settings
from custody.wire.sql.builtin.guards import RELATIVE
from custody.wire.sql.session import split_identifiers
from custody.wire.sql.syntax import SettingUse


def opening(
    user: str, parameters: Iterable[tuple[str, str]], search_path: str | None, *, conforming: bool
) -> SessionView:
    """The view of a session that began as ``user`` with these start-up parameters. ``search_path``
    and ``conforming`` are what it answered itself; ``None`` and false where it did not.
    """
    roles: frozenset[str] | None = frozenset((user,))
    begun: list[SettingUse] = []
    for name, value in settings_asked(parameters):
        match name:
            case "search_path":
                search_path = value
            case "standard_conforming_strings":
                conforming = value.lower() in {"on", "true", "yes", "1"}
            case "role" | "session_authorization":
                roles = frozenset((value,))
            case "":
                search_path, conforming, roles = None, False, None
            case _ if name in RELATIVE:
                begun.append(SettingUse(name, value))
            case _:
                pass
    path = None if search_path is None else split_identifiers(search_path)
    start = Settings(None if path is None else frozenset((path,)), roles, conforming)
    start = msgspec.structs.replace(start, begun=tuple(begun))
    return SessionView(start, start, start)
