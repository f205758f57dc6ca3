"""The client's part of the login: from the first byte to its ticket or its token.

Law: a password is requested in clear text only where the listener allows it. Every value that the
client sends is a claim. Each step happens once; a step out of order is a ``WireError``.
"""

from collections import deque
from typing import Final

from custody.model.errors import WireError
from custody.model.event import (
    CancelReceived,
    Event,
    LoginReceived,
    Send,
    SideEnded,
    TlsRequested,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.frames import HEADER
from custody.protocols.postgres.login.oauthbearer import (
    MESSAGE_BYTES_AT_MOST,
    BearerChallenge,
    BearerExchange,
    BearerFailure,
    BearerToken,
)
from custody.protocols.postgres.login.startup_packet import (
    CLEARTEXT_PASSWORD,
    PASSWORD_BYTES_AT_MOST,
    CancelRequest,
    GssRequest,
    Startup,
    TlsRequest,
    UnsupportedVersion,
    password_of,
    read_opening,
)
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.refusals import NOT_SUPPORTED
from custody.protocols.postgres.statements.search_path import settings_asked
from custody.wire.buffer import Buffer
from custody.wire.sql.builtin.guards import loosens

_NO_TLS: Final = Refusal(
    RefusalCode.NOT_GRANTED,
    "custody: a ticket is accepted inside TLS only",
    hint="Connect with sslmode=require, better verify-full.",
    fatal=True,
)

_BRING_A_TOKEN: Final = Refusal(
    RefusalCode.NOT_GRANTED,
    "custody: this listener takes tokens only, by OAUTHBEARER, and none came",
    hint="libpq 18 fetches one where oauth_issuer and oauth_client_id are given.",
    fatal=True,
)

_NO_ROLE: Final = Refusal(
    RefusalCode.DENIED,
    "custody: a connection cannot begin in another role, with settings that switch off rights or "
    "recording on the server, or with options that are not -c or --",
    hint="SET in the session is a command, which a grant of the effect grant allows.",
    fatal=True,
)


class ClientLogin:
    def __init__(self, buffer: Buffer, options: PostgresOptions) -> None:
        self._buffer: Final = buffer
        self._options: Final = options
        self._events: Final[deque[Event]] = deque()
        self._secured = False
        self._tls_asked = False
        self._gss_asked = False
        self._bearer: Final = (
            BearerExchange(options.oauth_issuer, options.oauth_scope)
            if options.oauth_issuer
            else None
        )
        self._refusal = _BRING_A_TOKEN
        self.startup: Startup | None = None
        self.over = False
        """The login was received, or the connection ended."""

    def secured(self) -> None:
        self._secured = True

    @property
    def exhausted(self) -> bool:
        """It is over, and every event was given."""
        return self.over and not self._events

    def next_event(self) -> Event | None:
        if not self._events and not self.over:
            if self.startup is None:
                self._open()
            elif self._bearer is not None:
                self._token(self.startup, self._bearer)
            else:
                self._password(self.startup)
            self._check_end()
        return self._events.popleft() if self._events else None

    def _check_end(self) -> None:
        if not self._events and not self.over and self._buffer.ended:
            self._end("client.closed")

    def _open(self) -> None:
        buffer = self._buffer
        opening = read_opening(buffer, database_is_free=self._options.database_is_free)
        match opening:
            case None:
                pass
            case TlsRequest():
                self._once("TLS", self._tls_asked or self._secured)
                self._tls_asked = True
                self._events.append(TlsRequested(b"S", b"N", len(buffer)))
            case GssRequest():
                self._once("GSSAPI encryption", self._gss_asked or self._secured)
                self._gss_asked = True
                self._events.append(Send(Side.CLIENT, b"N"))
            case CancelRequest(key=key):
                self._events.append(CancelReceived(key))
                self.over = True
            case UnsupportedVersion(major=major, minor=minor):
                self._refuse(
                    Refusal(
                        RefusalCode.PROTOCOL,
                        f"custody: protocol {major}.{minor} is not spoken",
                        fatal=True,
                        native=NOT_SUPPORTED,
                    )
                )
            case Startup():
                self._started(opening)

    def _once(self, what: str, again: bool) -> None:  # noqa: FBT001  # a guard
        if again:
            raise WireError("postgres.startup", f"The client asked for {what} twice.")

    def _started(self, startup: Startup) -> None:
        if not startup.login.user:
            self._refuse(
                Refusal(
                    RefusalCode.NOT_GRANTED,
                    "custody: the start-up packet names no user",
                    fatal=True,
                )
            )
        elif not (self._secured or self._options.cleartext):
            self._refuse(_NO_TLS)
        elif any(
            not name or loosens(name, value)
            for name, value in settings_asked(startup.login.parameters)
        ):
            self._refuse(_NO_ROLE)
        else:
            self.startup = startup
            asked = CLEARTEXT_PASSWORD if self._bearer is None else self._bearer.offer
            self._events.append(Send(Side.CLIENT, startup.negotiation + asked))

    def _password(self, startup: Startup) -> None:
        body = self._answer(PASSWORD_BYTES_AT_MOST + 1)  # and the zero byte behind it
        if body is not None:
            self._events.append(LoginReceived(startup.login, Secret(password_of(body))))
            self.over = True

    def _token(self, startup: Startup, bearer: BearerExchange) -> None:
        body = self._answer(MESSAGE_BYTES_AT_MOST)
        if body is None:
            return
        match bearer.receive(body):
            case BearerChallenge(message=message):
                self._events.append(Send(Side.CLIENT, message))
            case BearerToken(token=token):
                self._events.append(LoginReceived(startup.login, token))
                self.over = True
            case BearerFailure(discovery=discovery):
                self._events.append(Send(Side.CLIENT, frames.error(self._refusal)))
                self._end("client.discovery" if discovery else "client.refused")

    def turn_away(self, refusal: Refusal) -> bytes:
        """Refuse the login. Under OAUTHBEARER the client must answer the failure first (RFC 7628
        §3.2.3): then this returns the failure message, and ``next_event`` gives the error after the
        client's answer. Otherwise it returns ``b""``.
        """
        if self._bearer is None:
            return b""
        self._refusal = refusal
        self.over = False
        return self._bearer.fail()

    def _answer(self, at_most: int) -> bytes | None:
        """The body of the client's next message, or ``None``: it needs more bytes, or it left."""
        buffer = self._buffer
        if not buffer.ensure(5):
            return None
        kind, length = HEADER.unpack_from(buffer.data, buffer.position)
        if kind == ord("X"):
            self._end("client.terminated")
            return None
        if kind != ord("p") or not 4 <= length <= at_most + 4:
            raise WireError("postgres.password", "A password message was expected.")
        if not buffer.ensure(length + 1):
            return None
        return bytes(buffer.take(length + 1)[5:])

    def _refuse(self, refusal: Refusal) -> None:
        self._events.append(Send(Side.CLIENT, frames.error(refusal)))
        self._end("client.refused")

    def _end(self, reason: str) -> None:
        self._events.append(SideEnded(reason))
        self.over = True
