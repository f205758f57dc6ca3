"""PostgreSQL messages, built by hand, for dialogues."""

import struct
from collections.abc import Sequence

IDLE, BLOCK, FAILED = "I", "T", "E"


def frame(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def z(text: str | bytes) -> bytes:
    return (text.encode() if isinstance(text, str) else text) + b"\0"


# From the client.


def startup(version: int = 196_608, /, **parameters: str) -> bytes:
    body = struct.pack(">I", version)
    body += b"".join(z(name) + z(value) for name, value in parameters.items())
    body += b"\0"
    return struct.pack(">I", len(body) + 4) + body


SSL_REQUEST = struct.pack(">II", 8, 80_877_103)
GSSENC_REQUEST = struct.pack(">II", 8, 80_877_104)


def cancel_request(key: bytes) -> bytes:
    return struct.pack(">II", 8 + len(key), 80_877_102) + key


def password(text: str) -> bytes:
    return frame("p", z(text))


def query(text: str | bytes) -> bytes:
    return frame("Q", z(text))


def parse(text: str, name: str = "", types: Sequence[int] = ()) -> bytes:
    packed = struct.pack(f">H{len(types)}I", len(types), *types)
    return frame("P", z(name) + z(text) + packed)


def values(given: Sequence[bytes | None]) -> bytes:
    packed = struct.pack(">H", len(given))
    for value in given:
        packed += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return packed


def codes(given: Sequence[int]) -> bytes:
    return struct.pack(f">H{len(given)}H", len(given), *given)


def bind(
    portal: str = "",
    statement: str = "",
    given: Sequence[bytes | None] = (),
    formats: Sequence[int] = (),
    results: Sequence[int] = (),
) -> bytes:
    return frame("B", z(portal) + z(statement) + codes(formats) + values(given) + codes(results))


def describe(name: str = "", what: str = "P") -> bytes:
    return frame("D", what.encode() + z(name))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return frame("E", z(portal) + struct.pack(">I", rows))


def close(name: str, what: str = "S") -> bytes:
    return frame("C", what.encode() + z(name))


SYNC = frame("S")
FLUSH = frame("H")
TERMINATE = frame("X")
COPY_DONE = frame("c")


def copy_data(data: bytes) -> bytes:
    return frame("d", data)


def copy_fail(why: str) -> bytes:
    return frame("f", z(why))


def function_call(oid: int, given: Sequence[bytes | None], formats: Sequence[int] = (1,)) -> bytes:
    return frame(
        "F", struct.pack(">I", oid) + codes(formats) + values(given) + struct.pack(">H", 1)
    )


def statement(text: str, *given: bytes | None) -> bytes:
    """What a driver sends for one statement."""
    return parse(text) + bind(given=given) + describe() + execute() + SYNC


# From the server.

AUTHENTICATION_OK = frame("R", struct.pack(">I", 0))
CLEARTEXT = frame("R", struct.pack(">I", 3))
PARSED = frame("1")
BOUND = frame("2")
CLOSED = frame("3")
NO_DATA = frame("n")
SUSPENDED = frame("s")
EMPTY = frame("I")
COPY_IN = frame("G", b"\0" + struct.pack(">HHH", 2, 0, 0))
COPY_OUT = frame("H", b"\0" + struct.pack(">HHH", 2, 0, 0))


def ready(status: str = IDLE) -> bytes:
    return frame("Z", status.encode())


def parameter(name: str, value: str) -> bytes:
    return frame("S", z(name) + z(value))


def key_data(key: bytes) -> bytes:
    return frame("K", key)


def complete(tag: str) -> bytes:
    return frame("C", z(tag))


def row(*given: bytes | None) -> bytes:
    return frame("D", values(given))


def columns(*fields: tuple[str, int, int, int, int]) -> bytes:
    """Each: name, table OID, attribute, type OID, format."""
    body = struct.pack(">H", len(fields))
    for name, table, attribute, kind, form in fields:
        body += z(name) + struct.pack(">IhIhih", table, attribute, kind, -1, -1, form)
    return frame("T", body)


def column(name: str, kind: int = 25, form: int = 0) -> bytes:
    return columns((name, 0, 0, kind, form))


def parameters(*types: int) -> bytes:
    return frame("t", struct.pack(f">H{len(types)}I", len(types), *types))


def error(code: str, message: str, severity: str = "ERROR") -> bytes:
    return frame("E", _fields(code, message, severity))


def notice(message: str) -> bytes:
    return frame("N", _fields("00000", message, "NOTICE"))


def _fields(code: str, message: str, severity: str) -> bytes:
    pairs = (("S", severity), ("V", severity), ("C", code), ("M", message))
    return b"".join(letter.encode() + z(text) for letter, text in pairs) + b"\0"


def notification(channel: str, payload: str) -> bytes:
    return frame("A", struct.pack(">I", 7) + z(channel) + z(payload))


def function_result(value: bytes | None) -> bytes:
    if value is None:
        return frame("V", struct.pack(">i", -1))
    return frame("V", struct.pack(">i", len(value)) + value)


LET_IN = (
    AUTHENTICATION_OK
    + parameter("server_version", "15.4")
    + parameter("client_encoding", "UTF8")
    + parameter("standard_conforming_strings", "on")
    + key_data(b"\0\0\0\x07serv")
    + ready()
)
FIRST_ANSWER = (
    columns(*((name, 0, 0, 25, 0) for name in ("path", "user", "conforming")))
    + row(b'"$user", public', b"app", b"on")
    + complete("SELECT 1")
    + ready()
)
"""To what the gateway asks the session before its client is let in."""
LOGGED_IN = LET_IN + FIRST_ANSWER
