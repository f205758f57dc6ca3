"""The smallest host that a codec can have: blocking sockets, a thread for each connection.

It does what the real one does, in the same order, without a disk: events are kept in a list.
"""

import contextlib
import functools
import selectors
import socket
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Self

import psycopg

from custody.model.codec import SeveralQuestions, UpstreamLogin
from custody.model.command import Command
from custody.model.errors import WireError
from custody.model.event import (
    CancelReceived,
    CatalogueStale,
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
    TlsRequested,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.secret import Secret
from custody.model.words import Side
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.statements.catalogue import read, sql
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import ParseQuestion

Judge = Callable[[Command], Refusal | None]


def allow_all(command: Command) -> Refusal | None:
    del command
    return None


@functools.lru_cache(maxsize=10_000)
def parsed(text: str) -> object:
    return analyse(text)


class TinyHost:
    """Listens on ``port`` and speaks to one target."""

    def __init__(
        self,
        target: tuple[str, int],
        user: str,
        password: str,
        *,
        judge: Judge = allow_all,
        options: PostgresOptions | None = None,
        replication: bool = False,
    ) -> None:
        self.target = target
        self.user = user
        self.password = password
        self.judge = judge
        self.options = options or PostgresOptions(cleartext=True)
        self.replication = replication
        self.events: list[Event] = []
        self.errors: list[BaseException] = []
        self.sessions: dict[bytes, PostgresCodec] = {}
        self.upward = bytearray()
        self._keys = 0
        self._lookups = threading.Lock()
        self._databases: dict[str, psycopg.Connection[tuple[object, ...]]] = {}
        self._known: dict[Hashable, object] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._over = False
        self._serving: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)
        for serving in self._serving:
            serving.join(timeout=10)
        for connection in self._databases.values():
            connection.close()

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def commands(self, stage: str = "execute") -> Iterator[Command]:
        for event in list(self.events):
            if isinstance(event, CommandsReceived) and event.stage == stage:
                yield from event.commands

    def responses(self) -> list[ResponseReceived]:
        return [event for event in self.events if isinstance(event, ResponseReceived)]

    def _accept(self) -> None:
        while not self._over:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            serving = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._serving.append(serving)
            serving.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            Conversation(self, client).run()
        except OSError:
            pass
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test must see it
            self.errors.append(error)
        finally:
            client.close()

    def find(self, question: Hashable, database: str) -> object:
        if isinstance(question, ParseQuestion):
            return parsed(question.text)
        if isinstance(question, SeveralQuestions):
            return tuple(self.find(each, database) for each in question.each)
        with self._lookups:
            if (database, question) not in self._known:
                connection = self._databases.get(database)
                if connection is None:
                    host, port = self.target
                    connection = psycopg.connect(
                        host=host,
                        port=port,
                        user=self.user,
                        password=self.password,
                        dbname=database,
                        autocommit=True,
                    )
                    self._databases[database] = connection
                rows = connection.execute(sql(question).encode()).fetchall()  # type: ignore[arg-type]  # the scene made it what it is
                texts = [tuple(None if v is None else str(v) for v in row) for row in rows]
                self._known[database, question] = read(question, texts)  # type: ignore[arg-type]  # the scene made it what it is
            return self._known[database, question]

    def forget(self) -> None:
        with self._lookups:
            self._known.clear()

    def new_key(self) -> bytes:
        self._keys += 1
        return self._keys.to_bytes(4, "big") + b"0123456789abcdef0123456789abcdef"


class Conversation:
    def __init__(self, host: TinyHost, client: socket.socket) -> None:
        self.host = host
        self.client = client
        self.server: socket.socket | None = None
        self.codec = PostgresCodec(host.options)
        self.selector = selectors.DefaultSelector()
        self.database = ""
        self.over = False

    def run(self) -> None:
        try:
            self._converse()
        finally:
            self.selector.close()
            if self.server is not None:
                self.server.close()

    def _converse(self) -> None:
        self.selector.register(self.client, selectors.EVENT_READ, Side.CLIENT)
        while not self.over:
            for key, _ in self.selector.select(timeout=30):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]  # the scene made it what it is
                if not data:
                    self.selector.unregister(key.fileobj)
                try:
                    self.codec.receive(key.data, data)
                    self.pump()
                except WireError as error:
                    self.host.errors.append(error)
                    self.send(self.codec.refuse(None, Refusal(RefusalCode.PROTOCOL, error.fault)))
                    self.over = True

    def pump(self) -> None:
        moved = True
        while moved and not self.over:
            moved = False
            for side in (Side.CLIENT, Side.SERVER):
                event = self.codec.next_event(side)
                if event is not None:
                    moved = True
                    self.handle(event)

    def send(self, sends: Sequence[Send]) -> None:
        for send in sends:
            self.write(send.to, (send.data,))

    def write(self, to: Side, wire: "tuple[bytes | memoryview, ...]") -> None:
        target = self.client if to is Side.CLIENT else self.server
        for piece in wire:
            if target is not None:
                target.sendall(piece)
            if to is Side.SERVER:
                self.host.upward += piece

    def handle(self, event: Event) -> None:  # noqa: C901, PLR0912  # one arm for each event
        self.host.events.append(event)
        codec = self.codec
        match event:
            case TlsRequested():
                self.client.sendall(event.decline)
            case LoginReceived():
                self.admit(event)
            case TlsAnswered():
                self.send(list(codec.start_server(tls=False, channel_binding=None)))
            case SessionReady():
                self.send(event.sends)
                self.host.sessions[codec.client_key] = codec
            case LoginFailed():
                self.send(list(codec.refuse(None, event.refusal)))
                self.over = True
            case CancelReceived():
                victim = self.host.sessions.get(event.key)
                if victim is not None:
                    with socket.create_connection(self.host.target) as line:
                        line.sendall(victim.cancel())
                        line.recv(1)
                self.over = True
            case Inquiry():
                codec.answer(event.question, self.host.find(event.question, self.database))
            case CommandsReceived():
                self.judge(event)
            case Forward():
                self.write(event.to, tuple(event.wire))
            case RecordFirst():
                self.write(event.to, tuple(event.wire))
            case ResponseReceived():
                self.write(Side.CLIENT, tuple(event.wire))
            case StreamEnded():
                self.write(Side.SERVER, tuple(event.wire))
            case Send():
                self.send([event])
            case CatalogueStale():
                self.host.forget()
            case SideEnded():
                self.write(Side.SERVER, tuple(event.wire))
                self.over = True

    def admit(self, event: LoginReceived) -> None:
        login = event.login
        self.database = login.database
        self.server = socket.create_connection(self.host.target)
        self.selector.register(self.server, selectors.EVENT_READ, Side.SERVER)
        upstream = UpstreamLogin(
            user=self.host.user,
            database=login.database,
            secret=Secret(self.host.password),
            parameters=login.parameters,
            stream="replication" if self.host.replication else "",
            client_key=self.host.new_key(),
        )
        self.send(list(self.codec.admit(event, upstream)))

    def judge(self, event: CommandsReceived) -> None:
        for command in event.commands:
            refusal = self.host.judge(command)
            if refusal is not None:
                self.send(list(self.codec.refuse(event, refusal)))
                return
        self.codec.allow(event)
        self.write(Side.SERVER, tuple(event.wire))
