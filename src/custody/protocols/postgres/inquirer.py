"""The gateway's own connection to a target, for look-ups.

Law: it is read-only from its first statement on, every statement has a time-out, and no more of an
answer is held than its bound.
"""

import secrets
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, cast

from custody.model.codec import UpstreamLogin
from custody.model.errors import CustodyError, WireError
from custody.model.event import LoginFailed
from custody.protocols.postgres import frames
from custody.protocols.postgres.login.server_authentication import (
    ServerAuthentication,
    refused_by_server,
)
from custody.protocols.postgres.statements.catalogue import CatalogueQuestion, read, sql
from custody.wire.buffer import Buffer

ANSWER_BYTES_AT_MOST: Final = 4_194_304
FRAME_AT_MOST: Final = 1_048_576
STATEMENT_TIMEOUT_MS: Final = 2000
_SETTINGS: Final = (("client_encoding", "UTF8"), ("row_security", "off"))
_FIRST: Final = (
    # Not in the start-up packet: its parameters would hide the role's own defaults, which look-ups
    # ask for. Nor is search_path, and look-ups name every schema.
    "SET default_transaction_read_only = on; "
    f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET lock_timeout = {STATEMENT_TIMEOUT_MS}"
)
_IGNORED: Final = frozenset(b"STNKAnI")


class PostgresInquirer:
    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random: Final = random
        self._buffer: Final = Buffer()
        self._authentication: ServerAuthentication | None = None
        self._tls_awaited = False
        self.tls_answer: bool | None = None
        self._guarded = False
        self._logged_in = False
        self._open: Final[deque[CatalogueQuestion]] = deque()
        self._answers: Final[deque[object]] = deque()
        self._rows: list[tuple[str | None, ...]] = []
        self._bytes = 0
        self._failed = ""

    def begin(self, upstream: UpstreamLogin) -> bytes:
        given = [(n, v) for n, v in upstream.parameters if n not in dict(_SETTINGS)]
        own = UpstreamLogin(
            user=upstream.user,
            database=upstream.database,
            secret=upstream.secret,
            parameters=(*given, *_SETTINGS),
            tls=upstream.tls,
        )
        self._authentication = ServerAuthentication(
            own, self._random(18), clear_is_fine=upstream.tls == "off"
        )
        if upstream.tls == "off":
            return self._authentication.start(tls=False, channel_binding=None)
        self._tls_awaited = True
        return frames.SSL_REQUEST_BYTES

    def start(self, *, tls: bool, channel_binding: bytes | None) -> bytes:
        if self._authentication is None:
            raise ValueError("The login was not begun.")
        return self._authentication.start(tls=tls, channel_binding=channel_binding)

    def receive(self, data: bytes) -> bytes:
        self._buffer.receive(data)
        if self._tls_awaited:
            return self._take_tls_answer()
        reply = b""
        while (message := self._next_message()) is not None:
            reply += self._take(*message)
        return reply

    @property
    def ready(self) -> bool:
        return self._logged_in and not self._open

    def ask(self, question: Hashable) -> bytes:
        if not self._logged_in:
            raise ValueError("Nothing can be asked before the login.")
        asked = cast("CatalogueQuestion", question)
        self._open.append(asked)
        return frames.query(sql(asked))

    @property
    def answered(self) -> bool:
        return bool(self._answers)

    def take_answer(self) -> object:
        """``None`` where the server refused the question, or its answer was too long."""
        return self._answers.popleft()

    def _finish(self) -> None:
        """ReadyForQuery came behind the oldest question."""
        rows, self._rows = self._rows, []
        failed, self._failed = self._failed, ""
        self._bytes = 0
        question = self._open.popleft()
        self._answers.append(None if failed else read(question, rows))

    def _take_tls_answer(self) -> bytes:
        first = bytes(self._buffer.take(1)) if self._buffer.ensure(1) else b""
        if first not in {b"S", b"N"} or len(self._buffer):
            raise _broken("The server's answer to SSLRequest is malformed.")
        self._tls_awaited = False
        self.tls_answer = first == b"S"
        return b""

    def _next_message(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if not buffer.ensure(5):
            return None
        kind, length = frames.HEADER.unpack_from(buffer.data, buffer.position)
        if not 4 <= length <= FRAME_AT_MOST:
            raise _broken("A message has an invalid length.")
        if not buffer.ensure(length + 1):
            return None
        return kind, bytes(buffer.take(length + 1)[5:])

    def _take(self, kind: int, body: bytes) -> bytes:
        if kind == ord("R") and self._authentication is not None:
            answer = self._authentication.receive(body)
            if isinstance(answer, LoginFailed):
                raise CustodyError(answer.reason, answer.refusal.message, answer.refusal.hint)
            return answer
        if kind == ord("E"):
            self._error(body)
        elif kind == ord("D"):
            self._row(body)
        elif kind == ord("Z"):
            if not self._guarded:
                self._guarded = True
                return frames.query(_FIRST)
            if self._open:
                self._finish()
            self._logged_in = True
        elif kind not in _IGNORED and kind != ord("C"):
            raise _broken("The server sent what nothing asked for.")
        return b""

    def _error(self, body: bytes) -> None:
        report = frames.error_report(body)
        if not self._open or report.severity in {"FATAL", "PANIC"}:
            failed = refused_by_server(report)
            raise CustodyError(failed.reason, failed.refusal.message, failed.refusal.hint)
        self._failed = report.code

    def _row(self, body: bytes) -> None:
        self._bytes += len(body)
        if self._bytes > ANSWER_BYTES_AT_MOST:
            self._failed = "54000"
            self._rows = []
            return
        if len(body) < 2:
            raise _broken("A malformed DataRow came.")
        position = 2
        row: list[str | None] = []
        for _ in range(frames.COUNT16.unpack_from(body)[0]):
            if position + 4 > len(body):
                raise _broken("A malformed DataRow came.")
            length = frames.INT32.unpack_from(body, position)[0]
            position += 4
            if length < 0:
                row.append(None)
                continue
            row.append(body[position : position + length].decode("utf-8", "replace"))
            position += length
        self._rows.append(tuple(row))


def _broken(fault: str) -> WireError:
    return WireError("postgres.server-message", fault, blame="server")
