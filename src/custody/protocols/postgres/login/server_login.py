"""The gateway's login at the target, up to the first ReadyForQuery.

Law: the client hears nothing of the server before the server has let the gateway in; then it gets
the server's own parameters, a cancel key of the gateway's, and never the server's.
"""

from typing import Final

from custody.model.codec import UpstreamLogin
from custody.model.errors import WireError
from custody.model.event import Event, LoginFailed, Send, SessionReady, TlsAnswered
from custody.model.words import Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.frames import HEADER
from custody.protocols.postgres.login.first_question import FIRST_QUESTION, SessionFacts, facts_in
from custody.protocols.postgres.login.server_authentication import (
    ServerAuthentication,
    refused_by_server,
)
from custody.protocols.postgres.login.startup_packet import AUTHENTICATION_OK, Startup, own_key
from custody.protocols.postgres.statements.first_view import opening
from custody.protocols.postgres.statements.session_view import SessionView
from custody.wire.buffer import Buffer

FRAME_AT_MOST: Final = 65_536
RELAYED_AT_MOST: Final = 262_144
"""Of parameters and notices before the session is ready."""


class PostgresServerLogin:
    def __init__(
        self, buffer: Buffer, startup: Startup, upstream: UpstreamLogin, nonce: bytes
    ) -> None:
        self._buffer: Final = buffer
        self._startup: Final = startup
        self._upstream: Final = upstream
        self._authentication: Final = ServerAuthentication(
            upstream, nonce, clear_is_fine=upstream.tls == "off"
        )
        self._tls_awaited = upstream.tls != "off"
        self._started = upstream.tls == "off"
        self._relayed = b""
        self._asked = False
        self._answered = False
        self._facts: SessionFacts | None = None
        self.parameters: dict[str, str] = {}
        self.server_key = b""
        self.client_key = b""
        self.status = ""
        self.failed = False
        self.view: SessionView | None = None
        """Set once the session is ready."""

    def begin(self) -> bytes:
        if self._tls_awaited:
            return frames.SSL_REQUEST_BYTES
        return self._authentication.start(tls=False, channel_binding=None)

    def start(self, *, tls: bool, channel_binding: bytes | None) -> bytes:
        self._started = True
        return self._authentication.start(tls=tls, channel_binding=channel_binding)

    def next_event(self) -> Event | None:  # noqa: PLR0911  # one for each stage
        if self.failed or self.view is not None:
            return None
        if self._tls_awaited:
            return self._tls_answer()
        if not self._started:
            return None
        while (message := self._next_message()) is not None:
            kind, body = message
            event = self._answer(kind, body) if self._asked else self._take(kind, body)
            if event is not None:
                return event
            if self._answered:
                return self._complete()
            if self.status and not self._asked:
                self._asked = True
                if self._upstream.stream:
                    return self._complete()  # a replication connection takes no SQL
                return Send(Side.SERVER, frames.query(FIRST_QUESTION))
        if self._buffer.ended:
            self.failed = True
            return refused_by_server(frames.error_report(b""))
        return None

    def _tls_answer(self) -> Event | None:
        """One unframed byte; or an error from a server that does not know the request."""
        if not self._buffer.ensure(1):
            if self._buffer.ended:
                self.failed = True
                return refused_by_server(frames.error_report(b""))
            return None
        first = self._buffer.data[self._buffer.position]
        if first == ord("E"):
            message = self._next_message()
            if message is None:
                return None
            self.failed = True
            return refused_by_server(frames.error_report(message[1]))
        if first not in b"SN":
            raise WireError(
                "postgres.tls", "The server's answer to SSLRequest is malformed.", blame="server"
            )
        self._buffer.take(1)
        self._tls_awaited = False
        return TlsAnswered(first == ord("S"), len(self._buffer))

    def _next_message(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if not buffer.ensure(5):
            return None
        kind, length = HEADER.unpack_from(buffer.data, buffer.position)
        if not 4 <= length <= FRAME_AT_MOST:
            raise WireError("postgres.length", "A message has an invalid length.", blame="server")
        if not buffer.ensure(length + 1):
            return None
        return kind, bytes(buffer.take(length + 1)[5:])

    def _take(self, kind: int, body: bytes) -> Event | None:
        if kind == ord("R"):
            answer = self._authentication.receive(body)
            if isinstance(answer, LoginFailed):
                self.failed = True
                return answer
            return Send(Side.SERVER, answer) if answer else None
        if kind == ord("E"):
            self.failed = True
            return refused_by_server(frames.error_report(body))
        if kind == ord("N"):
            self._relay(b"N", body)
            return None
        if not self._authentication.done:
            raise frames.malformed("login", "server")
        if kind == ord("S"):
            self._relay(b"S", body)
            name, _, value = body.partition(b"\0")
            self.parameters[name.decode("ascii", "replace")] = value.rstrip(b"\0").decode(
                "utf-8", "replace"
            )
        elif kind == ord("K") and 8 <= len(body) <= 260:
            self.server_key = body
        elif kind == ord("Z") and body in {b"I", b"T", b"E"}:
            self.status = body.decode()
        else:
            raise frames.malformed("login", "server")
        return None

    def _answer(self, kind: int, body: bytes) -> Event | None:
        """A message that came in answer to the first question."""
        if kind == ord("D"):
            self._facts = facts_in(body, self.parameters.get("client_encoding", ""))
        elif kind == ord("E"):
            if frames.error_report(body).severity != "ERROR":
                self.failed = True
                return refused_by_server(frames.error_report(body))
            self._facts = None
        elif kind == ord("Z") and body in {b"I", b"T", b"E"}:
            self.status = body.decode()
            self._answered = True
        elif kind in b"SN":
            return self._take(kind, body)
        elif kind not in b"TC":
            raise frames.malformed("login", "server")
        return None

    def _relay(self, kind: bytes, body: bytes) -> None:
        self._relayed += frames.frame(kind, body)
        if len(self._relayed) > RELAYED_AT_MOST:
            raise WireError("postgres.login", "The server's login never ends.", blame="server")

    def _complete(self) -> Event:
        upstream = self._upstream
        facts = self._facts
        view = opening(
            facts.role if facts is not None else upstream.user,
            upstream.parameters,
            facts.search_path if facts is not None else None,
            conforming=facts is not None and facts.conforming,
        )
        for name, value in self.parameters.items():
            view = view.reported(name, value)
        self.view = view
        # The server's own process number: drivers compare it with pg_backend_pid().
        own = (self.server_key[:4] or upstream.client_key[:4]) + upstream.client_key[4:]
        key, self.client_key = own_key(own, long_keys=self._startup.long_keys)
        welcome = AUTHENTICATION_OK + self._relayed + (key if self.client_key else b"")
        if upstream.notice:
            welcome += frames.notice(upstream.notice)
        welcome += frames.ready(self.status)
        return SessionReady((Send(Side.CLIENT, welcome),))
