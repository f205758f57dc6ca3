"""Functions that clients call by number, with a FunctionCall message.

Law: a number of PostgreSQL's own is the same on every server (``pg_proc.dat``); of any other nobody
knows what it is, so it is ``execute``.
"""

from typing import Final

from custody.model.words import Effect
from custody.wire.sql.builtin.functions import effects_of

_LARGE_OBJECTS: Final = {
    715: "lo_create",
    952: "lo_open",
    953: "lo_close",
    954: "loread",
    955: "lowrite",
    956: "lo_lseek",
    957: "lo_creat",
    958: "lo_tell",
    964: "lo_unlink",
    1004: "lo_truncate",
    3170: "lo_lseek64",
    3171: "lo_tell64",
    3172: "lo_truncate64",
}
"""What libpq and pgjdbc call so; their lo_import and lo_export are made of these."""


def called(oid: int) -> tuple[str, frozenset[Effect]]:
    """The text that stands for such a call, and its effects."""
    name = _LARGE_OBJECTS.get(oid)
    if name is None:
        return f"function {oid}", frozenset({Effect.EXECUTE})
    return f"function {oid} ({name})", frozenset({Effect.READ, *effects_of("", name).effects})
