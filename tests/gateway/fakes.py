"""Stand-ins for the rooms, so that the gateway can be tested alone.

The log keeps records and becomes durable by hand.
"""

from collections import deque
from collections.abc import Hashable, Sequence

from custody.model.command import Command, Verdict
from custody.model.errors import LogFailureError
from custody.model.identity import Admission, Credential, Identity, Loop, Session
from custody.model.interfaces import Durable
from custody.model.record import Body, Milliseconds, Receipt, Record, Response
from custody.model.secret import Secret
from custody.model.words import Decision, Effect, LoopId, TargetName, TicketId

LOOP = Loop(LoopId("loop_1"), Identity("ada", "local", ("agents",)), 0, 10**15)
ADMISSION = Admission(TicketId("tkt_1"), LOOP)


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


class Unmetered:
    """A meter that counts nothing."""

    def charge(
        self, session: Session, commands: Sequence[Command], verdicts: list[Verdict], stage: str
    ) -> bool:
        return False

    def answered(self, session: Session, response: Response) -> None: ...


UNMETERED = Unmetered()


class NoMask:
    digest = b"\2" * 32

    def mask(self, record: Record) -> Record:
        return record


class OneTicket:
    def __init__(self) -> None:
        self.over = False

    def authenticate(self, secret: Secret, now: int) -> Admission | str:
        return ADMISSION if secret.reveal() == "ct_good" else "ticket.unknown"

    def still_admits(self, admission: Admission, now: int) -> bool:
        return not self.over


class OneSecret:
    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        return Credential(Secret("real-password"))


class NoAdvice:
    def recall(self, question: Hashable) -> object | None:
        return None

    async def find(self, question: Hashable) -> object:
        return None

    def forget(self, *, settled: bool) -> None: ...

    def unsettle(self) -> None: ...


def clock() -> Milliseconds:
    return Milliseconds(1_000)
