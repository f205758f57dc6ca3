"""One PostgreSQL connection, both sides ("Frontend/Backend Protocol", version 3).

Law: no I/O, no clock, and only ``WireError`` is raised, whatever bytes come. A connection is in one
of the phases of ``Phase``, and only moves forward.
"""

import secrets
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from typing import Final

import msgspec

from custody.model.codec import MemoryShare, UpstreamLogin
from custody.model.errors import WireError
from custody.model.event import (
    CommandsReceived,
    Event,
    LoginReceived,
    Send,
    SessionReady,
    SideEnded,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side
from custody.protocols.postgres import frames
from custody.protocols.postgres.login.client_login import ClientLogin
from custody.protocols.postgres.login.server_login import PostgresServerLogin
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.pipeline.backend import Backend
from custody.protocols.postgres.pipeline.commands import CommandReader
from custody.protocols.postgres.pipeline.frontend import Frontend
from custody.protocols.postgres.pipeline.offer import Offer
from custody.protocols.postgres.pipeline.pending_queue import PendingQueue
from custody.protocols.postgres.refusals import NOT_SUPPORTED
from custody.protocols.postgres.replication import OpaqueSession
from custody.protocols.postgres.statements import meaning
from custody.protocols.postgres.statements.reader import MeaningSource, ReadMemory, Recall
from custody.wire.buffer import Buffer


class Phase(Enum):
    CLIENT_LOGIN = "the client logs in"
    ADMISSION = "the host checks the login"
    REFUSAL = "the client takes note that it was refused"
    SERVER_LOGIN = "the gateway logs in to the target"
    SESSION = "commands flow"
    OPAQUE = "a replication stream flows"
    OVER = "nothing more is read"


# Where every message passes, a name of the module is quicker than an enumeration's member.
_CLIENT: Final = Side.CLIENT
_OVER: Final = Phase.OVER


class PostgresCodec:
    def __init__(
        self,
        options: PostgresOptions | None = None,
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
        meanings: MeaningSource = meaning,
    ) -> None:
        self._options: Final = options or PostgresOptions()
        self._random: Final = random
        self._meanings: Final = meanings
        self._phase = Phase.CLIENT_LOGIN
        self._client: Buffer = Buffer()
        self._server: Buffer = Buffer()
        self._client_login: Final = ClientLogin(self._client, self._options)
        self._server_login: PostgresServerLogin | None = None
        self._offering: Offer | None = None
        self._memory: ReadMemory | None = None
        self._requests: Frontend | None = None
        self._replies: Backend | None = None
        self._opaque: OpaqueSession | None = None
        self._recall: Recall | None = None
        self._share: MemoryShare | None = None
        self._stream = ""
        self._farewell: SideEnded | None = None

    def consult(self, recall: Recall) -> None:
        """Where answers may be found without waiting; what is not found there is an ``Inquiry``.

        An answer is used for as long as ``recall`` gives that same object.
        """
        self._recall = recall
        if self._memory is not None and self._replies is not None:
            self._memory.recall = recall
            self._replies.origins.recall = recall

    def draw_on(self, share: MemoryShare) -> None:
        """Until then nothing is long enough to be refused."""
        self._share = share
        if self._offering is not None:
            self._offering.share = share

    @property
    def client_key(self) -> bytes:
        """The cancel key as the client was told, and as its ``CancelReceived`` will bring it."""
        return self._server_login.client_key if self._server_login is not None else b""

    def receive(self, side: Side, data: bytes) -> None:
        if self._phase is _OVER:
            return
        (self._client if side is _CLIENT else self._server).receive(data)

    def next_event(self, side: Side) -> Event | None:
        if side is _CLIENT:
            if self._requests is not None:
                return self._requests.next_event()
        elif self._replies is not None:
            return self._replies.next_event()
        try:
            return self._before_session(side)
        except WireError:
            self._phase = Phase.OVER
            raise

    def _before_session(self, side: Side) -> Event | None:
        if self._farewell is not None:
            farewell, self._farewell = self._farewell, None
            return farewell
        if self._opaque is not None:
            return self._opaque.next_event(side)
        if side is Side.CLIENT:
            if self._phase is Phase.CLIENT_LOGIN or self._phase is Phase.REFUSAL:
                event = self._client_login.next_event()
                if self._client_login.exhausted:
                    arrived = self._phase is Phase.CLIENT_LOGIN
                    self._phase = Phase.ADMISSION if arrived else Phase.OVER
                return event
            return self._while_waiting()
        server_login = self._server_login
        if server_login is None or self._phase is not Phase.SERVER_LOGIN:
            return None
        event = server_login.next_event()
        if isinstance(event, SessionReady):
            self._begin(server_login)
        return event

    def _while_waiting(self) -> Event | None:
        """The client must wait for its login: it can only go away, and send little."""
        if self._phase is Phase.OVER:
            return None
        if self._client.ended:
            self._phase = Phase.OVER
            return SideEnded("client.closed")
        if len(self._client) > self._options.bind_bytes:
            raise WireError("postgres.startup", "The client does not wait for its login.")
        return None

    def _begin(self, server_login: PostgresServerLogin) -> None:
        if server_login.view is None:
            return
        options = self._options
        if self._stream:
            self._phase = Phase.OPAQUE
            self._opaque = OpaqueSession(self._client, self._server)
            return
        self._phase = Phase.SESSION
        pending = PendingQueue(server_login.view, capture_bytes=options.capture_bytes)
        pending.status = server_login.status
        for name, value in server_login.parameters.items():
            pending.report_parameter(name, value)
        offering = Offer(pending, options)
        asking = CommandReader(pending, offering, self._meanings, options)
        self._offering, self._memory = offering, asking.memory
        self._replies = Backend(pending, self._server, resolve_origins=options.resolve_origins)
        self._requests = Frontend(pending, self._client, offering, asking, options)
        if self._recall is not None:
            self.consult(self._recall)
        offering.share = self._share

    def answer(self, question: Hashable, answer: object) -> None:
        if self._offering is None or self._replies is None:
            return
        self._offering.answer(question, answer)
        self._replies.answer(question, answer)

    def secured(self) -> None:
        self._client_login.secured()

    def admit(self, login: LoginReceived, upstream: UpstreamLogin) -> Sequence[Send]:
        startup = self._client_login.startup
        if startup is None or self._phase is not Phase.ADMISSION:
            raise ValueError("Only a login that was received can be admitted, once.")
        if login.login.stream != upstream.stream:
            return self.refuse(login, _NO_REPLICATION)
        self._stream = login.login.stream
        self._server_login = PostgresServerLogin(self._server, startup, upstream, self._random(18))
        self._phase = Phase.SERVER_LOGIN
        return (Send(Side.SERVER, self._server_login.begin()),)

    def start_server(self, *, tls: bool, channel_binding: bytes | None) -> Sequence[Send]:
        if self._server_login is None:
            raise ValueError("No login at the target was begun.")
        start = self._server_login.start(tls=tls, channel_binding=channel_binding)
        return (Send(Side.SERVER, start),)

    def allow(self, message: CommandsReceived) -> None:
        if self._offering is None:
            raise ValueError("There is no session yet.")
        self._offering.allow(message)

    def refuse(
        self, what: LoginReceived | CommandsReceived | None, refusal: Refusal
    ) -> Sequence[Send]:
        if isinstance(what, CommandsReceived):
            if self._offering is None:
                raise ValueError("There is no session yet.")
            return self._offering.refuse(what, refusal)
        last = msgspec.structs.replace(refusal, fatal=True)
        if what is not None and self._phase is Phase.ADMISSION:
            told = self._client_login.turn_away(last)
            if told:
                self._phase = Phase.REFUSAL
                return (Send(Side.CLIENT, told),)
        between = self._replies is None or self._replies.between_messages
        if self._opaque is not None:
            between = False  # nobody knows where a message ends
        if self._phase is Phase.OVER or not between:
            return ()
        self._phase = Phase.OVER
        # Nothing may follow a FATAL error, so nothing is read any more either.
        self._requests = self._replies = None
        if what is not None:
            self._farewell = SideEnded("client.refused")
        return (Send(Side.CLIENT, frames.error(last)),)

    def notify(self, text: str) -> Sequence[Send]:
        if self._replies is None or not self._replies.between_messages:
            return ()
        return (Send(Side.CLIENT, frames.notice(text)),)

    def cancel(self) -> bytes:
        key = self._server_login.server_key if self._server_login is not None else b""
        return frames.cancel_request(key) if key else b""

    def buffered(self, side: Side) -> int:
        return (self._client if side is _CLIENT else self._server).size()


_NO_REPLICATION: Final = Refusal(
    RefusalCode.NOT_GRANTED,
    "custody: replication connections are not permitted here",
    hint="A grant must name them; they are recorded as opaque streams.",
    fatal=True,
    native=NOT_SUPPORTED,
)
