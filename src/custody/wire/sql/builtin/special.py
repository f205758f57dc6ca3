"""Relations of PostgreSQL's own in which a row means more than data.

Law: writing to the catalogue is what DDL and GRANT do; writing to ``pg_settings`` sets parameters.
A view passes such a write on, so what stands behind one counts as if it were written itself.
"""

from typing import Final

from custody.model.words import Effect

_CATALOG: Final = "pg_catalog"
_SETTINGS: Final = "pg_settings"


def is_settings(schema: str, name: str) -> bool:
    """The view whose rule turns an UPDATE into ``set_config(name, setting)``."""
    return name == _SETTINGS and schema in {"", _CATALOG}


def effects_of_writing(schema: str, name: str) -> tuple[Effect, ...]:
    """What a write to the relation does beside writing."""
    if is_settings(schema, name):
        return (Effect.DEFINE, Effect.GRANT)
    if schema == _CATALOG or (not schema and name.startswith("pg_")):
        return (Effect.DEFINE, Effect.GRANT)
    return ()
