"""The libpq 18 that comes with psycopg, called as any C program calls it.

Law: its OAUTHBEARER is PostgreSQL's own; only the token comes from here, by the hook that libpq has
for programs that fetch tokens themselves (``PQsetAuthDataHook``).
"""

import ctypes
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_BEARER_TOKEN = 1  # PQAUTHDATA_OAUTH_BEARER_TOKEN
_OK = 0  # CONNECTION_OK


class _Request(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h."""

    _fields_ = (
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("asynchronous", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    )


_HOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def find_libpq() -> Path | None:
    """Where it is; ``None`` where psycopg came without one."""
    spec = find_spec("psycopg_binary")
    if spec is None or spec.origin is None:
        return None
    libraries = Path(spec.origin).parent.parent / "psycopg_binary.libs"
    return next(iter(libraries.glob("libpq-*.so.5*")), None)


class Libpq:
    def __init__(self, path: Path) -> None:
        # psycopg loads what the library needs; by itself it would look for it elsewhere.
        import psycopg_binary  # noqa: F401, PLC0415  # for what it loads

        self._library: Any = ctypes.CDLL(str(path))
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("PQconnectdb", pointer, [text]),
            ("PQstatus", ctypes.c_int, [pointer]),
            ("PQerrorMessage", text, [pointer]),
            ("PQexec", pointer, [pointer, text]),
            ("PQgetvalue", text, [pointer, ctypes.c_int, ctypes.c_int]),
            ("PQclear", None, [pointer]),
            ("PQfinish", None, [pointer]),
            ("PQlibVersion", ctypes.c_int, []),
            ("PQsetAuthDataHook", None, [_HOOK]),
        ):
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments

    @property
    def version(self) -> int:
        found: int = self._library.PQlibVersion()
        return found

    def value(self, conninfo: str, query: str, fetch: Callable[[str, str], str]) -> str:
        """The one value that a query gives, or what libpq says of the connection's failure.
        ``fetch`` is given the place of the issuer's configuration, and the scope.
        """
        library, kept = self._library, []

        def hook(kind: int, _connection: int | None, data: int | None) -> int:
            if kind != _BEARER_TOKEN or data is None:
                return 0
            request = _Request.from_address(data)
            told = (request.openid_configuration or b"", request.scope or b"")
            kept.append(fetch(told[0].decode(), told[1].decode()).encode())
            request.token = kept[-1]
            return 1

        given = _HOOK(hook)
        library.PQsetAuthDataHook(given)
        connection = library.PQconnectdb(conninfo.encode())
        try:
            if library.PQstatus(connection) != _OK:
                return str(library.PQerrorMessage(connection).decode())
            result = library.PQexec(connection, query.encode())
            found: bytes = library.PQgetvalue(result, 0, 0) or b""
            library.PQclear(result)
            return found.decode()
        finally:
            library.PQfinish(connection)
            library.PQsetAuthDataHook(_HOOK(0))
