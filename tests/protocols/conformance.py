"""What every protocol's codec must do, whatever its protocol is.

Law: this suite knows faces only. A protocol hands it ``Transcript``s (what each side says, in which
order) and a way to make a codec; it gets the same promises tested as every other.
"""

import contextlib
import random
from collections.abc import Callable, Hashable, Sequence

import msgspec
import pytest

from custody.model.codec import CodecFaces, UpstreamLogin
from custody.model.errors import WireError
from custody.model.event import (
    CommandsReceived,
    Event,
    Forward,
    Inquiry,
    LoginReceived,
    RecordFirst,
    ResponseReceived,
    Send,
    SessionReady,
    SideEnded,
    StreamEnded,
    TlsAnswered,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side

Line = tuple[Side, bytes]
Decide = Callable[[CommandsReceived], bool | None]
"""``None`` holds the message."""

NO = Refusal(RefusalCode.DENIED, "not here")


class Transcript(msgspec.Struct, frozen=True):
    """A session: the login, then what is said in turns. ``name`` shows in test reports."""

    name: str
    login: tuple[Line, ...]
    lines: tuple[Line, ...]


class Subject(msgspec.Struct, frozen=True):
    """A protocol under test."""

    faces: Callable[[], CodecFaces]
    upstream: UpstreamLogin
    answer: Callable[[Hashable], object]
    transcripts: tuple[Transcript, ...]
    held_at_most: int
    """Bytes that a codec may hold for a side, whatever it is fed."""


class Host:
    """Does what a host must, with everything durable at once."""

    def __init__(self, subject: Subject, decide: Decide) -> None:
        self.faces = subject.faces()
        self.codec = self.faces.codec
        self.events: list[Event] = []
        self.held = 0
        self.held_message: CommandsReceived | None = None
        self.received = {Side.CLIENT: bytearray(), Side.SERVER: bytearray()}
        self.written = {Side.CLIENT: bytearray(), Side.SERVER: bytearray()}
        self._subject = subject
        self._decide = decide

    def say(self, side: Side, data: bytes) -> None:
        self.received[side] += data
        self.codec.receive(side, data)
        self.pump()
        self.held = max(self.held, self.codec.buffered(side))

    def decide_held(self) -> None:
        """Somebody said yes to what is held."""
        held, self.held_message = self.held_message, None
        if held is not None:
            self.codec.allow(held)
            self._write(Side.SERVER, held.wire)
            self.pump()

    def pump(self) -> None:
        moved = True
        while moved:
            moved = False
            for side in (Side.CLIENT, Side.SERVER):
                while (event := self.codec.next_event(side)) is not None:
                    moved = True
                    self._handle(event)

    def _handle(self, event: Event) -> None:  # noqa: C901, PLR0912  # one arm for each event
        self.events.append(event)
        match event:
            case LoginReceived():
                self._send(self.faces.login.admit(event, self._subject.upstream))
            case TlsAnswered():
                self._send(self.faces.login.start_server(tls=False, channel_binding=None))
            case SessionReady(sends=sends):
                self._send(sends)
            case Inquiry(question=question):
                if self.faces.consultant is not None:
                    self.faces.consultant.answer(question, self._subject.answer(question))
            case CommandsReceived():
                decision = self._decide(event)
                if decision is None:
                    self.held_message = event
                elif decision:
                    self.codec.allow(event)
                    self._write(Side.SERVER, event.wire)
                else:
                    self._send(self.codec.refuse(event, NO))
            case Forward(to=to, wire=wire) | RecordFirst(to=to, wire=wire):
                self._write(to, wire)
            case ResponseReceived(wire=wire):
                self._write(Side.CLIENT, wire)
            case StreamEnded(wire=wire) | SideEnded(wire=wire):
                self._write(Side.SERVER, wire)
            case Send():
                self._send((event,))
            case _:
                pass

    def _send(self, sends: Sequence[Send]) -> None:
        for send in sends:
            self._write(send.to, (send.data,))

    def _write(self, to: Side, wire: Sequence[bytes | memoryview]) -> None:
        for piece in wire:
            self.written[to] += piece

    def forget(self) -> None:
        self.events.clear()
        for side in Side:
            self.received[side].clear()
            self.written[side].clear()


def facts(events: Sequence[Event]) -> list[object]:
    """Events without their bytes, and without those that are nothing but bytes."""
    found: list[object] = []
    for event in events:
        match event:
            case Forward() | Inquiry():
                pass
            case LoginReceived(login=login):
                found.append(login)
            case (
                CommandsReceived()
                | ResponseReceived()
                | RecordFirst()
                | StreamEnded()
                | SideEnded()
            ):
                found.append(msgspec.structs.replace(event, wire=()))
            case _:
                found.append(event)
    return found


def by_side(events: Sequence[Event]) -> tuple[list[object], list[object]]:
    """What the two sides bring about is ordered on each side only."""
    told = facts(events)
    server: list[object] = [e for e in told if isinstance(e, ResponseReceived)]
    return [e for e in told if not isinstance(e, ResponseReceived)], server


def allow_all(event: CommandsReceived) -> bool:
    del event
    return True


def hold(event: CommandsReceived) -> None:
    del event


def logged_in(subject: Subject, transcript: Transcript, decide: Decide = allow_all) -> Host:
    host = Host(subject, decide)
    for side, data in transcript.login:
        host.say(side, data)
    assert any(isinstance(event, SessionReady) for event in host.events), "the login is broken"
    host.forget()
    return host


def play(subject: Subject, transcript: Transcript, chance: random.Random | None = None) -> Host:
    """Play it whole, or cut at random places."""
    host = logged_in(subject, transcript)
    for side, data in transcript.lines:
        position = 0
        while position < len(data):
            size = len(data) if chance is None else chance.choice((1, 2, 3, 5, 17, 100, 5000))
            host.say(side, data[position : position + size])
            position += size
    return host


class Conformance:
    """Subclass it as ``Test…`` with a ``subject``."""

    subject: Subject

    def test_any_split_of_the_bytes_gives_the_same_events(self) -> None:
        for transcript in self.subject.transcripts:
            whole = play(self.subject, transcript)
            for seed in range(12):
                cut = play(self.subject, transcript, random.Random(seed))
                assert by_side(cut.events) == by_side(whole.events), transcript.name
                assert cut.written == whole.written, transcript.name

    def test_each_byte_by_itself_gives_the_same_events(self) -> None:
        for transcript in self.subject.transcripts:
            if sum(len(data) for _, data in transcript.lines) > 50_000:
                continue
            whole = play(self.subject, transcript)
            host = logged_in(self.subject, transcript)
            for side, data in transcript.lines:
                for byte in data:
                    host.say(side, bytes((byte,)))
            assert by_side(host.events) == by_side(whole.events), transcript.name
            assert host.written == whole.written, transcript.name

    def test_a_login_may_be_split_anywhere(self) -> None:
        transcript = self.subject.transcripts[0]
        host = Host(self.subject, allow_all)
        for side, data in transcript.login:
            for byte in data:
                host.say(side, bytes((byte,)))
        assert any(isinstance(event, SessionReady) for event in host.events)

    def test_under_allow_all_what_is_forwarded_is_what_was_received(self) -> None:
        for transcript in self.subject.transcripts:
            host = play(self.subject, transcript)
            assert host.written[Side.SERVER] == host.received[Side.CLIENT], transcript.name
            assert host.written[Side.CLIENT] == host.received[Side.SERVER], transcript.name

    def test_a_refused_command_leaves_the_session_alive(self) -> None:
        for transcript in self.subject.transcripts:
            host = logged_in(self.subject, transcript, lambda _: False)
            refused = False
            for side, data in transcript.lines:
                if side is Side.CLIENT and not refused:
                    host.say(side, data)
                    refused = any(isinstance(e, CommandsReceived) for e in host.events)
            assert not any(isinstance(event, SideEnded) for event in host.events), transcript.name

    def test_what_stands_behind_a_held_message_waits_in_order(self) -> None:
        """The host may take as long as a human takes: nothing behind is given, nothing is lost."""
        for transcript in self.subject.transcripts:
            whole = play(self.subject, transcript)
            host = logged_in(self.subject, transcript, hold)
            for side, data in transcript.lines:
                host.say(side, data)
                while host.held_message is not None:
                    assert host.codec.next_event(Side.CLIENT) is None, transcript.name
                    host.decide_held()
            assert by_side(host.events) == by_side(whole.events), transcript.name
            assert host.written == whole.written, transcript.name

    def test_a_notice_changes_nothing_but_what_the_client_reads(self) -> None:
        for transcript in self.subject.transcripts:
            host = logged_in(self.subject, transcript)
            for side, data in transcript.lines:
                for send in host.codec.notify("waiting"):
                    assert send.to is Side.CLIENT
                host.say(side, data)
            assert host.written[Side.SERVER] == host.received[Side.CLIENT], transcript.name

    def test_no_event_is_given_twice(self) -> None:
        for transcript in self.subject.transcripts:
            host = play(self.subject, transcript, random.Random(1))
            answers = [
                (event.token, event.index)
                for event in host.events
                if isinstance(event, ResponseReceived) and event.token is not None
            ]
            assert len(answers) == len(set(answers)), transcript.name
            tokens = [e.token for e in host.events if isinstance(e, CommandsReceived)]
            assert len(tokens) == len(set(tokens)), transcript.name
            assert len({id(event) for event in host.events}) == len(host.events)

    def test_every_command_is_answered(self) -> None:
        for transcript in self.subject.transcripts:
            host = play(self.subject, transcript)
            due = {
                (event.token, index)
                for event in host.events
                if isinstance(event, CommandsReceived) and event.stage != "parse"
                for index in range(len(event.commands))
            }
            answered = {
                (event.token, event.index)
                for event in host.events
                if isinstance(event, ResponseReceived) and event.token is not None
            }
            assert answered == due, transcript.name

    def test_buffers_stay_bounded(self) -> None:
        for transcript in self.subject.transcripts:
            host = play(self.subject, transcript, random.Random(2))
            assert host.held <= self.subject.held_at_most, transcript.name

    @pytest.mark.parametrize("side", list(Side))
    def test_garbage_raises_only_wire_errors(self, side: Side) -> None:
        chance = random.Random(3)
        transcript = self.subject.transcripts[0]
        for _ in range(300):
            host = logged_in(self.subject, transcript)
            with contextlib.suppress(WireError):
                host.say(side, chance.randbytes(chance.randrange(1, 200)))

    def test_a_byte_changed_anywhere_raises_only_wire_errors(self) -> None:
        chance = random.Random(4)
        for transcript in self.subject.transcripts:
            if sum(len(data) for _, data in transcript.lines) > 50_000:
                continue
            for _ in range(60):
                lines = [(side, bytearray(data)) for side, data in transcript.lines if data]
                _, victim = chance.choice(lines)
                victim[chance.randrange(len(victim))] = chance.randrange(256)
                host = logged_in(self.subject, transcript)
                with contextlib.suppress(WireError):
                    for side, changed in lines:
                        host.say(side, bytes(changed))

    def test_both_sides_may_end_at_any_moment(self) -> None:
        for transcript in self.subject.transcripts:
            for count in range(len(transcript.lines) + 1):
                for side in Side:
                    host = logged_in(self.subject, transcript)
                    for speaker, data in transcript.lines[:count]:
                        host.say(speaker, data)
                    host.say(side, b"")
                    host.say(side, b"")
                    ends = [event for event in host.events if isinstance(event, SideEnded)]
                    # A client may have said goodbye before the server ended too.
                    assert 1 <= len(ends) <= 2, transcript.name
