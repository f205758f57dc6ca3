"""A toy protocol of lines, as a codec: ``LOGIN target secret``; then each line holds commands,
parted by semicolons, that the server answers with one line.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence

from custody.model.codec import CodecFaces, UpstreamLogin
from custody.model.command import Command
from custody.model.errors import WireError
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
from custody.model.protocol import RelayedWire
from custody.model.record import Response
from custody.model.refusal import NativeCodes, Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import Effect, Outcome, Side


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
        self.ended: set[Side] = set()
        """Sides that said nothing more, until that was given as an event."""
        self.asked = False
        """A message waits for ``allow`` or ``refuse``."""

    def secured(self) -> None: ...

    def receive(self, side: Side, data: bytes) -> None:
        if b"\0" in data or not data.isascii():
            raise WireError("toy.garbage", "a NUL or no ASCII came", blame=side.value)
        if not data:
            self.ended.add(side)
        *lines, self.rest[side] = (self.rest[side] + data).split(b"\n")
        self.lines[side].extend(line + b"\n" for line in lines)

    def next_event(self, side: Side) -> Event | None:
        if self.farewell is not None:
            farewell, self.farewell = self.farewell, None
            return farewell
        if not self.lines[side]:
            return self._end(side)
        if side is Side.CLIENT and (self.asked or (not self.logged_in and self.tokens)):
            return None
        line = self.lines[side].popleft()
        if side is Side.SERVER:
            if not self.logged_in:
                self.logged_in = True
                return SessionReady((Send(Side.CLIENT, b"welcome\n"),))
            if self.expected:
                said = line.decode().strip()
                response = Response(
                    None, Outcome.OK, said[:64], 1, len(line), 0, captured=((said,),)
                )
                return ResponseReceived(response, (line,), self.expected.popleft())
            return Forward(Side.CLIENT, (line,))
        if not self.logged_in:
            self.tokens += 1
            try:
                _, target, secret = line.decode().split()
            except ValueError:
                raise WireError("toy.login", "a login has three words") from None
            return LoginReceived(LoginRequest(target, "", "user", "app", ()), Secret(secret))
        self.tokens += 1
        self.asked = True
        text = line.decode().strip()
        return CommandsReceived(
            tuple(command(part) for part in text.split(";")), (line,), token=self.tokens
        )

    def _end(self, side: Side) -> SideEnded | None:
        if side in self.ended and not self.asked:
            self.ended.remove(side)
            return SideEnded(f"{side.value}.closed")
        return None

    client_key = b"key"

    def consult(self, recall: Callable[[Hashable], object | None]) -> None: ...

    def answer(self, question: Hashable, answer: object) -> None: ...

    def admit(self, login: LoginReceived, upstream: UpstreamLogin) -> Sequence[Send]:
        return (Send(Side.SERVER, f"hello {upstream.secret.reveal()}\n".encode()),)

    def start_server(self, *, tls: bool, channel_binding: bytes | None) -> Sequence[Send]:
        return ()

    def allow(self, message: CommandsReceived) -> None:
        self.asked = False
        self.expected.append(message.token)

    def refuse(
        self, what: LoginReceived | CommandsReceived | None, refusal: Refusal
    ) -> Sequence[Send]:
        self.asked = False
        if isinstance(what, LoginReceived):
            self.farewell = SideEnded("client.refused")
        return (Send(Side.CLIENT, f"!{refusal.code} {refusal.message}\n".encode()),)

    def notify(self, text: str) -> Sequence[Send]:
        return (Send(Side.CLIENT, f"? {text}\n".encode()),)

    def cancel(self) -> bytes:
        return b"cancel\n"

    def buffered(self, side: Side) -> int:
        return len(self.rest[side])


def line_wire(codec: Callable[[], LineCodec] = LineCodec) -> RelayedWire:
    return RelayedWire(lambda clear: faces(codec()))
