"""Stand-ins for the rooms, so that the house can be tested alone.

The codec speaks a toy protocol of lines: ``LOGIN target secret``; then each line is a command
that the server answers with one line. The log keeps records and becomes durable by hand.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence

from custody.model.codec import CodecFaces, UpstreamLogin
from custody.model.command import Command, Verdict
from custody.model.errors import LogFailureError, WireError
from custody.model.event import (
    CommandsReceived,
    Event,
    Forward,
    LoginReceived,
    LoginRequest,
    ResponseReceived,
    Send,
    SessionReady,
    SideEnded,
)
from custody.model.identity import Admission, Credential, Identity, Loop, Session
from custody.model.interfaces import Durable
from custody.model.record import Body, Milliseconds, Receipt, Record, Response
from custody.model.refusal import NativeCodes, Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import Decision, Effect, LoopId, Outcome, Side, TargetName, TicketId

LOOP = Loop(LoopId("loop_1"), Identity("ada", "local", ("agents",)), 0, 10**15)
ADMISSION = Admission(TicketId("tkt_1"), LOOP)


def command(text: str) -> Command:
    effect = Effect.WRITE if text.startswith("DELETE") else Effect.READ
    return Command(text.split(maxsplit=1)[0], frozenset({effect}), (), bounded=True, text=text)


CODES: NativeCodes = {code: code.value for code in RefusalCode}
"""The toy protocol's own codes are the gateway's words."""


def faces(codec: "LineCodec") -> CodecFaces:
    return CodecFaces(codec, codec, codec)


class LineCodec:
    def __init__(self) -> None:
        self.lines: dict[Side, deque[bytes]] = {Side.CLIENT: deque(), Side.SERVER: deque()}
        self.rest = {Side.CLIENT: b"", Side.SERVER: b""}
        self.logged_in = False
        self.expected: deque[int] = deque()
        self.tokens = 0
        self.farewell: SideEnded | None = None

    def secured(self) -> None: ...

    def receive(self, side: Side, data: bytes) -> None:
        if b"\0" in data:
            raise WireError("toy.garbage", "a NUL came", blame=side.value)
        *lines, self.rest[side] = (self.rest[side] + data).split(b"\n")
        self.lines[side].extend(line + b"\n" for line in lines)

    def next_event(self, side: Side) -> Event | None:
        if self.farewell is not None:
            farewell, self.farewell = self.farewell, None
            return farewell
        if not self.lines[side]:
            return None
        if side is Side.CLIENT and not self.logged_in and self.tokens:
            return None
        line = self.lines[side].popleft()
        if side is Side.SERVER:
            if not self.logged_in:
                self.logged_in = True
                return SessionReady((Send(Side.CLIENT, b"welcome\n"),))
            if self.expected:
                response = Response(None, Outcome.OK, line.decode().strip(), 1, len(line), 0)
                return ResponseReceived(response, (line,), self.expected.popleft())
            return Forward(Side.CLIENT, (line,))
        if not self.logged_in:
            self.tokens += 1
            _, target, secret = line.decode().split()
            return LoginReceived(LoginRequest(target, "", "user", "app", ()), Secret(secret))
        self.tokens += 1
        text = line.decode().strip()
        return CommandsReceived(
            tuple(command(part) for part in text.split(";")), (line,), token=self.tokens
        )

    client_key = b"key"

    def consult(self, recall: Callable[[Hashable], object | None]) -> None: ...

    def answer(self, question: Hashable, answer: object) -> None: ...

    def admit(self, login: LoginReceived, upstream: UpstreamLogin) -> Sequence[Send]:
        return (Send(Side.SERVER, f"hello {upstream.secret.reveal()}\n".encode()),)

    def start_server(self, *, tls: bool, channel_binding: bytes | None) -> Sequence[Send]:
        return ()

    def allow(self, message: CommandsReceived) -> None:
        self.expected.append(message.token)

    def refuse(
        self, what: LoginReceived | CommandsReceived | None, refusal: Refusal
    ) -> Sequence[Send]:
        if isinstance(what, LoginReceived):
            self.farewell = SideEnded("client.refused")
        return (Send(Side.CLIENT, f"!{refusal.code} {refusal.message}\n".encode()),)

    def notify(self, text: str) -> Sequence[Send]:
        return (Send(Side.CLIENT, f"? {text}\n".encode()),)

    def cancel(self) -> bytes:
        return b"cancel\n"

    def buffered(self, side: Side) -> int:
        return len(self.rest[side])


class HandLog:
    """Numbers records; they become durable when the test says so, or at once."""

    def __init__(self, *, by_hand: bool = False) -> None:
        self.records: list[Record] = []
        self.waiting: deque[tuple[Durable | None, Receipt]] = deque()
        self.by_hand = by_hand
        self.accepting = True
        self.full = False
        self.fails_at: int | None = None
        """Which record of a message finds no room."""
        self.numbers: dict[str, int] = {}

    def append(self, record: Record, durable: Durable | None = None) -> Receipt:
        if self.full:
            raise LogFailureError("log.full", "the disk is full")
        key = record.session or ""
        n = self.numbers.get(key, -1) + 1
        self.numbers[key] = n
        receipt = Receipt(len(self.records), n)
        self.records.append(record)
        self.waiting.append((durable, receipt))
        if not self.by_hand:
            self.sync()
        return receipt

    def append_all(
        self, records: Sequence[Record], durable: Durable | None = None
    ) -> Sequence[Receipt]:
        """All or none, as the log does it."""
        if self.fails_at is not None and self.fails_at < len(records):
            raise LogFailureError("log.full", "the disk is full")
        first = [self.append(record) for record in records[:-1]]
        return (*first, self.append(records[-1], durable))

    def sync(self) -> None:
        while self.waiting:
            durable, receipt = self.waiting.popleft()
            if durable is not None:
                durable(receipt)

    def fail(self) -> None:
        while self.waiting:
            durable, _ = self.waiting.popleft()
            if durable is not None:
                durable(LogFailureError("log.sync", "the disk failed"))

    def bodies(self) -> list[Body]:
        return [record.body for record in self.records]


class DenyDeletes:
    digest = b"\1" * 32

    def admits(self, loop: Loop, target: TargetName, now: int) -> bool:
        return target != "secret-target"

    def admits_stream(self, loop: Loop, target: TargetName, stream: str, now: int) -> bool:
        return False

    def decide(self, session: Session, command: Command, now: int) -> Verdict:
        if command.text == "BROKEN":
            raise RuntimeError("policy broke")
        deny = Effect.WRITE in command.effects
        return Verdict(
            Decision.DENY if deny else Decision.ALLOW,
            "no-deletes" if deny else "grant",
            "nothing is deleted here" if deny else "",
            self.digest,
        )


class NoMask:
    digest = b"\2" * 32

    def mask(self, record: Record) -> Record:
        return record


class OneTicket:
    def __init__(self) -> None:
        self.over = False

    def recognise(self, secret: Secret, now: int) -> Admission | str:
        return ADMISSION if secret.reveal() == "ct_good" else "ticket.unknown"

    def alive(self, admission: Admission, now: int) -> bool:
        return not self.over


class OneSecret:
    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        return Credential(Secret("real-password"))


class NoAdvice:
    def recall(self, question: Hashable) -> object | None:
        return None

    async def find(self, question: Hashable) -> object:
        return None

    def forget(self) -> None: ...


def clock() -> Milliseconds:
    return Milliseconds(1_000)
