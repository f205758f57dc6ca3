"""Drives the PostgreSQL codec with bytes that a fuzzer chose, as a host would.

Law: whatever either side sends, the codec raises ``WireError`` or nothing, gives a bounded number
of events for a bounded number of bytes, holds back no more than it was given, and forwards no
byte to the server that the client did not send.
"""

import struct
from collections.abc import Iterator

from custody.model.codec import UpstreamLogin
from custody.model.command import Wire
from custody.model.errors import WireError
from custody.model.event import (
    CommandsReceived,
    Event,
    Forward,
    Inquiry,
    LoginReceived,
    RecordFirst,
    StreamEnded,
    TlsAnswered,
    TlsRequested,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import Side
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.statements.catalogue import (
    ColumnsQuestion,
    RelationFact,
    RelationFacts,
    RelationsQuestion,
    TableFact,
    Unanswered,
)
from custody.wire.sql.syntax import ParseQuestion, Unreadable

_REFUSAL = Refusal(RefusalCode.DENIED, "refused", "rule")
_UPSTREAM = UpstreamLogin("app", "orders", Secret("word"), tls="off", client_key=bytes(8))
_EVENTS_PER_BYTE = 4
_EVENTS_AT_LEAST = 200
_TEXT = 2048


class Driver:
    """A host without sockets. ``whims`` decides what a policy and a peer would decide."""

    def __init__(self, whims: bytes) -> None:
        options = PostgresOptions(
            cleartext=True, capture_bytes=256, command_bytes=_TEXT, bind_bytes=512, pending=64
        )
        self.codec = PostgresCodec(options, random=bytes)
        self._whims = whims or b"\0"
        self._turn = 0
        self._given = 0
        self._events = 0
        self._forwarded = 0
        self._received = {Side.CLIENT: 0, Side.SERVER: 0}

    def feed(self, side: Side, data: bytes) -> None:
        """Raises ``WireError`` where the codec does."""
        self._given += len(data)
        self._received[side] += len(data)
        self.codec.receive(side, data)
        self._settle()
        assert self.codec.buffered(side) <= self._received[side]

    def _settle(self) -> None:
        """Until neither side has an event: an answer to one side may free the other."""
        going = True
        while going:
            going = False
            for side in Side:
                while (event := self.codec.next_event(side)) is not None:
                    going = True
                    self._events += 1
                    bound = _EVENTS_AT_LEAST + _EVENTS_PER_BYTE * self._given
                    assert self._events < bound, "events without end"
                    self._answer(event, side)

    def _answer(self, event: Event, side: Side) -> None:
        match event:
            case TlsRequested() | TlsAnswered() | LoginReceived() | Inquiry():
                self._welcome(event)
            case CommandsReceived() if self._whim():
                self.codec.allow(event)
                self._count(event.wire)
            case CommandsReceived():
                self.codec.refuse(event, _REFUSAL)
            case Forward(Side.SERVER, wire):
                self._count(wire)
            case RecordFirst() if event.to is Side.SERVER:
                self._count(event.wire)
            case StreamEnded() if side is Side.CLIENT:
                self._count(event.wire)
            case _:
                pass

    def _welcome(self, event: TlsRequested | TlsAnswered | LoginReceived | Inquiry) -> None:
        match event:
            case TlsRequested():
                if self._whim():
                    self.codec.secured()
            case TlsAnswered():
                self.codec.start_server(tls=event.accepted, channel_binding=None)
            case LoginReceived():
                self.codec.admit(event, _UPSTREAM)
            case Inquiry(question):
                self.codec.answer(question, self._fact(question))

    def _count(self, wire: Wire) -> None:
        """What goes to the server is what came from the client; ours goes as ``Send``."""
        self._forwarded += sum(len(piece) for piece in wire)
        assert self._forwarded <= self._received[Side.CLIENT], "more forwarded than received"

    def _whim(self) -> bool:
        self._turn += 1
        return bool(self._whims[self._turn % len(self._whims)] >> (self._turn % 8) & 1)

    def _fact(self, question: object) -> object:
        match question:
            case ParseQuestion():
                # The parser is C and is fuzzed by crashing workers, not here.
                return Unreadable("syntax")
            case ColumnsQuestion() if self._whim():
                return TableFact("public", "users", "r", ((1, "id"), (2, "ssn")))
            case RelationsQuestion(name) if self._whim():
                return RelationFacts((RelationFact("public", name, "r", ("id", "ssn")),))
            case _:
                return Unanswered()


def fuzz_login(data: bytes) -> None:
    """From the first byte, raw, on both sides; the first byte of each piece says which."""
    driver = Driver(data[:4])
    try:
        for side, piece in _pieces(data[4:], framed=False):
            driver.feed(side, piece)
    except WireError:
        return


def fuzz_session(data: bytes) -> None:
    """After both logins: pieces become frames with right lengths, or raw bytes."""
    driver = Driver(data[:4])
    _log_in(driver)
    try:
        for side, piece in _pieces(data[4:], framed=True):
            driver.feed(side, piece)
        for side in Side:
            driver.feed(side, b"")
    except WireError:
        return


def _log_in(driver: Driver) -> None:
    words = b"user\0a\0database\0orders\0\0"
    driver.feed(Side.CLIENT, struct.pack("!ii", len(words) + 8, 196608) + words)
    driver.feed(Side.CLIENT, message(b"p", b"ct_ticket\0"))
    driver.feed(Side.SERVER, message(b"R", bytes(4)))
    driver.feed(Side.SERVER, message(b"K", b"\0\0\0\1\0\0\0\2"))
    driver.feed(Side.SERVER, message(b"Z", b"I"))


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _pieces(data: bytes, *, framed: bool) -> Iterator[tuple[Side, bytes]]:
    """Read as: a byte whose top bit is the side and whose low bits say raw or framed; for a frame
    its type; a length; so many bytes.
    """
    place = 0
    while place < len(data):
        head = data[place]
        side = Side.SERVER if head & 0x80 else Side.CLIENT
        raw = not framed or head & 0x40
        kind = b"" if raw else data[place + 1 : place + 2]
        place += 1 if raw else 2
        length = data[place] if place < len(data) else 0
        body = data[place + 1 : place + 1 + length]
        place += 1 + length
        yield side, body if raw or not kind else message(kind, body)
