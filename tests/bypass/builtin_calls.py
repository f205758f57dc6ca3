"""Calls of the functions of PostgreSQL's own that do more than a SELECT.

Law: which functions there are is the server's to say, and which are dangerous the table's.
"""

from collections.abc import Iterator

import msgspec
from tests.bypass.clothings import UNARY, called
from tests.bypass.probed import ProbedServer

from custody.model.words import Effect
from custody.wire.sql.builtin.functions import effects_of

_SIGNATURES = """
    SELECT proname, ARRAY(SELECT pg_catalog.format_type(t, NULL)
        FROM pg_catalog.unnest(proargtypes) WITH ORDINALITY u(t, n) ORDER BY n)
    FROM pg_catalog.pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind <> 'p' ORDER BY oid
"""
_UNSPEAKABLE = ("internal", "cstring", "trigger", "event_trigger", "language_handler", '"any"')
"""Types of arguments that no SQL text has."""


class BuiltinFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: tuple[str, ...]


def dangerous(server: ProbedServer) -> list[BuiltinFunction]:
    """One for each signature that SQL can spell."""
    found = []
    for name, types in server.rows(_SIGNATURES):
        assert isinstance(name, str)
        assert isinstance(types, list)
        if set(effects_of("", name).effects) - {Effect.READ} and not set(types) & {*_UNSPEAKABLE}:
            found.append(BuiltinFunction(name, tuple(types)))
    return found


def calls_of(function: BuiltinFunction) -> Iterator[str]:
    """Every form with one argument; with others, what depends on no number of them."""
    values = [f"NULL::{_speakable(each)}" for each in function.arguments]
    if len(values) == 1:
        for form in UNARY:
            yield called(form, function.name, values[0], "pg_catalog")
        # A literal of no type, and a value that becomes one by itself.
        yield f"('1'::text).{function.name}"
        yield f"{function.name}('1')"
        return
    given = ", ".join(values)
    yield f"{function.name}({given})"
    yield f"pg_catalog.{function.name}({given})"
    yield f'"{function.name}"({given})'
    yield f"{function.name} /* ( */ ({given})"
    yield f"(SELECT max(x::text) FROM {function.name}({given}) x)"
    yield f"(SELECT max(x::text) FROM ROWS FROM ({function.name}({given})) x)"
    if values:
        yield f"(row({given})).{function.name}"
        yield f"({values[0]}).{function.name}"


def _speakable(kind: str) -> str:
    return {"anyelement": "int", "anyarray": "int[]", "anycompatible": "int"}.get(kind, kind)
