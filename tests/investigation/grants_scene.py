"""Work that agents did, in an index, for questions about grants."""

from collections.abc import Sequence
from pathlib import Path

from tests.index.story import START, Story

from custody.config.load import compile_policy, parse_config
from custody.config.tables import Config
from custody.index import FiledRecord, OwnDayFiles, SqliteIndex
from custody.model.command import Command
from custody.model.identity import Identity, Loop, Session
from custody.model.record import (
    Body,
    CommandSeen,
    LoopEnd,
    LoopStart,
    Milliseconds,
    Opaque,
    Response,
    SessionEnd,
    SessionStart,
    StoredRecord,
)
from custody.model.words import Decision, Effect, LoopId, Outcome, SessionId, TargetName

MINUTE = 60_000
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = START + 10 * DAY
HEAD = """
[gateway]
name = "gw"
[listen.postgres]
address = "127.0.0.1:6432"
[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "orders"
user = "app"
password = "env:PASSWORD"
[[target]]
name = "billing"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "billing"
user = "app"
password = "env:PASSWORD"
"""
GRANT = """
[[grant]]
groups = ["agents"]
targets = ["*"]
effects = ["read", "write", "define", "grant", "execute", "unknown"]
"""
READ, WRITE, DEFINE = Effect.READ, Effect.WRITE, Effect.DEFINE
Done = tuple[frozenset[Effect], tuple[str, ...]]


def config(grants: str = GRANT) -> Config:
    return parse_config((HEAD + grants).encode(), Path("/etc/custody/custody.toml"))


def done(*effects: Effect, on: Sequence[str] = ("public.orders",)) -> Done:
    return frozenset(effects), tuple(on)


class Work(Story):
    """Tells what was done, at ``at``; a second passes with each record."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START
        self._made = 0

    def tell(self, body: Body, loop: str | None = None, session: str | None = None) -> int:
        n = super().tell(body, loop, session)
        filed = self.filed.pop()
        record = StoredRecord(
            filed.record.log,
            filed.record.index,
            n,
            Milliseconds(self.at),
            filed.record.loop,
            filed.record.session,
            body,
        )
        self.filed.append(FiledRecord(self.day, record))
        self.at += 1000
        return n

    def begin(
        self,
        subject: str = "ada",
        groups: tuple[str, ...] = ("agents",),
        issuer: str = "local",
        *,
        principal: Identity | None = None,
        parent: str | None = None,
        lasts: int = HOUR,
    ) -> Loop:
        self._made += 1
        loop = Loop(
            LoopId(f"loop_{self._made}"),
            Identity(subject, issuer, groups),
            self.at,
            self.at + lasts,
            parent=None if parent is None else LoopId(parent),
            principal=principal,
        )
        self.tell(LoopStart(loop, "tkt_1"), loop.id)
        return loop

    def act(
        self,
        loop: Loop,
        *commands: Done,
        target: str = "orders",
        decision: Decision = Decision.ALLOW,
        rule: str = "grant",
        stream: bool = False,
    ) -> None:
        """A session with these commands; each is answered."""
        self._made += 1
        session = f"ses_{self._made}"
        who = loop.identity
        self.tell(
            SessionStart(
                target, "postgres", who.subject, who.issuer, who.groups, "127.0.0.1:9", "me", "db",
                "psql", "",
            ),
            loop.id,
            session,
        )  # fmt: skip
        if stream:
            self.tell(Opaque("a replication connection's stream", 40), loop.id, session)
        for effects, objects in commands:
            command = Command("DO", effects, objects, True, "some text")
            seen = CommandSeen(command, decision, rule, "because", "ab" * 32, target)
            n = self.tell(seen, loop.id, session)
            outcome = Outcome.OK if decision is Decision.ALLOW else Outcome.REFUSED
            self.tell(Response(n, outcome, "", 3, 0, 5), loop.id, session)
        self.tell(SessionEnd("client.goodbye", len(commands), 0, 10, 2000), loop.id, session)

    def end(self, session: str = "", loop: str = "", reason: str = "finished") -> None:
        del session
        self.tell(LoopEnd(reason), loop)

    def index(self, folder: Path) -> SqliteIndex:
        index = SqliteIndex(OwnDayFiles(folder))
        self.into(index)
        return index


def session_of(loop: Loop, target: str) -> Session:
    return Session(
        SessionId(f"ses_{loop.id}_{target}"),
        loop,
        TargetName(target),
        "postgres",
        "127.0.0.1:9",
        "me",
        "db",
        "psql",
        loop.started,
    )


def allowed(pasted: str, loop: Loop, what: Done, target: str, now: int) -> bool:
    """Whether a configuration with nothing but the pasted grants would allow it."""
    policy = compile_policy(config(pasted))
    effects, objects = what
    command = Command("DO", effects, objects, True, "some text")
    verdict = policy.decide(session_of(loop, target), command, now)
    return verdict.decision is Decision.ALLOW
