"""What the gateway asks a target's catalogue, on a read-only connection of its own.

Law: a look-up never touches a client's session and never waits for ever. What could not be found
out is ``None``; whoever asked must then take the worst. Nothing here is trusted for longer than
``TRUSTED_FOR_S``.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Final

from custody.gateway.connections.connection import Connection
from custody.gateway.connections.upstream import connect, secure
from custody.gateway.target import Target
from custody.model.codec import Inquirer, UpstreamLogin
from custody.model.errors import CustodyError
from custody.model.identity import GATEWAY, Credential, Loop
from custody.model.interfaces import Vault

TRUSTED_FOR_S: Final = 30.0
FAILED_FOR_S: Final = 2.0
"""After a failure, how long questions are answered by ``None`` at once."""
ANSWER_TIMEOUT_S: Final = 3.0
PATIENCE_S: Final = 5.0
"""How long a session waits for an answer, those of others before it included."""
IDLE_S: Final = 3.0
"""Short, so that the gateway does not keep a database busy (DROP DATABASE waits 5 s for others)."""
QUESTIONS_AT_MOST: Final = 1000
ASKED_AT_ONCE: Final = 64
"""Questions that are on their way together: the target answers one after the other."""
ANSWERS_AT_MOST: Final = 20_000

_log: Final = logging.getLogger("custody.lookup")


Lease = Callable[[Loop, Target], Awaitable[Credential]]
"""As ``SessionServices.lease``."""
_Asked = tuple[int, Hashable]
"""A question, and the generation of the catalogue that it asks about."""


class Lookups:
    """The look-ups of one database. Shared by all sessions on it."""

    def __init__(
        self,
        target: Target,
        database: str,
        lease: Lease,
        inquirer: Callable[[], Inquirer],
        start: Callable[["Lookups"], None],
    ) -> None:
        self.target: Final = target
        self._database: Final = database
        self._lease: Final = lease
        self._inquirer: Final = inquirer
        self._start: Final = start
        self._event_loop: Final = asyncio.get_running_loop()
        self._known: Final[OrderedDict[Hashable, tuple[float, object]]] = OrderedDict()
        self._asked: Final[dict[_Asked, asyncio.Future[object]]] = {}
        self._queue: Final[asyncio.Queue[_Asked]] = asyncio.Queue()
        self._generation = 0
        """One more each time that the catalogue may have changed."""
        self._unsettled = 0
        """Sessions whose transactions may change the catalogue."""
        self._failed_at = -FAILED_FOR_S
        self._running = False

    def recall(self, question: Hashable) -> object | None:
        known = self._known.get(question)
        if known is None or self._event_loop.time() - known[0] > TRUSTED_FOR_S:
            return None
        return known[1]

    async def find(self, question: Hashable) -> object | None:
        if (answer := self.recall(question)) is not None:
            return answer
        key = self._generation, question
        asked = self._asked.get(key)
        if asked is None:
            if self._event_loop.time() - self._failed_at < FAILED_FOR_S:
                return None
            if len(self._asked) >= QUESTIONS_AT_MOST:
                return None
            asked = self._asked[key] = self._event_loop.create_future()
            self._queue.put_nowait(key)
            if not self._running:
                self._running = True
                self._start(self)
        # The future is shared: one asker's end must not end it for the others.
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(asked)
        except TimeoutError:
            return None

    def forget(self) -> None:
        """The catalogue may have changed. Answers that are under way are neither kept nor given to
        whoever asks from now on.
        """
        self._known.clear()
        self._generation += 1

    def unsettle(self) -> None:
        """Once for each session, which calls ``settle`` once behind it."""
        self._unsettled += 1

    def settle(self) -> None:
        self._unsettled -= 1
        self.forget()

    async def run(self) -> None:
        """Answer questions until there were none for a while."""
        connection: _Line | None = None
        try:
            while True:
                questions = await self._next_questions(ASKED_AT_ONCE)
                if not questions:
                    return
                try:
                    if connection is None or connection.broken:
                        async with asyncio.timeout(ANSWER_TIMEOUT_S):
                            connection = await self._open()
                    await self._find(questions, connection)
                except (CustodyError, TimeoutError, OSError) as error:
                    name = error.code if isinstance(error, CustodyError) else "time-out"
                    _log.warning("%s: a look-up failed: %s", self.target.name, name)
                    if connection is not None:
                        connection.close()
                        connection = None
                    self._failed_at = self._event_loop.time()
                    while questions:  # those that have an answer keep it
                        for question in questions:
                            self._answer(question, None, keep=False)
                        questions = self._waiting(QUESTIONS_AT_MOST)
        finally:
            self._running = False
            if connection is not None:
                connection.close()
            for question in list(self._asked):
                self._answer(question, None, keep=False)

    async def _next_questions(self, most: int) -> list[_Asked]:
        """Those that wait, or the first that comes; none where none comes for a while."""
        try:
            async with asyncio.timeout(IDLE_S):
                first = await self._queue.get()
        except TimeoutError:
            return []
        return [first, *self._waiting(most - 1)]

    def _waiting(self, most: int) -> list[_Asked]:
        return [self._queue.get_nowait() for _ in range(min(most, self._queue.qsize()))]

    async def _find(self, questions: Sequence[_Asked], connection: "_Line") -> None:
        generation = self._generation
        connection.ask(question for _, question in questions)
        for key in questions:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await connection.answer()
            keep = generation == self._generation and not self._unsettled
            self._answer(key, answer, keep=keep)

    def _answer(self, key: _Asked, answer: object | None, *, keep: bool) -> None:
        if keep and answer is not None:
            question = key[1]
            self._known[question] = (self._event_loop.time(), answer)
            self._known.move_to_end(question)
            while len(self._known) > ANSWERS_AT_MOST:
                self._known.popitem(last=False)
        asked = self._asked.pop(key, None)
        if asked is not None and not asked.done():
            asked.set_result(answer)

    async def _open(self) -> "_Line":
        return await _open(self.target, self._database, self._lease, self._inquirer())


async def try_login(target: Target, vault: Vault, inquirer: Inquirer) -> str:
    """Log in as look-ups do, and leave. The TLS that was agreed on; empty: none.

    Raises ``CustodyError`` as the vault, the connection and the target's answers do. The caller
    sets the time-out.
    """

    async def lease(_gateway: Loop, target: Target) -> Credential:
        return await vault.lease(GATEWAY, target.name)

    line = await _open(target, target.database, lease, inquirer)
    line.close()
    return line.tls


async def _open(target: Target, database: str, lease: Lease, inquirer: Inquirer) -> "_Line":
    credential = await lease(GATEWAY, target)
    line = _Line(target, inquirer)
    upstream = UpstreamLogin(
        user=credential.user or target.user,
        database=database,
        secret=credential.secret,
        parameters=(("application_name", "custody"),),
        tls=target.tls,
    )
    try:
        await line.open(upstream)
    except BaseException:
        line.close()
        raise
    return line


class _Line:
    """A logged-in connection for questions, whose answers come in order."""

    def __init__(self, target: Target, inquirer: Inquirer) -> None:
        self._target: Final = target
        self._inquirer: Final = inquirer
        self._connection: Connection | None = None
        self._moved: Final = asyncio.Event()
        self._error: CustodyError | None = None
        self.broken = False

    async def open(self, upstream: UpstreamLogin) -> None:
        self._connection = await connect(self._target, self)
        self._connection.write(self._inquirer.begin(upstream))
        if upstream.tls != "off":
            while (accepted := self._inquirer.tls_answer) is None:
                await self._progress()
            if accepted:
                binding = await secure(self._target, self._connection)
            elif self._target.tls in ("require", "verify-full"):
                raise CustodyError(
                    "target.tls",
                    "The target does not offer TLS.",
                    "Switch TLS on at the target; this target's `tls` demands it.",
                )
            else:
                binding = None
            self._connection.write(self._inquirer.start(tls=accepted, channel_binding=binding))
        while not self._inquirer.ready:
            await self._progress()

    def ask(self, questions: Iterable[Hashable]) -> None:
        if self._connection is None:
            raise CustodyError("target.unreachable", "There is no look-up connection.")
        self._connection.write(b"".join(map(self._inquirer.ask, questions)))

    async def answer(self) -> object:
        """To the oldest question."""
        while not self._inquirer.answered:
            await self._progress()
        return self._inquirer.take_answer()

    @property
    def tls(self) -> str:
        tls = self._connection.tls if self._connection is not None else None
        return tls.description if tls is not None else ""

    def close(self) -> None:
        self.broken = True
        if self._connection is not None:
            self._connection.abort()

    async def _progress(self) -> None:
        if self._error is not None:
            raise self._error
        if self.broken:
            raise CustodyError("target.unreachable", "The target closed the look-up connection.")
        self._moved.clear()
        await self._moved.wait()

    # What the connection reports.

    def opened(self, connection: Connection) -> None:
        del connection

    def received(self, connection: Connection, data: bytes) -> None:
        try:
            reply = self._inquirer.receive(data)
        except CustodyError as error:
            self._error = error
            self.broken = True
        else:
            if reply:
                connection.write(reply)
        self._moved.set()

    def ended(self, connection: Connection) -> None:
        del connection
        self.broken = True
        self._moved.set()

    def lost(self, connection: Connection) -> None:
        self.ended(connection)

    def writing_blocked(self, connection: Connection, clogged: bool) -> None:  # noqa: FBT001 - an edge
        del connection, clogged
