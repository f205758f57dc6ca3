"""Records of a small gateway, told in order, for the index to keep."""

from custody.index import FiledRecord, Filter, IndexedEvent, Order, SqliteIndex, Watermark
from custody.index.entry import searched
from custody.index.text import fold
from custody.model.command import Argument, Command
from custody.model.gateway_records import AdminAct, Heartbeat
from custody.model.identity import Identity, Loop
from custody.model.record import (
    Body,
    CommandSeen,
    ErrorReport,
    Gap,
    LoginRefused,
    LoopEnd,
    LoopStart,
    Milliseconds,
    Opaque,
    Response,
    ResponseUnknown,
    SessionEnd,
    SessionStart,
    StoredRecord,
)
from custody.model.words import Decision, Effect, LoopId, Outcome, SessionId

START = 1_795_000_000_000
DAY = "2026-11-18"
NEXT_DAY = "2026-11-19"


class Story:
    """Numbers records as a log would. One second passes with each."""

    def __init__(self, log: str = "gw1.example.com/2026") -> None:
        self.log = log
        self.day = DAY
        self.filed: list[FiledRecord] = []
        self._numbers: dict[str, int] = {}

    def tell(self, body: Body, loop: str | None = None, session: str | None = None) -> int:
        """The record's ``n``."""
        n = -1
        if session is not None:
            n = self._numbers.get(session, -1) + 1
            self._numbers[session] = n
        index = len(self.filed)
        record = StoredRecord(
            self.log,
            index,
            n,
            Milliseconds(START + 1000 * index),
            None if loop is None else LoopId(loop),
            None if session is None else SessionId(session),
            body,
        )
        self.filed.append(FiledRecord(self.day, record))
        return n

    def loop(self, name: str = "loop_a", subject: str = "agent-7", purpose: str = "") -> None:
        identity = Identity(subject, "local", ("agents",))
        started = START
        loop = Loop(LoopId(name), identity, started, started + 3_600_000, purpose)
        self.tell(LoopStart(loop, "tkt_1"), name)

    def session(
        self,
        name: str = "ses_a",
        loop: str = "loop_a",
        subject: str = "agent-7",
        target: str = "orders",
    ) -> None:
        start = SessionStart(
            target, "postgres", subject, "local", ("agents",), "127.0.0.1:9", "me", "db", "psql", ""
        )
        self.tell(start, loop, name)

    def command(
        self,
        text: str,
        *arguments: str | None,
        session: str = "ses_a",
        loop: str = "loop_a",
        decision: Decision = Decision.ALLOW,
        effects: frozenset[Effect] = frozenset({Effect.READ}),
        objects: tuple[str, ...] = ("public.orders",),
        rule: str = "grant",
    ) -> int:
        command = Command(
            text.partition(" ")[0],
            effects,
            objects,
            True,
            text,
            tuple(Argument(each, "text", len(each or "")) for each in arguments),
        )
        seen = CommandSeen(command, decision, rule, "because", "ab" * 32, "orders")
        return self.tell(seen, loop, session)

    def response(
        self,
        command: int | None,
        *rows: tuple[str | None, ...],
        session: str = "ses_a",
        loop: str = "loop_a",
        outcome: Outcome = Outcome.OK,
        error: str = "",
        truncated: bool = False,
    ) -> None:
        report = ErrorReport("ERROR", "42P01", error) if error else None
        response = Response(
            command, outcome, "", len(rows), 0, 5, captured=rows, error=report, truncated=truncated
        )
        self.tell(response, loop, session)

    def end(self, session: str = "ses_a", loop: str = "loop_a") -> None:
        self.tell(SessionEnd("client.goodbye", 1, 0, 10, 20), loop, session)

    @property
    def through(self) -> Watermark:
        return Watermark(self.log, len(self.filed))

    def into(self, index: SqliteIndex, batch: int = 1000, start: int = 0) -> None:
        for at in range(start, len(self.filed), batch):
            part = self.filed[at : at + batch]
            index.append(part, Watermark(self.log, part[-1].record.index + 1))


def everything(
    index: SqliteIndex, asked: Filter | None = None, order: Order = Order.OLDEST, page: int = 100
) -> list[IndexedEvent]:
    found: list[IndexedEvent] = []
    cursor: str | None = None
    while True:
        answer = index.search(asked or Filter(), order=order, limit=page, cursor=cursor)
        found.extend(answer.events)
        cursor = answer.next
        if cursor is None:
            return found


def text_of(event: IndexedEvent) -> str:
    return fold(searched(event.text, event.arguments))


def usual() -> Story:
    """Two loops, two sessions, a refusal, an error, a session that goes on over midnight."""
    story = Story()
    story.loop(purpose="mend the invoices")
    story.session()
    story.response(story.command("SELECT * FROM orders WHERE id = $1", "7"), ("7", "Ada Lovelace"))
    refused = story.command(
        "DELETE FROM public.payments",
        decision=Decision.DENY,
        effects=frozenset({Effect.WRITE, Effect.READ}),
        objects=("public.payments",),
        rule="unbounded-write",
    )
    story.response(refused, outcome=Outcome.REFUSED, error="custody denied this command")
    story.tell(LoginRefused("ticket.unknown", "orders", "postgres", "10.0.0.9:1", "mallory"))
    story.loop("loop_b", "agent-8")
    story.session("ses_b", "loop_b", "agent-8", "crm")
    missing = story.command("SELECT nothing FROM nowhere", session="ses_b", loop="loop_b")
    story.response(
        missing,
        outcome=Outcome.ERROR,
        error='relation "nowhere" does not exist',
        session="ses_b",
        loop="loop_b",
    )
    late = story.command("SELECT pg_sleep(60)")
    story.tell(Heartbeat(2, "00" * 32))
    story.day = NEXT_DAY
    story.response(late, ("slept",))
    story.command("COMMIT", effects=frozenset(), objects=())
    story.tell(AdminAct("ticket.revoke", "root", "tkt_1"))
    story.tell(Gap("notices", 3), "loop_a", "ses_a")
    story.tell(Opaque("replication", 5), "loop_a", "ses_a")
    story.tell(ResponseUnknown(16), "loop_b", "ses_b")
    story.end()
    story.tell(LoopEnd("expired"), "loop_a")
    return story
