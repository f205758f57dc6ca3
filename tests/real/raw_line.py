"""PostgreSQL's protocol by hand, for what no driver sends, and for the exact bytes of an answer.

Law: every message is shown whole, but for what differs from server to server or by chance: the
server's version and settings, cancel keys, object ids, places in the server's own source.
"""

import socket
import struct
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from tests.real.evidence_stage import Told

WAIT_SECONDS: Final = 30
PROTOCOL: Final = 196608
CANCEL: Final = struct.pack("!i", 80877102)
_ELSEWHERE: Final = {b"L": b"L<line>", b"R": b"R<function>"}
_NAMES: Final = {b"K": "BackendKeyData", b"S": "ParameterStatus, one or more"}


def message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + struct.pack("!i", len(body) + 4) + body


def text(words: str) -> bytes:
    return words.encode() + b"\0"


def startup(parameters: Mapping[str, str], version: int = PROTOCOL) -> bytes:
    pairs = b"".join(text(name) + text(value) for name, value in parameters.items())
    return message(b"", struct.pack("!i", version), pairs, b"\0")


def parse(name: str, query: str) -> bytes:
    return message(b"P", text(name), text(query), struct.pack("!h", 0))


def bind(portal: str, name: str, *values: bytes | None, results: int = 0) -> bytes:
    """All values as text; results in text (0) or binary (1)."""
    given = b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
        for value in values
    )
    counts = struct.pack("!hh", 0, len(values))
    return message(b"B", text(portal), text(name), counts, given, struct.pack("!hh", 1, results))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return message(b"E", text(portal), struct.pack("!i", rows))


def describe(kind: str, name: str) -> bytes:
    return message(b"D", kind.encode(), text(name))


def close(kind: str, name: str) -> bytes:
    return message(b"C", kind.encode(), text(name))


def call(function: int, *values: bytes) -> bytes:
    """A function call of the protocol's own, in text."""
    given = b"".join(struct.pack("!i", len(value)) + value for value in values)
    head = struct.pack("!ihh", function, 0, len(values))
    return message(b"F", head, given, struct.pack("!h", 0))


SYNC: Final = message(b"S")
FLUSH: Final = message(b"H")
TERMINATE: Final = message(b"X")


class RawLine:
    """One connection to the gateway; what comes is noted."""

    def __init__(self, port: int, told: Told) -> None:
        self._told: Final = told
        self._socket: Final = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, words: str, *messages: bytes) -> None:
        self._told(">", words)
        self._socket.sendall(b"".join(messages))

    def until(self, *kinds: bytes) -> bytes:
        """Note what comes, up to a message of one of these kinds or the end of the connection; the
        kind, or nothing.
        """
        last = b""
        for kind, body in self._messages():
            if kind != b"S" or last != b"S":  # servers have more settings or fewer
                self._told("  " + _shown(kind, body))
            last = kind
            if kind in kinds:
                return kind
        self._told("  the connection is closed")
        return b""

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        while head := self._exactly(5):
            yield head[:1], self._exactly(struct.unpack("!i", head[1:])[0] - 4)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            try:
                piece = self._socket.recv(count - len(found))
            except ConnectionResetError:
                piece = b""
            if not piece:
                assert not found, "the connection was closed inside a message"
                return b""
            found += piece
        return found


def _shown(kind: bytes, body: bytes) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    if kind in (b"E", b"N"):
        return f"{kind.decode()} {_fields(body)}"
    if kind == b"T":
        return f"T {_columns(body)}"
    return f"{kind.decode()} {body!r}"


def _fields(body: bytes) -> str:
    fields = [field for field in body.split(b"\0") if field]
    shown = [_ELSEWHERE.get(field[:1], field) for field in fields]
    assert body == b"\0".join((*fields, b"", b"")), body
    return " ".join(repr(field)[1:] for field in shown)


def _columns(body: bytes) -> list[tuple[str, int, int]]:
    """Names, types and formats. Tables go by numbers that differ from server to server."""
    found, at = [], 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        end = body.index(b"\0", at)
        _, _, kind, _, _, form = struct.unpack_from("!ihihih", body, end + 1)
        found.append((body[at:end].decode(), kind, form))
        at = end + 19
    return found
