"""Dialogues with a codec: who says what, and what comes of it.

The host in here does what the law asks of a host, with everything durable at once. Questions are
answered by the real analysis of a text, and from the facts that the test gives.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.protocols.postgres import messages as m

from custody.model.codec import CodecFaces, UpstreamLogin
from custody.model.command import Command
from custody.model.event import (
    CommandsReceived,
    Event,
    Forward,
    Inquiry,
    LoginFailed,
    LoginReceived,
    RecordFirst,
    ResponseReceived,
    Send,
    SessionReady,
    SideEnded,
    StreamEnded,
    TlsAnswered,
)
from custody.model.record import Response, Stream
from custody.model.refusal import Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import Side
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.frames import error as refusal_message
from custody.protocols.postgres.options import PostgresOptions
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import ParseQuestion

CLIENT_KEY = b"\0\0\0\x01" + bytes(range(32))
NO = Refusal(RefusalCode.DENIED, "not here", detail="because", hint="ask")
NO_MESSAGE = refusal_message(NO)
Judge = Callable[[Command], bool]


def denying(*actions: str) -> Judge:
    return lambda command: command.action not in actions


def allow(command: Command) -> bool:
    del command
    return True


class Dialogue:
    def __init__(
        self, codec: PostgresCodec, judge: Judge, facts: Mapping[Hashable, object]
    ) -> None:
        self.codec = codec
        self.judge = judge
        self.facts = dict(facts)
        self.events: list[Event] = []
        self.to_server = b""
        self.to_client = b""
        self.sent_by_gateway = b""
        self._forwarded = 0
        self._replied = 0
        self.held: list[CommandsReceived] = []
        self.hold = False
        """Leave the verdict open, as for a question to a person."""
        self.unanswered: list[Inquiry] = []
        self.hold_inquiries = False

    # What is said.

    def client(self, *messages: bytes) -> "Dialogue":
        return self._feed(Side.CLIENT, b"".join(messages))

    def server(self, *messages: bytes) -> "Dialogue":
        return self._feed(Side.SERVER, b"".join(messages))

    def ends(self, side: Side) -> "Dialogue":
        return self._feed(side, b"")

    def _feed(self, side: Side, data: bytes) -> "Dialogue":
        self.codec.receive(side, data)
        return self.pump()

    def pump(self) -> "Dialogue":
        moved = True
        while moved:
            moved = False
            for side in (Side.CLIENT, Side.SERVER):
                event = self.codec.next_event(side)
                if event is not None:
                    moved = True
                    self._handle(event)
        return self

    def _handle(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case Inquiry(question=question):
                if self.hold_inquiries:
                    self.unanswered.append(event)
                else:
                    self.codec.answer(question, self.find(question))
            case CommandsReceived():
                if self.hold:
                    self.held.append(event)
                else:
                    self.decide(event)
            case Forward(to=to, wire=wire) | RecordFirst(to=to, wire=wire):
                self._write(to, b"".join(wire))
            case ResponseReceived(wire=wire):
                self._write(Side.CLIENT, b"".join(wire))
            case StreamEnded(wire=wire) | SideEnded(wire=wire):
                self._write(Side.SERVER, b"".join(wire))
            case Send():
                self._send((event,))
            case SessionReady(sends=sends):
                self._send(sends)
            case _:
                pass

    def find(self, question: Hashable) -> object:
        if isinstance(question, ParseQuestion):
            return analyse(question.text)
        return self.facts.get(question)

    def decide(self, event: CommandsReceived) -> None:
        if all(self.judge(command) for command in event.commands):
            self.codec.allow(event)
            self._write(Side.SERVER, b"".join(event.wire))
        else:
            self._send(self.codec.refuse(event, NO))

    def verdict(self) -> "Dialogue":
        """Give the verdict that was held back."""
        self.hold = False
        self.decide(self.held.pop(0))
        return self.pump()

    def answer(self) -> "Dialogue":
        """Give the answers that were held back."""
        self.hold_inquiries = False
        while self.unanswered:
            question = self.unanswered.pop(0).question
            self.codec.answer(question, self.find(question))
        return self.pump()

    def _send(self, sends: Sequence[Send]) -> None:
        for send in sends:
            self._write(send.to, send.data)
            if send.to is Side.SERVER:
                self.sent_by_gateway += send.data

    def _write(self, to: Side, data: bytes) -> None:
        if to is Side.SERVER:
            self.to_server += data
        else:
            self.to_client += data

    # What comes of it.

    def forwards(self, *messages: bytes) -> "Dialogue":
        expected = b"".join(messages)
        assert self.to_server[self._forwarded :] == expected
        self._forwarded = len(self.to_server)
        return self

    def replies(self, *messages: bytes) -> "Dialogue":
        expected = b"".join(messages)
        assert self.to_client[self._replied :] == expected
        self._replied = len(self.to_client)
        return self

    def silent(self) -> "Dialogue":
        return self.forwards().replies()

    def forget(self) -> "Dialogue":
        """What was said so far is not to be looked at again."""
        self._forwarded = len(self.to_server)
        self._replied = len(self.to_client)
        self.events.clear()
        return self

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def commands(self) -> list[Command]:
        return [
            command
            for event in self.events
            if isinstance(event, CommandsReceived) and event.stage == "execute"
            for command in event.commands
        ]

    @property
    def stages(self) -> list[str]:
        return [event.stage for event in self.events if isinstance(event, CommandsReceived)]

    @property
    def responses(self) -> list[Response]:
        return [event.response for event in self.events if isinstance(event, ResponseReceived)]

    @property
    def outcomes(self) -> list[str]:
        return [str(response.outcome) for response in self.responses]

    @property
    def streams(self) -> list[Stream]:
        return [event.stream for event in self.events if isinstance(event, StreamEnded)]


def new_codec(options: PostgresOptions | None = None) -> PostgresCodec:
    return PostgresCodec(options or PostgresOptions(cleartext=True), random=bytes)


def faces_of(options: PostgresOptions | None = None) -> CodecFaces:
    codec = new_codec(options)
    return CodecFaces(codec, codec, codec)


def upstream(**changes: object) -> UpstreamLogin:
    given: dict[str, object] = {
        "user": "app",
        "database": "orders",
        "secret": Secret("s3cret"),
        "parameters": (("application_name", "psql"),),
        "tls": "off",
        "client_key": CLIENT_KEY,
    }
    return UpstreamLogin(**{**given, **changes})  # type: ignore[arg-type]  # given by name


@contextmanager
def playbook(
    judge: Judge = allow,
    *,
    options: PostgresOptions | None = None,
    facts: Mapping[Hashable, object] | None = None,
) -> Iterator[Dialogue]:
    """A session that is logged in."""
    dialogue = Dialogue(new_codec(options), judge, facts or {})
    dialogue.client(m.startup(user="anyone", database="orders"), m.password("ct_x"))
    (login,) = dialogue.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    dialogue._send(list(dialogue.codec.admit(login, upstream())))
    dialogue.server(m.LOGGED_IN)
    assert not dialogue.of(LoginFailed)
    assert not dialogue.of(TlsAnswered)
    dialogue.forget()
    yield dialogue
